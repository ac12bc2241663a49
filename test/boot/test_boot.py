"""The package in a minimal Debian that boots with a real systemd: from the image to the purge.

The tests that take `machine` are one story on one machine, in the order of the file.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from instance import EC2_SYS, INSTANCE_ID
from metadata_services import Ec2
from network import INSTANCE_ADDRESS
from nspawn import Container
from real_machine import command, wait_for
from surroundings import Surroundings
from world import World

SERVICE, READY = "bootwright.service", "bootwright-ready.target"
CONFFILE = "/etc/bootwright/agent.json"
COMPILED = "/var/cache/bootwright/puppet.compiled"

UNIT = """\
[Unit]
{dependencies}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true

[Install]
WantedBy={target}
"""
#: The two ways to wait for the agent that bootwright-ready.target names. The first is wanted by multi-user.target, which would
#: wait for it if it had default dependencies.
UNITS = {
    "ordered.service": UNIT.format(dependencies=f"DefaultDependencies=no\nAfter={READY}", target="multi-user.target"),
    "strict.service": UNIT.format(dependencies=f"Requires={READY}\nAfter={READY}", target=READY),
}


def install(machine: Container, package: Path) -> None:
    """As an image is built: no systemd runs, and what the package depends on is there. There is no network to get it from."""
    shutil.copyfile(package, machine.path("/root/bootwright.deb"))
    machine.run_in_image("apt-get", "install", "-y", "--no-install-recommends", "/root/bootwright.deb")


def status(machine: Container) -> dict[str, Any]:
    document = json.loads(machine.path("/run/bootwright/status.json").read_text())
    assert isinstance(document, dict)
    return document


def wait_until_ready(machine: Container, timeout: float = 120) -> dict[str, Any]:
    """The status once systemd calls the service active: not before the instance is configured, and soon after."""
    told_by = None
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        before = status(machine)
        was_configured = before["configured"] is not None and before["configured"]["run"] == before["run"]["number"]
        state = machine.property(SERVICE, "ActiveState")
        assert state in ("activating", "active")
        if state == "active":
            assert status(machine)["configured"], "systemd was told READY before the instance was configured"
            wait_for(lambda: machine.property(READY, "ActiveState") == "active", READY)
            wait_for(lambda: status(machine)["run"]["state"] == "finished", "the end of the run", timeout)
            return status(machine)
        if was_configured:
            told_by = told_by or time.monotonic() + 5
            assert time.monotonic() < told_by, "the instance is configured, and systemd was not told READY"
        time.sleep(0.1)
    raise AssertionError(f"not configured after {timeout:g} s")


def page(world: World, address: str = INSTANCE_ADDRESS) -> str:
    with world.network.servers.entered(), urllib.request.urlopen(f"http://{address}/", timeout=10) as answer:
        content = answer.read()
    assert isinstance(content, bytes)
    return content.decode()


def when(machine: Container, unit: str, name: str) -> int:
    """Microseconds since the real machine booted."""
    return int(machine.property(unit, name))


@pytest.fixture(scope="module")
def machine(world: World, new_container: Callable[..., Container], package: Path) -> Container:
    """A machine whose image has the package, on hardware that says that it is EC2."""
    # No folder can be made in sysfs, but a read-only layer can be laid over it.
    sys_files = world.new_folder("sys")
    for path, content in EC2_SYS.items():
        file = sys_files / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    made = new_container("instance", options=[f"--overlay-ro=/sys/class:{sys_files}/class:/sys/class"])
    install(made, package)
    # It stands for a virtual machine, but is a container, which believes no hardware: this one has a service of its own.
    made.write("/etc/bootwright/agent.d/platform.json", '{"platform": "ec2"}')
    for name, text in UNITS.items():
        made.write(f"/etc/systemd/system/{name}", text)
        command("systemctl", f"--root={made.root}", "--quiet", "enable", name)
    return made


def test_the_package_in_an_image_starts_nothing_and_is_enabled(machine: Container) -> None:
    listed = machine.run_in_image("dpkg-query", "--show", "--showformat=${db:Status-Status}\n${Conffiles}\n", "bootwright")
    first, *conffiles = listed.split("\n")
    assert first.strip() == "installed"
    assert [line.split()[0] for line in conffiles if line.strip()] == [CONFFILE, "/etc/update-motd.d/60-bootwright"]
    assert json.loads(machine.path(CONFFILE).read_text()) == {"platform": "auto"}
    hooks = machine.path("/etc/bootwright/hooks.d")
    assert sorted(folder.name for folder in hooks.iterdir() if folder.is_dir()) == ["after-run", "before-run", "on-failure"]
    assert command("systemctl", f"--root={machine.root}", "is-enabled", SERVICE).strip() == "enabled"
    assert not machine.path("/var/lib/bootwright").exists()
    assert machine.run_in_image("bootwright", "version").strip()
    assert machine.path(COMPILED).stat().st_mode & 0o777 == 0o600


def test_it_boots_and_is_configured(machine: Container, surroundings: Surroundings, world: World) -> None:
    surroundings.metadata.reset(Ec2(user_data=surroundings.role_config("web")))
    machine.boot()
    found = wait_until_ready(machine)

    run = found["run"]
    assert (run["number"], run["outcome"], run["role"]) == (1, "changed", "web")
    assert (run["instance"]["platform"], run["instance"]["id"]) == ("ec2", INSTANCE_ID)
    assert run["revision"] == {"asked": surroundings.repo.head, "resolved": surroundings.repo.head}
    assert found["configured"]["run"] == 1

    content = page(world)
    for part in ("web", INSTANCE_ID, surroundings.repo.head):
        assert part in content
    # From DHCP, and not from the tests.
    assert "dynamic" in machine.run("ip", "-4", "address", "show", "dev", "eth0", check=True).stdout


def test_the_journal_finds_a_run_by_its_number(machine: Container) -> None:
    told = machine.run("journalctl", "--output=json", "BOOTWRIGHT_RUN=1", check=True).stdout
    entries = [json.loads(line) for line in told.splitlines()]
    assert entries and {entry["_SYSTEMD_UNIT"] for entry in entries} == {SERVICE}
    ends = [entry for entry in entries if entry["MESSAGE"].startswith("configured: role web at ")]
    assert len(ends) == 1 and ends[0]["PRIORITY"] == "6" and ends[0]["BOOTWRIGHT_STAGE"] == "record"


def test_units_ordered_after_it_start_after_it(machine: Container) -> None:
    active = when(machine, SERVICE, "ActiveEnterTimestampMonotonic")
    for unit in UNITS:
        wait_for(lambda: machine.property(unit, "ActiveState") == "active", unit)
        assert when(machine, unit, "ExecMainStartTimestampMonotonic") >= active, unit


def test_the_rest_of_the_boot_does_not_wait_for_it(machine: Container) -> None:
    reached = when(machine, "multi-user.target", "ActiveEnterTimestampMonotonic")
    assert 0 < reached < when(machine, SERVICE, "ActiveEnterTimestampMonotonic")
    assert machine.run("systemctl", "list-jobs", "--no-legend").stdout.strip() in ("", "No jobs running.")
    failed = machine.run("systemctl", "--failed", "--plain", "--no-legend").stdout
    assert failed == ""


def test_everybody_can_read_the_status_and_nothing_else(machine: Container) -> None:
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    told = machine.run(*nobody, "bootwright", "status")
    assert told.returncode == 0, told.stdout + told.stderr
    assert json.loads(machine.run(*nobody, "bootwright", "status", "--json", check=True).stdout)["configured"]["run"] == 1
    assert machine.run(*nobody, "ls", "/var/lib/bootwright").returncode != 0
    assert machine.run("systemctl", "show", "--property=StatusText", "--value", SERVICE).stdout.strip()


def test_puppet_works_on_the_whole_system(machine: Container) -> None:
    """In the mount namespace of process 1: what a manifest mounts must be seen by all. No credential was given, and the unit
    that asks for one has started."""
    pid = machine.property(SERVICE, "MainPID")
    spaces = [machine.run("readlink", f"/proc/{process}/ns/mnt", check=True).stdout for process in ("1", pid)]
    assert spaces[0] == spaces[1]


def test_a_reboot_changes_nothing(machine: Container, world: World) -> None:
    """Nor does it where systemd comes to the role's service later than Puppet would."""
    late = "/etc/systemd/system/nginx.service.d/late.conf"
    machine.write(late, "[Service]\nExecStartPre=/bin/sleep 15\n")
    boot_id = status(machine)["boot_id"]
    machine.power_off()
    machine.boot()
    found = wait_until_ready(machine)
    assert found["boot_id"] != boot_id
    assert (found["run"]["number"], found["run"]["outcome"]) == (2, "unchanged")
    assert "web" in page(world)
    told = machine.run("journalctl", "--boot", "--output=cat", "BOOTWRIGHT_RUN=2", check=True).stdout
    assert re.search(r"waiting for what this boot still starts: .*nginx\.service", told), told
    machine.path(late).unlink()


def reinstall(machine: Container, package: Path) -> None:
    """Installs a package over the one that is there; the agent restarts and runs."""
    runs = status(machine)["run"]["number"]
    pid = machine.property(SERVICE, "MainPID")
    shutil.copyfile(package, machine.path("/root/bootwright.deb"))
    machine.run("dpkg", "--install", "/root/bootwright.deb", check=True, timeout=120)
    # The start of the service is complete after a whole run. dpkg does not wait for that.
    wait_for(lambda: status(machine)["run"]["number"] == runs + 1, "the run of the new agent", timeout=60)
    found = wait_until_ready(machine)
    assert machine.property(SERVICE, "MainPID") != pid
    assert found["run"]["outcome"] == "unchanged"


def test_a_reinstallation_keeps_what_the_administrator_wrote(machine: Container, package: Path) -> None:
    mine = json.dumps({"platform": "auto", "history": {"keep": 50}})
    machine.write(CONFFILE, mine)
    reinstall(machine, package)
    assert machine.path(CONFFILE).read_text() == mine


def test_an_upgrade(machine: Container, package: Path, world: World) -> None:
    mine = machine.path(CONFFILE).read_text()
    unpacked = world.new_folder("upgrade")
    command("dpkg-deb", "--raw-extract", package, unpacked)
    control = (unpacked / "DEBIAN/control").read_text()
    version = next(line for line in control.splitlines() if line.startswith("Version: "))
    (unpacked / "DEBIAN/control").write_text(control.replace(version, version + "+1"))
    newer = world.folder / "newer.deb"
    command("dpkg-deb", "--root-owner-group", "-Znone", "--build", unpacked, newer)

    reinstall(machine, newer)
    shown = machine.run("dpkg-query", "--show", "--showformat=${Version}", "bootwright", check=True).stdout
    assert shown == version.removeprefix("Version: ") + "+1"
    assert machine.path(CONFFILE).read_text() == mine
    assert machine.run("systemctl", "is-enabled", SERVICE).stdout.strip() == "enabled"


def test_an_upgrade_of_puppet_compiles_it_anew(machine: Container) -> None:
    before = machine.path(COMPILED).stat().st_ino
    machine.run("dpkg-trigger", "--by-package=puppet-agent", "--no-await", "/usr/bin/puppet", check=True)
    done = machine.run("dpkg", "--configure", "--pending", check=True)
    assert "compiled ahead: " in done.stdout and machine.path(COMPILED).stat().st_ino != before
    assert machine.property(SERVICE, "ActiveState") == "active"


def test_a_disabled_service_stays_disabled(machine: Container, package: Path) -> None:
    machine.run("systemctl", "disable", "--now", SERVICE, check=True)
    assert not (status(machine)["daemon"] or {}).get("state") == "running"
    machine.run("dpkg", "--install", "/root/bootwright.deb", check=True)
    assert machine.run("systemctl", "is-enabled", SERVICE).stdout.strip() == "disabled"
    assert machine.property(SERVICE, "ActiveState") == "inactive"


def test_a_purge_leaves_nothing(machine: Container) -> None:
    # So that there is something to stop.
    machine.run("systemctl", "enable", SERVICE, check=True)
    machine.run("systemctl", "start", "--no-block", SERVICE, check=True)
    wait_until_ready(machine)
    for unit in UNITS:
        machine.run("systemctl", "disable", "--now", unit, check=True)
    machine.path("/root/bootwright.deb").unlink()
    machine.path("/etc/bootwright/agent.d/platform.json").unlink()  # an administrator's file would stay

    machine.run("dpkg", "--purge", "bootwright", check=True, timeout=120)
    assert "/bootwright" not in machine.run("sh", "-c", "readlink /proc/[0-9]*/exe", check=False).stdout
    assert machine.property(SERVICE, "LoadState") == "not-found"
    left = machine.run("find", "/", "/run", "/tmp", "-xdev", "-name", "*bootwright*", check=True).stdout
    assert left == ""
    machine.power_off()


def test_a_role_config_by_credential_and_an_agent_that_dies(
    new_container: Callable[..., Container], surroundings: Surroundings, package: Path
) -> None:
    """No cloud, no metadata service: the hypervisor hands the role config to systemd. The agent is killed in its first run:
    systemd starts it again, and what waits for bootwright-ready.target is not lost."""
    surroundings.metadata.reset(Ec2(enabled=False))
    config = surroundings.role_config("base").decode()
    machine = new_container("credential", options=[f"--set-credential=bootwright.role_config:{config}"])
    install(machine, package)
    for name, text in UNITS.items():
        machine.write(f"/etc/systemd/system/{name}", text)
        command("systemctl", f"--root={machine.root}", "--quiet", "enable", name)
    machine.boot()

    wait_for(lambda: (status(machine)["run"] or {}).get("stage") == "puppet", "Puppet to run", timeout=60)
    machine.run("systemctl", "kill", "--kill-whom=main", f"--signal={signal.SIGKILL.value}", SERVICE, check=True)
    wait_for(lambda: status(machine)["run"]["number"] == 2, "the run after the restart", timeout=60)
    found = wait_until_ready(machine)
    run = found["run"]
    assert (run["instance"]["platform"], run["role"]) == ("credential", "base")
    assert run["outcome"] in ("changed", "unchanged")
    # An operator's command has no credentials of its own, and sees what the service sees.
    assert machine.run("bootwright", "metadata", "platform", check=True).stdout == "credential\n"
    assert machine.property(SERVICE, "NRestarts") == "1"
    wait_for(lambda: machine.property("strict.service", "ActiveState") == "active", "strict.service")
    machine.power_off()
