"""Runs for people: what would change, one run at another revision or with another role config, following one under way."""

from __future__ import annotations

import json
from typing import Any

from control_repo import ControlRepo
from instance import Instance
from interruption import let_go, patient_puppet, puppet_is_at_work, quick_puppet
from metadata_server import MetadataServer
from metadata_services import Ec2
from on_disk import STATE, runs
from real_machine import wait_for
from roles import IMPATIENT, merged, role_config

SECRET = "hunter2-of-the-noop"


def history(instance: Instance) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = json.loads(instance.bootwright("history", "--json").stdout)
    return lines


def resources(content: str, more: str = "") -> str:
    return f"  file {{ '/srv/motd': content => \"{content} ${{lookup('motto')}}\\n\" }}\n{more}"


def test_what_would_change(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    instance.configure(IMPATIENT)
    instance.path("/srv").mkdir(exist_ok=True)
    old = repo.commit_class("web", resources("old"))
    metadata.service = Ec2(role_config(repo, role="web", revision=old, data={"motto": SECRET}))
    none = instance.bootwright("run", "--noop")
    assert none.returncode == 6 and "File[/srv/motd] (site-modules/role/manifests/web.pp:2)" in none.stdout, none
    assert not instance.exists("/srv/motd") and not instance.exists(f"{STATE}/last_good.json")
    assert instance.status()["run"] is None and instance.status()["configured"] is None
    runs(instance)
    before = instance.bootwright("status").stdout
    assert instance.bootwright("run", "--noop").returncode == 0
    # Neither what says that it is applied all the same, nor a lock, is in the way.
    more = (
        "  exec { '/bin/touch /srv/touched': noop => false }\n"
        "  file { '/srv/made': ensure => file, noop => false }\n"
        "  exec { '/bin/touch /srv/refreshed': refreshonly => true, subscribe => File['/srv/made'], noop => false }\n"
    )
    new = repo.commit_class("web", resources("new", more))
    assert instance.bootwright("lock", "disks", "--reason", "they are moved").returncode == 0
    done = instance.bootwright("run", "--noop", "--revision", new)
    assert done.returncode == 6, done.stdout + done.stderr
    last = f"this would change: role web at {new}"
    for text in ("    -old [redacted]", "    +new [redacted]", "File[/srv/made]", "Exec[/bin/touch /srv/touched]", last):
        assert text in done.stdout, (text, done.stdout)
    assert SECRET not in done.stdout + done.stderr
    for file in ("touched", "made", "refreshed"):
        assert not instance.exists(f"/srv/{file}")
    assert instance.read("/srv/motd") == f"old {SECRET}\n"
    assert instance.bootwright("unlock", "disks").returncode == 0
    after = instance.bootwright("status").stdout
    assert before.splitlines()[0] == after.splitlines()[0] and f"at {old}" in after
    assert "/srv/made" not in instance.read("/run/bootwright/status.json")
    assert [(line["outcome"], line["noop"]) for line in history(instance)] == [
        ("noop_drift", True), ("changed", False), ("unchanged", True), ("noop_drift", True),
    ]  # fmt: skip
    assert history(instance)[-1]["past_locks"] == ["disks"]
    # A revision that does not compile is no fault of this machine, and not given up.
    broken = repo.commit_compile_error()
    failed = instance.bootwright("run", "--noop", "--revision", broken)
    assert failed.returncode == 1 and "puppet.compile_failed" in failed.stdout, failed
    assert not instance.exists(f"{STATE}/bad_revisions.json")
    # While the next real run goes on, the machine is still what it was.
    runs(instance)
    assert instance.status()["run"]["before"] == 2


def test_one_run_at_another_revision(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    instance.configure(merged(IMPATIENT, quick_puppet(instance), {"puppet": {"warm": False}}))
    old = repo.head
    metadata.service = Ec2(role_config(repo))
    runs(instance)
    good = instance.read(f"{STATE}/last_good.json")
    new = repo.commit({"data/common.yaml": "---\nx: 1\n"})
    assert instance.bootwright("run", "--revision", new).returncode == 0
    assert instance.status()["configured"]["revision"] == new
    assert instance.read(f"{STATE}/last_good.json") == good
    assert runs(instance)["revision"]["resolved"] == old
    instance.write("/root/role.yaml", f"role: db\nrepository: {{url: '{repo.url()}', revision: {new}}}\n")
    assert instance.bootwright("run", "--role-config", "/root/role.yaml").returncode == 0
    run = instance.status()["run"]
    assert (run["role"], run["revision"]["resolved"]) == ("db", new)
    assert runs(instance)["role"] == "base"
    assert [line["role"] for line in history(instance)] == ["base", "base", "base", "db", "base"]
    # What is wrong names the file; and the image's rules hold.
    instance.write("/root/role.yaml", "rol: db\n")
    wrong = instance.bootwright("run", "--role-config", "/root/role.yaml")
    assert wrong.returncode == 1 and "/root/role.yaml" in wrong.stdout and 'did you mean "role"?' in wrong.stdout
    assert instance.bootwright("run", "--role-config", "/root/none.yaml").returncode == 1
    name = instance.bootwright("run", "--revision", "main")
    assert name.returncode == 1 and "role.invalid" in name.stdout and "--revision" in name.stdout
    runs(instance)


def test_a_run_that_waits_follows_the_one_of_the_daemon(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    instance.configure(merged(IMPATIENT, patient_puppet(instance)))
    metadata.service = Ec2(role_config(repo))
    daemon = instance.start_bootwright("daemon")
    puppet_is_at_work(instance)
    assert instance.bootwright("run").returncode == 5
    followed = instance.start_bootwright("run", "--wait")
    noop = instance.start_bootwright("run", "--wait", "--noop")
    wait_for(lambda: "puppet" in followed.output, "what it follows")
    let_go(instance)
    assert followed.wait() == 0 and "configured: role base" in followed.output
    wait_for(lambda: len(history(instance)) == 2 or instance.processes("patient-puppet"), "the noop that had waited")
    let_go(instance)
    assert noop.wait() == 0 and "nothing would change" in noop.output, noop.output
    assert [(line["run"], line["noop"]) for line in history(instance)] == [(1, False), (2, True)]
    assert daemon.stop() == 0
