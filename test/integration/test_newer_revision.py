"""A newer revision that does not do: the real Puppet leaves the machine as it was, and the agent knows what not to try again."""

from __future__ import annotations

from typing import Any

from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from roles import IMPATIENT, merged, role_config


def ended(instance: Instance, code: str | None, after: int = 0) -> dict[str, Any]:
    """The first run with a number beyond `after` that ended so."""
    return instance.wait_for_status(
        lambda status: status["run"] is not None
        and status["run"]["state"] == "finished"
        and status["run"]["number"] > after
        and (status["run"]["error"] or {}).get("code") == code,
        f"a run that ended with {code}",
    )["run"]


def test_a_revision_that_does_not_compile_gives_way_to_the_last_good_one(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    instance.configure(merged(IMPATIENT, {"metadata": {"watch": "1s"}}))
    back = {"on_failure": "last_good"}
    good = repo.commit_class("extra", "file { '/etc/extra': content => 'one' }")
    metadata.service = Ec2(role_config(repo, classes=["role::extra"], puppet=back))
    daemon = instance.start_bootwright("daemon")
    assert ended(instance, None)["revision"]["resolved"] == good

    # The class compiles and would change a file; the site does not.
    repo.commit_class("extra", "file { '/etc/extra': content => 'two' }")
    broken = repo.commit_compile_error()
    instance.write("/etc/extra", "drifted")
    metadata.service = Ec2(role_config(repo, classes=["role::extra"], puppet=back))
    failed = ended(instance, "puppet.compile_failed")
    assert failed["outcome"] == "compile_failed" and failed["resources"] is None
    assert failed["bad"]["revision"] == broken and failed["bad"]["given_up"]
    assert failed["instead"]["revision"] == good and failed["instead"]["outcome"] == "changed"
    assert instance.read("/etc/extra") == "one"

    # By plan it comes again, converges to the old state, and does not touch what is given up.
    instance.write("/etc/extra", "drifted once more")
    again = ended(instance, "puppet.given_up", after=failed["number"])
    assert broken in again["error"]["message"] and "no::such::class" in again["error"]["message"]
    assert again["instead"]["outcome"] in ("changed", "unchanged") and instance.read("/etc/extra") == "one"
    folder = f"/var/lib/bootwright/runs/{again['number']:06d}"
    assert not instance.exists(f"{folder}/puppet.jsonl") and instance.exists(f"{folder}/last_good/puppet.jsonl")
    shown = instance.bootwright("status")
    assert shown.returncode == 1
    assert f"given up  {broken}" in shown.stdout and f"instead   the last good revision {good}" in shown.stdout
    assert "no undo" in shown.stdout

    # A revision that does is taken as soon as it is pinned.
    repo.commit_class("extra", "file { '/etc/extra': content => 'three' }")
    mended = repo.commit({"manifests/site.pp": "include role::extra\n"}, "Mended")
    metadata.service = Ec2(role_config(repo, classes=["role::extra"], puppet=back))
    now = ended(instance, None, after=again["number"])
    assert now["revision"]["resolved"] == mended and now["bad"] is None and now["instead"] is None
    assert instance.read("/etc/extra") == "three"
    assert daemon.stop() == 0
