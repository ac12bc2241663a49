"""What Puppet starts is held, limited and ended, under a real systemd: by a stop, a deadline, a restart, an upgrade or a reboot that
comes from within the run itself.

The tests are one story on one machine, in the order of the file.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nspawn import Container
from real_machine import command, wait_for
from surroundings import Surroundings
from test_boot import SERVICE, install, status
from world import World


#: Takes minutes, with the others of its kind.
long = pytest.mark.skipif("BOOTWRIGHT_REBOOTS" not in os.environ, reason="by name only: BOOTWRIGHT_REBOOTS=1 test/run boot")

#: A process that makes a session of its own, loses its parent, and ignores every polite request.
DAEMON = '(setsid sh -c "trap \\"\\" TERM; sleep %d" >/dev/null 2>&1 &)'
GROUP = f"/system.slice/{SERVICE}"


@pytest.fixture(scope="module")
def machine(new_container: Callable[..., Container], package: Path) -> Iterator[Container]:
    made = new_container("control")
    install(made, package)
    configuration = {"platform": "file", "retry": {"puppet": {"attempts": 1}}, "puppet": {"nice": 5, "io_class": "idle", "memory_max": "1G"}}
    made.write("/etc/bootwright/agent.json", json.dumps(configuration))
    yield made
    made.power_off()


def shell(title: str, script: str, **more: str) -> str:
    parameters = "".join(f"    {key} => {value},\n" for key, value in more.items())
    return f"  exec {{ '{title}':\n    command => @(SCRIPT),\n      {script}\n      | SCRIPT\n    provider => shell,\n{parameters}  }}\n"


def pin(machine: Container, surroundings: Surroundings, name: str, body: str, **more: Any) -> None:
    """The machine is to be this role, which says this."""
    revision = surroundings.repo.commit_class(name, body)
    machine.write("/etc/bootwright/role.json", surroundings.role_config(name, revision, classes=[f"role::{name}"], **more).decode())


def run_of(machine: Container) -> dict[str, Any]:
    """The run of the present boot; empty before its first."""
    try:
        found = status(machine)
    except (OSError, ValueError):  # the machine is going down, or has no /run yet
        return {}
    return (found["run"] or {}) if found["boot_id"] else {}


def finished(machine: Container, number: int, timeout: float = 90) -> dict[str, Any]:
    def run() -> dict[str, Any]:
        found = run_of(machine)
        return found if found and found["number"] >= number and found["state"] == "finished" else {}

    found = wait_for(run, f"the end of run {number}", timeout=timeout, every=0.1)
    assert found["number"] == number, found
    return found


def report(machine: Container, number: int) -> dict[str, Any]:
    found = json.loads(machine.path(f"/var/lib/bootwright/runs/{number:06d}/report.json").read_text())
    assert isinstance(found, dict)
    return found


def sleepers(machine: Container, seconds: int) -> list[str]:
    """The processes of the machine that sleep so long."""
    found = []
    for folder in machine.path("/proc").glob("[0-9]*"):
        try:
            if folder.joinpath("cmdline").read_text() == f"sleep\0{seconds}\0":
                found.append(folder.name)
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            pass
    return found


def run_again(machine: Container) -> None:
    # systemd hears READY a moment after the status says that the run has ended, and reloads only what is active.
    wait_for(lambda: machine.property(SERVICE, "ActiveState") == "active", "READY")
    machine.run("systemctl", "reload", SERVICE, check=True)


def group_of(machine: Container, process: str) -> str:
    """Its control group of version 2, as the machine sees it."""
    lines = machine.run("cat", f"/proc/{process}/cgroup", check=True).stdout.splitlines()
    return next(line for line in lines if line.startswith("0::"))[3:]


def begin(machine: Container, surroundings: Surroundings, name: str, body: str, **more: Any) -> int:
    """The number of the run that applies the role."""
    number = int(run_of(machine)["number"]) + 1
    pin(machine, surroundings, name, body, **more)
    # Not a reload, for which systemd wants the service to be READY.
    machine.run("systemctl", "kill", "--kill-whom=main", "--signal=HUP", SERVICE, check=True)
    return number


def test_a_daemon_of_an_exec_survives_the_run_that_started_it_and_the_next(machine: Container, surroundings: Surroundings) -> None:
    body = shell("daemon", "touch /root/daemon; " + DAEMON % 7001, creates="'/root/daemon'")
    body += shell("where", "cat /proc/self/cgroup /proc/self/stat > /root/where; ionice > /root/ionice", creates="'/root/where'")
    pin(machine, surroundings, "daemon", body)
    machine.boot()
    run = finished(machine, 1)
    assert run["outcome"] == "changed", run
    # Where the kernel's memory controller serves version 1, as on most hosts of these tests, that is said.
    files = "/sys/fs/cgroup/cgroup.controllers /sys/fs/cgroup/unified/cgroup.controllers"
    holds = "memory" in machine.run("sh", "-c", f"cat {files} 2>/dev/null").stdout.split()
    assert any("memory.max" in warning for warning in run["warnings"]) != holds, run["warnings"]

    where = machine.path("/root/where").read_text().splitlines()
    assert f"0::{GROUP}/puppet" in where
    assert where[-1].rpartition(")")[2].split()[16] == "5"  # nice
    assert machine.path("/root/ionice").read_text().strip() == "idle"
    (daemon,) = sleepers(machine, 7001)
    assert group_of(machine, daemon) == f"{GROUP}/left"
    agent = machine.property(SERVICE, "MainPID")
    assert group_of(machine, agent) == f"{GROUP}/agent"

    run_again(machine)
    assert finished(machine, 2)["outcome"] == "unchanged"
    assert sleepers(machine, 7001) == [daemon]


def test_a_stop_ends_everything_that_a_run_has_started(machine: Container, surroundings: Surroundings) -> None:
    number = begin(machine, surroundings, "endless", shell("endless", (DAEMON % 7002) + "; sleep 7003"))
    wait_for(lambda: sleepers(machine, 7002) and sleepers(machine, 7003), "what the run starts", timeout=60)
    began = time.monotonic()
    machine.run("systemctl", "stop", SERVICE, check=True)
    assert time.monotonic() - began < 40  # by the agent, not by systemd's limit
    assert not sleepers(machine, 7002) and not sleepers(machine, 7003)
    assert machine.property(SERVICE, "Result") == "success"
    run = report(machine, number)
    assert (run["outcome"], run["error"]["kind"], run["error"]["code"]) == ("interrupted", "stopped", "stopped")


def test_a_run_that_restarts_the_service_ends_well(machine: Container, surroundings: Surroundings) -> None:
    """systemctl waits for the service's stop and for its start, within the run that the stop would end."""
    body = shell("restart", "touch /root/restarted; systemctl restart bootwright", creates="'/root/restarted'")
    body += "  file { '/root/after': content => 'after', require => Exec['restart'] }\n"
    pin(machine, surroundings, "restart", body)
    number = int(run_of(machine)["number"]) + 1
    machine.run("systemctl", "start", "--no-block", SERVICE, check=True)
    # A start within a boot that was configured is READY at once, so the restart completes.
    run = finished(machine, number + 1)
    before = report(machine, number)
    assert (before["outcome"], before["error"]["code"]) == ("interrupted", "puppet.handed_over")
    assert (run["outcome"], run["error"]) == ("unchanged", None)
    assert machine.path("/root/after").read_text() == "after"
    log = machine.path(f"/var/lib/bootwright/runs/{number:06d}/puppet.jsonl").read_text()
    assert "executed successfully" in log and '"level": "err"' not in log and '"level":"err"' not in log
    assert machine.property(f"bootwright-run-{number}.scope", "ActiveState") == "inactive"


def newer(package: Path, world: World) -> Path:
    unpacked = world.new_folder("newer")
    command("dpkg-deb", "--raw-extract", package, unpacked)
    control = (unpacked / "DEBIAN/control").read_text()
    version = next(line for line in control.splitlines() if line.startswith("Version: "))
    (unpacked / "DEBIAN/control").write_text(control.replace(version, version + "+1"))
    made = world.folder / "control-newer.deb"
    command("dpkg-deb", "--root-owner-group", "-Znone", "--build", unpacked, made)
    return made


def test_a_run_may_upgrade_the_agent(machine: Container, surroundings: Surroundings, package: Path, world: World) -> None:
    shutil.copyfile(newer(package, world), machine.path("/root/newer.deb"))
    agent = machine.property(SERVICE, "MainPID")
    upgrade = "dpkg --install /root/newer.deb && touch /root/upgraded"
    body = shell("upgrade", upgrade, creates="'/root/upgraded'") + "  file { '/root/then': content => 'then', require => Exec['upgrade'] }\n"
    number = begin(machine, surroundings, "upgrade", body)
    run = finished(machine, number + 1)
    assert (report(machine, number)["outcome"], run["outcome"]) == ("changed", "unchanged")
    # The same process, READY all the while, with the new program.
    assert machine.property(SERVICE, "MainPID") == agent
    assert machine.run("readlink", f"/proc/{agent}/exe", check=True).stdout == "/usr/bin/bootwright\n"
    assert machine.property(SERVICE, "ActiveState") == "active"
    time.sleep(0.5)
    assert run_of(machine)["number"] == number + 1


@long
def test_a_deadline_ends_everything_that_a_run_has_started(machine: Container, surroundings: Surroundings) -> None:
    body = shell("late", (DAEMON % 7004) + "; sleep 7005", timeout="0")
    number = begin(machine, surroundings, "late", body, puppet={"timeout": "8s"})
    run = finished(machine, number)
    assert (run["outcome"], run["error"]["code"]) == ("timed_out", "puppet.timeout")
    assert not sleepers(machine, 7004) and not sleepers(machine, 7005)


@long
def test_a_run_that_reboots_the_machine_is_resumed(machine: Container, surroundings: Surroundings) -> None:
    body = shell("reboot", "touch /root/rebooted; systemctl reboot; sleep 60", creates="'/root/rebooted'")
    number = begin(machine, surroundings, "reboot", body)
    machine.wait_for_reboot()
    run = finished(machine, number + 1)
    before = report(machine, number)
    assert before["outcome"] == "interrupted" and "rebooted during this run" in before["error"]["message"], before["error"]
    assert (run["outcome"], run["resumes"]) == ("unchanged", number)


@long
def test_a_first_run_that_restarts_the_service_comes_to_an_end(machine: Container, surroundings: Surroundings) -> None:
    """The restart would wait for READY, that for the next run, and that for the Puppet which waits for the restart."""
    body = shell("first", "touch /root/first; systemctl restart bootwright", creates="'/root/first'")
    pin(machine, surroundings, "first", body)
    number = int(run_of(machine)["number"]) + 1
    machine.power_off()
    machine.boot()
    run = finished(machine, number + 1)
    assert report(machine, number)["error"]["code"] == "puppet.handed_over"
    assert run["outcome"] == "unchanged"
    wait_for(lambda: machine.property(SERVICE, "ActiveState") == "active", "READY")


@long
def test_a_loop_of_reboots_is_broken(machine: Container, surroundings: Surroundings) -> None:
    number = begin(machine, surroundings, "loop", shell("loop", "systemctl reboot; sleep 60"))
    for _ in range(3):
        machine.wait_for_reboot()
    run = finished(machine, number + 3)
    assert (run["outcome"], run["error"]["code"], run["error"]["kind"]) == ("not_reached", "puppet.reboot_loop", "permanent")
    assert [report(machine, number + more)["outcome"] for more in range(3)] == ["interrupted"] * 3
    # Another revision is another matter.
    number = begin(machine, surroundings, "tame", "  notify { 'tame': }")
    assert finished(machine, number)["outcome"] == "changed"
