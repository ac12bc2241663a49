"""Locks of an operator, and Puppet's own: no run begins, everybody is told why, and the next one begins when the lock is gone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from interruption import let_go, patient_puppet, puppet_is_at_work, quick_puppet
from metadata_server import MetadataServer
from metadata_services import Ec2
from on_disk import runs
from roles import IMPATIENT, merged, role_config
from runs import converges


@pytest.fixture
def quick(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> Instance:
    instance.configure(merged(IMPATIENT, quick_puppet(instance), {"puppet": {"warm": False}}))
    metadata.service = Ec2(role_config(repo))
    return instance


def history(instance: Instance) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = json.loads(instance.bootwright("history", "--json").stdout)
    return lines


def lock(instance: Instance, *options: str, name: str = "disks") -> None:
    done = instance.bootwright("lock", name, "--reason", "the disks are moved", *options, env={"SUDO_USER": "alice"})
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_locked_machine_is_left_alone_and_says_so(quick: Instance, metadata: MetadataServer) -> None:
    runs(quick)
    lock(quick)
    asked = len(metadata.requests)
    stopped = quick.bootwright("run")
    assert stopped.returncode == 1 and "the disks are moved" in stopped.stderr and "lock.held" in stopped.stderr
    assert "`bootwright unlock disks`" in stopped.stderr
    assert len(metadata.requests) == asked
    # What the machine is stays readable.
    shown = quick.bootwright("status")
    assert shown.returncode == 0 and shown.stdout.startswith("configured: "), shown.stdout
    assert "locked    disks, by alice" in shown.stdout and "the disks are moved" in shown.stdout
    assert quick.status()["run"]["number"] == 1
    assert [(line["run"], line["outcome"]) for line in history(quick)] == [(1, "unchanged"), (2, "locked")]
    assert json.loads(quick.bootwright("history", "--at", "0s", "--json").stdout)["run"] == 1
    assert json.loads(quick.bootwright("locks", "--json").stdout)[0]["by"].startswith("alice")
    # Past it, once.
    forced = quick.bootwright("run", "--force")
    assert forced.returncode == 0, forced.stdout + forced.stderr
    assert history(quick)[-1]["past_locks"] == ["disks"]
    assert quick.bootwright("run").returncode == 1
    assert quick.bootwright("unlock", "disks").returncode == 0
    converges(quick)
    assert "locked" not in quick.bootwright("status").stdout


def test_only_root_sets_a_lock_and_everybody_sees_it(quick: Instance) -> None:
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/bootwright"]
    refused = quick.run([*nobody, "lock", "mine", "--reason", "because"])
    assert refused.returncode == 1 and "io.not_permitted" in refused.stderr, refused
    lock(quick, "--for", "2h")
    unread = quick.run([*nobody, "locks"])
    assert unread.returncode == 1 and "io.not_permitted" in unread.stderr, unread
    shown = quick.run([*nobody, "status"])
    assert "locked    disks, by alice, since 20" in shown.stdout, shown
    assert " UTC, ends in 1 h 59 min: the disks are moved; no run begins before that, or `bootwright unlock disks`\n" in shown.stdout


def test_the_daemon_waits_for_the_end_of_a_lock(quick: Instance) -> None:
    lock(quick)
    daemon = quick.start_bootwright("daemon")
    status = quick.wait_for_status(lambda s: s["daemon"] and s["daemon"]["next"], "what it waits for")
    assert status["run"] is None and status["daemon"]["next"]["at"] is None
    assert "the disks are moved" in status["daemon"]["next"]["reason"]
    shown = quick.bootwright("status")
    assert "next run  this machine is locked" in shown.stdout, shown.stdout
    quick.run(["sleep", "6"])  # it has looked again
    assert len(history(quick)) == 1
    assert quick.bootwright("unlock", "disks").returncode == 0
    run = quick.wait_for_status(lambda s: s["run"] and s["run"]["state"] == "finished", "the run that had waited")["run"]
    assert (run["number"], run["cause"]["why"], run["outcome"]) == (2, "boot", "unchanged")
    assert daemon.stop() == 0


def test_a_lock_ends_by_itself_and_a_damaged_file_does_not(quick: Instance) -> None:
    lock(quick, "--for", "4s")
    daemon = quick.start_bootwright("daemon")
    quick.wait_for_status(lambda s: s["run"] and s["run"]["state"] == "finished", "the run after the lock's end")
    assert [line["outcome"] for line in history(quick)] == ["locked", "unchanged"]
    assert daemon.stop() == 0
    quick.write("/var/lib/bootwright/locks.json", '{"schema": 1, "locks": [')
    stopped = quick.bootwright("run")
    assert stopped.returncode == 1 and "lock.unreadable" in stopped.stderr
    assert quick.bootwright("status").returncode == 1
    assert "lock.unreadable" in quick.bootwright("status").stdout
    quick.remove("/var/lib/bootwright/locks.json")
    converges(quick)


def test_a_run_under_way_goes_on(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    instance.configure(merged(IMPATIENT, patient_puppet(instance)))
    metadata.service = Ec2(role_config(repo))
    run = instance.start_bootwright("run")
    puppet_is_at_work(instance)
    done = instance.bootwright("lock", "disks", "--reason", "they are moved")
    assert done.returncode == 0 and "run 1 is under way, and goes on" in done.stdout
    let_go(instance)
    assert run.wait() == 0
    assert instance.bootwright("run").returncode == 1


def test_the_lock_of_puppets_own_command_is_one(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    instance.configure(IMPATIENT)
    metadata.service = Ec2(role_config(repo))
    instance.run(["puppet", "agent", "--disable", "database migration"], check=True)
    stopped = instance.bootwright("run")
    assert stopped.returncode == 1 and "database migration" in stopped.stderr and "`puppet agent --enable`" in stopped.stderr
    assert json.loads(instance.bootwright("locks", "--json").stdout)[0]["name"] == "puppet"
    assert instance.bootwright("unlock", "puppet").returncode == 2
    instance.run(["puppet", "agent", "--enable"], check=True)
    converges(instance)
