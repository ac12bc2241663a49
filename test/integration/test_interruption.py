"""Stopped, killed and cut off in each stage; and the daemon, which goes on."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

import metadata_faults
import pytest
from control_repo import ControlRepo
from fault_proxy import FaultProxy
from instance import Instance
from interruption import let_go, patient_puppet, puppet_is_at_work, quick_puppet
from machine import Process
from metadata_server import MetadataServer
from metadata_services import Ec2
from real_machine import command, wait_for
from roles import IMPATIENT, merged, role_config

USER_DATA = "/latest/user-data"


@pytest.fixture
def stuck(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo, proxy: FaultProxy, stage: str
) -> tuple[Instance, Process]:
    """An instance whose first run hangs in the stage."""
    instance.configure(IMPATIENT)
    repo.commit_class("slow", "exec { '/bin/sleep 4321': timeout => 0 }\n  -> file { '/etc/after': ensure => file }")
    good = role_config(repo, url=repo.url(port=proxy.port))
    metadata.service = Ec2(role_config(repo, url=repo.url(port=proxy.port), classes=["role::slow"]) if stage == "puppet" else good)
    if stage == "platform":
        metadata.fault(USER_DATA, metadata_faults.silence())
    if stage == "repository":
        instance.configure(merged(IMPATIENT, {"repository": {"stall": "60s"}}))
        proxy.silence()
    process = instance.start_bootwright("run")

    def is_stuck(status: dict[str, Any]) -> bool:
        run = status["run"]
        if stage == "puppet":
            return bool(run) and run["stage"] == "puppet" and bool(instance.processes("sleep 4321"))
        return bool(run) and run["stage"] == stage and (stage == "platform" or run["child"] is not None)

    instance.wait_for_status(is_stuck, f"a run that hangs in {stage}")
    return instance, process


def heal(instance: Instance, metadata: MetadataServer, repo: ControlRepo, proxy: FaultProxy) -> None:
    metadata.clear_faults()
    proxy.heal()
    metadata.service = Ec2(role_config(repo, url=repo.url(port=proxy.port)))


@pytest.mark.parametrize("stage", ["platform", "repository", "puppet"])
def test_sigterm_in_each_stage(
    stuck: tuple[Instance, Process], stage: str, metadata: MetadataServer, repo: ControlRepo, proxy: FaultProxy
) -> None:
    instance, process = stuck
    began = time.monotonic()
    assert process.stop() == 1
    assert time.monotonic() - began < 20
    run = instance.status()["run"]
    assert run["state"] == "finished" and run["outcome"] == "interrupted"
    assert (run["error"]["code"], run["error"]["stage"]) == ("stopped", stage)
    wait_for(lambda: not instance.processes("sleep 4321") and not instance.processes("bootwright fetch"), "the children's end")
    assert not instance.exists("/etc/after")
    heal(instance, metadata, repo, proxy)
    done = instance.bootwright("run")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("stage", ["platform", "repository", "puppet"])
def test_sigkill_in_each_stage(
    stuck: tuple[Instance, Process], stage: str, metadata: MetadataServer, repo: ControlRepo, proxy: FaultProxy
) -> None:
    instance, process = stuck
    assert process.kill() == -9
    # The file still says "running"; nobody is taken in.
    status = instance.status()
    assert status["run"]["state"] == "running"
    shown = instance.bootwright("status")
    assert shown.returncode == 1 and f"was cut off in stage {stage}" in shown.stdout, shown.stdout
    heal(instance, metadata, repo, proxy)
    done = instance.bootwright("run")
    assert done.returncode == 0, done.stdout + done.stderr
    # Nothing of the killed run is left at work beside the new one.
    assert not instance.processes("sleep 4321") and not instance.processes("bootwright fetch")


@pytest.mark.parametrize("stage", ["repository", "puppet"])
def test_a_power_cut_in_each_stage(
    stuck: tuple[Instance, Process], stage: str, metadata: MetadataServer, repo: ControlRepo, proxy: FaultProxy
) -> None:
    instance, process = stuck
    instance.reboot()
    process.wait()
    assert instance.bootwright("status").returncode == 4
    heal(instance, metadata, repo, proxy)
    done = instance.bootwright("run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert instance.status()["run"]["number"] == 2


def test_a_child_that_is_killed_is_no_end(instance: Instance, metadata: MetadataServer, repo: ControlRepo, proxy: FaultProxy) -> None:
    """The fetch dies, as by the out-of-memory killer: the next attempt goes on."""
    instance.configure(merged(IMPATIENT, {"repository": {"stall": "60s"}}))
    proxy.silence(times=1)
    metadata.service = Ec2(role_config(repo, url=repo.url(port=proxy.port)))
    before = proxy.connections
    process = instance.start_bootwright("run")
    status = instance.wait_for_status(lambda s: s["run"] and s["run"]["stage"] == "repository" and s["run"]["child"], "the fetch")
    wait_for(lambda: proxy.connections > before, "the connection that stays silent")
    instance.run(["kill", "-9", str(status["run"]["child"]["pid"])], check=True)
    assert process.wait() == 0, process.output
    assert "repository.fetch_crashed" in process.output


# The daemon


def start_daemon(instance: Instance) -> Process:
    process = instance.start_bootwright("daemon")
    instance.wait_for_status(lambda status: status["daemon"] is not None, "the daemon's first word")
    return process


def test_the_daemon_goes_on_until_it_works(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    instance.configure(IMPATIENT)
    metadata.service = Ec2(role_config(repo))
    metadata.fault(USER_DATA, metadata_faults.status(500))
    daemon = start_daemon(instance)
    status = instance.wait_for_status(lambda s: s["daemon"]["next"] and s["run"] and s["run"]["number"] >= 2, "a plan after two runs")
    assert "platform.unexpected_answer" in status["daemon"]["next"]["reason"]
    shown = instance.bootwright("status", "--wait", "--timeout", "1s")
    assert shown.returncode == 3, shown.stdout
    metadata.clear_faults()
    waited = instance.bootwright("status", "--wait", "--timeout", "60s")
    assert waited.returncode == 0, waited.stdout
    assert daemon.stop() == 0
    assert instance.status()["daemon"]["state"] == "stopped"
    assert instance.bootwright("status").returncode == 0


def test_waiting_may_begin_before_the_agent(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    metadata.service = Ec2(role_config(repo))
    assert instance.bootwright("status", "--wait", "--timeout", "500ms").returncode == 4
    waiting = instance.start_bootwright("status", "--wait", "--timeout", "60s")
    daemon = start_daemon(instance)
    assert waiting.wait() == 0, waiting.output
    assert waiting.output.startswith("configured")
    assert daemon.stop() == 0


def test_a_pin_that_is_pushed_later_is_found(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    instance.configure(IMPATIENT)
    first = repo.head
    later = repo.commit({"later": "x"})
    repo.rewind(first)
    # As long as the server keeps the commit, it gives it, whatever leads there.
    command("git", "-C", repo.bare, "gc", "-q", "--prune=now")
    metadata.service = Ec2(role_config(repo, revision=later))
    daemon = start_daemon(instance)
    status = instance.wait_for_status(lambda s: s["daemon"]["next"] and s["run"] and s["run"]["error"], "the error")
    assert status["run"]["error"]["code"] == "git.revision_not_found"
    assert "slowly" in status["daemon"]["next"]["reason"]
    failed = instance.bootwright("status", "--wait", "--timeout", "30s")
    assert failed.returncode == 1  # permanent: waiting alone is no use
    repo.branch("main", later)
    instance.wait_for_status(lambda s: s["configured"] and s["configured"]["revision"] == later, "the new revision")
    assert daemon.stop() == 0


def test_sighup_runs_at_once(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    instance.configure(IMPATIENT)
    metadata.service = Ec2(role_config(repo))
    daemon = start_daemon(instance)
    status = instance.wait_for_status(lambda s: s["configured"] is not None and s["daemon"]["state"] == "waiting", "the first run")
    assert status["daemon"]["next"] is None
    daemon.signal(signal.SIGHUP)
    instance.wait_for_status(lambda s: s["configured"]["run"] == 2, "the second run")
    assert daemon.stop() == 0


def test_the_schedule_is_kept_and_shown(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    metadata.service = Ec2(role_config(repo, schedule={"interval": "10m", "splay": "5m"}))
    daemon = start_daemon(instance)
    status = instance.wait_for_status(lambda s: s["configured"] is not None and s["daemon"]["next"], "the plan")
    delay = status["daemon"]["next"]["at"]["monotonic_s"] - status["configured"]["at"]["monotonic_s"]
    assert 300 <= delay < 901 and status["daemon"]["next"]["reason"] == "schedule"
    assert "next run  in " in instance.bootwright("status").stdout
    assert daemon.stop() == 0


def test_one_daemon_only_and_a_run_by_hand_beside_it(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    metadata.service = Ec2(role_config(repo))
    daemon = start_daemon(instance)
    instance.wait_for_status(lambda s: s["configured"] is not None and s["daemon"]["state"] == "waiting", "the first run")
    second = instance.bootwright("daemon")
    assert second.returncode == 5 and "another bootwright daemon" in second.stderr
    assert instance.bootwright("run").returncode == 0
    status = instance.status()
    assert status["run"]["number"] == 2 and status["daemon"]["state"] == "waiting"
    assert daemon.stop() == 0


def test_a_killed_daemon_is_seen_and_replaced(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    metadata.service = Ec2(role_config(repo))
    daemon = start_daemon(instance)
    instance.wait_for_status(lambda s: s["configured"] is not None and s["daemon"]["state"] == "waiting", "the first run")
    daemon.kill()
    shown = instance.bootwright("status")
    assert shown.returncode == 0 and "not running" in shown.stdout
    again = start_daemon(instance)
    instance.wait_for_status(lambda s: s["configured"]["run"] == 2, "the second daemon's run")
    assert again.stop() == 0


def test_a_daemon_that_is_stopped_in_the_middle_of_a_run_ends_it_in_order(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    # Puppet has a grace of ten seconds; this one needs four of them.
    instance.configure(merged(IMPATIENT, patient_puppet(instance, seconds_to_end=4)))
    metadata.service = Ec2(role_config(repo))
    daemon = start_daemon(instance)
    puppet_is_at_work(instance)
    daemon.signal(signal.SIGTERM)
    instance.wait_for_status(lambda s: s["daemon"]["state"] == "stopping", "its last word but one")
    assert daemon.wait(60) == 0
    assert instance.exists("/root/ended-in-order"), "Puppet was killed within its grace"
    status = instance.status()
    run = status["run"]
    assert (run["number"], run["state"], run["outcome"], run["error"]["code"]) == (1, "finished", "interrupted", "stopped")
    assert status["daemon"]["state"] == "stopped" and status["daemon"]["next"] is None and status["configured"] is None
    assert json.loads(instance.read("/var/lib/bootwright/runs/000001/report.json"))["outcome"] == "interrupted"
    assert not instance.processes("patient-puppet")
    let_go(instance)
    assert instance.bootwright("run").returncode == 0


def test_a_puppet_that_does_not_heed_a_stop_is_killed_after_its_grace(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    instance.configure(merged(IMPATIENT, patient_puppet(instance, seconds_to_end=4321)))
    metadata.service = Ec2(role_config(repo))
    process = instance.start_bootwright("run")
    puppet_is_at_work(instance)
    assert process.stop(60) == 1
    assert instance.status()["run"]["outcome"] == "interrupted"
    assert not instance.processes("patient-puppet") and not instance.processes("sleep 4321")


def test_a_program_that_is_replaced_in_each_run_takes_over_once(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    """A manifest that installs the agent anew each time must not make it run for ever."""
    instance.configure(merged(IMPATIENT, quick_puppet(instance), {"puppet": {"warm": False}}))
    anew = "cp /usr/bin/bootwright /usr/bin/bootwright.new && mv /usr/bin/bootwright.new /usr/bin/bootwright\n"
    puppet = instance.read("/usr/local/bin/quick-puppet")
    instance.write("/usr/local/bin/quick-puppet", puppet.replace("#!/bin/sh\n", f"#!/bin/sh\n{anew}"), 0o755)
    metadata.service = Ec2(role_config(repo))
    daemon = start_daemon(instance)

    def has_rested_after(number: int) -> None:
        instance.wait_for_status(
            lambda s: s["run"] and s["run"]["number"] == number and s["run"]["state"] == "finished" and s["daemon"]["watching"],
            f"a rest after run {number}",
        )

    # The first program runs, the second takes over and begins with a run of its own, and then stays.
    has_rested_after(2)
    daemon.signal(signal.SIGHUP)
    has_rested_after(4)
    assert daemon.stop() == 0
    assert daemon.output.count("takes over") == 2, daemon.output
    assert instance.status()["run"]["number"] == 4


def test_the_daemon_tells_systemd(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    instance.configure(IMPATIENT)
    metadata.service = Ec2(role_config(repo))
    metadata.fault(USER_DATA, metadata_faults.status(500), times=4)
    instance.write(
        "/root/listen.py",
        "import socket, sys\n"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "s.bind('/run/notify')\n"
        "while True:\n"
        "    print(s.recv(4096).decode().replace('\\n', '|'), flush=True)\n",
    )
    listener = instance.start(["/usr/bin/python3", "/root/listen.py"])
    wait_for(lambda: instance.exists("/run/notify"), "the socket")
    daemon = instance.start_bootwright("daemon", env={"NOTIFY_SOCKET": "/run/notify"})
    wait_for(lambda: "READY=1" in listener.output, "READY")
    assert instance.status()["configured"] is not None
    lines = listener.output.splitlines()
    before = lines[: lines.index("READY=1")]
    assert any(line.startswith("WATCHDOG=1|EXTEND_TIMEOUT_USEC=120000000|STATUS=") for line in before)
    assert any("failed" in line for line in before)
    wait_for(lambda: "STATUS=configured: role base" in listener.output, "the status")
    assert daemon.stop() == 0
    assert "STOPPING=1" in listener.output


def test_status_is_valid_json_at_every_instant(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    instance.configure(IMPATIENT)
    repo.commit_ballast(1)
    metadata.service = Ec2(role_config(repo))
    metadata.fault(USER_DATA, metadata_faults.status(500), times=1)
    process = instance.start_bootwright("run")
    seen = set()
    while process.running:
        try:
            run = instance.status()["run"]  # raises where it does not parse
        except FileNotFoundError:
            continue
        seen.add(run["stage"])
    assert process.wait() == 0, process.output
    assert {"platform", "repository", "puppet"} <= seen
