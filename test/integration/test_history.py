"""What a machine was on a date: `bootwright history` over what runs of the real program leave."""

from __future__ import annotations

import json
import signal
from datetime import datetime, timezone
from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from interruption import patient_puppet, puppet_is_at_work, quick_puppet
from metadata_server import MetadataServer
from metadata_services import Ec2
from on_disk import STATE, runs
from roles import IMPATIENT, merged, role_config

SECRET = "hunter2-of-the-history"


@pytest.fixture
def quick(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> Instance:
    instance.configure(merged(IMPATIENT, quick_puppet(instance), {"puppet": {"warm": False}}))
    metadata.service = Ec2(role_config(repo, data={"motto": SECRET}, facts={"port": 80, "db_password": SECRET}))
    return instance


def history(instance: Instance, *options: str) -> Any:
    done = instance.bootwright("history", "--json", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_what_the_machine_was_then(quick: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    first = repo.head
    runs(quick)
    then = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    repo.commit({"data/common.yaml": "---\nx: 1\n"})
    metadata.service = Ec2(role_config(repo, data={"motto": SECRET}, facts={"port": 81, "db_password": SECRET}))
    quick.run(["sleep", "1"])  # the next second
    runs(quick)
    was = history(quick, "--at", then)
    assert (was["run"], was["revision"], was["good"]) == (1, first, True)
    assert was["cause"]["why"] == "asked_for" and was["cause"]["by"].startswith("root")
    assert was["kept"]["role_config"]["config"]["facts"]["port"] == 80
    assert was["kept"]["facts"]["cloud"]["id"] == was["instance"]
    now = history(quick, "--at", "0s")
    assert (now["run"], now["revision"]) == (2, repo.head)
    assert now["kept"]["role_config"]["config"]["facts"]["port"] == 81
    assert now["kept"]["role_config"]["config"]["data"]["motto"] == was["kept"]["role_config"]["config"]["data"]["motto"]
    # The records may go: the past stays.
    quick.run(["rm", "-rf", f"{STATE}/runs"], check=True)
    assert history(quick, "--run", "1") == {**was, "hooks": None}  # which the report had
    assert runs(quick)["number"] == 3


def test_no_secret_enters_the_past(quick: Instance) -> None:
    runs(quick)
    assert quick.run(["grep", "-rlz", SECRET, f"{STATE}/history.jsonl"]).returncode == 1
    kept = quick.run(["sh", "-c", f"zcat {STATE}/past/*.gz"], check=True).stdout
    assert '"port":80' in kept and SECRET not in kept
    for options in (["--run", "1"], ["--run", "1", "--json"], []):
        assert SECRET not in quick.bootwright("history", *options).stdout


def test_a_run_that_is_killed_stands_in_the_history(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    instance.configure(merged(IMPATIENT, patient_puppet(instance)))
    metadata.service = Ec2(role_config(repo))
    run = instance.start_bootwright("run")
    puppet_is_at_work(instance)
    run.kill()
    instance.configure(merged(IMPATIENT, quick_puppet(instance)))
    runs(instance)
    assert [(line["run"], line["outcome"], line["good"]) for line in history(instance)] == [(1, "cut_off", False), (2, "unchanged", True)]
    assert [line["run"] for line in history(instance, "--failed")] == [1]


def test_runs_of_an_older_agent_and_a_torn_line(quick: Instance) -> None:
    for _ in range(2):
        runs(quick)
    quick.run(["rm", "-rf", f"{STATE}/history.jsonl", f"{STATE}/past"], check=True)
    runs(quick)
    assert [line["run"] for line in history(quick)] == [1, 2, 3]
    text = quick.read(f"{STATE}/history.jsonl")
    quick.write(f"{STATE}/history.jsonl", text + text[:100], 0o600)
    assert [line["run"] for line in history(quick)] == [1, 2, 3]
    runs(quick)
    assert [line["run"] for line in history(quick)] == [1, 2, 3, 4]


def test_the_daemon_says_why_it_runs(quick: Instance) -> None:
    daemon = quick.start_bootwright("daemon")
    quick.wait_for_status(lambda s: s["daemon"] and s["daemon"]["state"] == "waiting", "the first run's end")
    daemon.signal(signal.SIGHUP)
    quick.wait_for_status(lambda s: s["run"]["number"] == 2 and s["run"]["state"] == "finished", "the second run's end")
    daemon.stop()
    again = quick.start_bootwright("daemon")
    quick.wait_for_status(lambda s: s["run"]["number"] == 3 and s["run"]["state"] == "finished", "the third run's end")
    again.stop()
    causes = [(line["cause"]["why"], line["cause"]["by"]) for line in history(quick)]
    assert causes == [("boot", None), ("asked_for", "SIGHUP"), ("restart", None)]


def test_others_than_root_are_told_so(quick: Instance) -> None:
    runs(quick)
    done = quick.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bootwright", "history"])
    assert done.returncode == 1 and "io.not_permitted" in done.stderr, done.stdout + done.stderr


def test_what_has_changed_between_two_runs(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    """By the real Puppet: its catalogs are kept, the same ones once."""
    instance.configure(IMPATIENT)
    metadata.service = Ec2(role_config(repo))
    for _ in range(2):
        runs(instance)
    metadata.service = Ec2(role_config(repo, data={"profile::base::contact": "the night shift"}))
    runs(instance)
    assert len({line["kept"]["catalog"] for line in history(instance)}) == 2
    assert "0 added, 0 changed, 0 removed" in instance.bootwright("diff", "1", "2").stdout
    done = instance.bootwright("diff", "2", "--json")
    assert done.returncode == 0, done.stderr
    difference = json.loads(done.stdout)
    assert [change["name"] for change in difference["role_config"]] == ["data.profile::base::contact"]
    changed = {change["resource"]: change for change in difference["resources"]}
    assert changed["File[/etc/motd]"]["change"] == "changed" and changed["File[/etc/motd]"]["line"] > 0
    shown = instance.bootwright("diff", "last_good", "2").stdout
    assert "  -  contact   the night shift" in shown and "  +  contact   operations" in shown, shown
    ignoring = json.loads(instance.bootwright("diff", "2", "--json", "--ignore", "File[/etc/motd].*", "--ignore", "No[*]").stdout)
    assert ignoring["ignored"] > 0 and "File[/etc/motd]" not in {change["resource"] for change in ignoring["resources"]}
    assert " ignored" in instance.bootwright("diff", "2", "--ignore", "*[*]", "--exit-code").stdout
    wrong = instance.bootwright("diff", "2", "--ignore", "/etc/motd")
    assert wrong.returncode == 2 and "expected TYPE[TITLE]" in wrong.stderr, wrong
