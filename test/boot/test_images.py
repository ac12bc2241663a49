"""The base image, as packaging/image/build makes it, under a real systemd: from the tree of the release to a web server.

One story on one machine, in the order of the file. test/boot/images builds the image and runs this."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_machine import failed_units, machine_of, offered_key, takes_passwords
from instance import INSTANCE_ID
from metadata_services import Ec2
from nspawn import Container
from real_machine import wait_for
from surroundings import Surroundings
from test_boot import SERVICE, page, wait_until_ready
from world import World

pytestmark = pytest.mark.skipif("BOOTWRIGHT_IMAGE" not in os.environ, reason="by name only: test/boot/images")


@pytest.fixture(scope="module")
def machine(world: World) -> Iterator[Container]:
    made = machine_of(world, Path(os.environ["BOOTWRIGHT_IMAGE"]), "image")
    yield made
    made.destroy()


def test_it_brings_nothing_of_a_machine(machine: Container) -> None:
    assert machine.path("/etc/machine-id").read_text() == ""
    assert list(machine.path("/etc/ssh").glob("ssh_host_*")) == []
    for path in ("/var/lib/systemd/random-seed", "/var/lib/bootwright", "/root/.ssh"):
        assert not machine.path(path).exists(), path
    shadow = [line.split(":") for line in machine.path("/etc/shadow").read_text().splitlines()]
    assert {fields[0] for fields in shadow if not fields[1].startswith(("!", "*"))} == set(), "nobody has a password"
    logs = [file for file in machine.path("/var/log").rglob("*") if file.is_file()]
    assert logs == []


def test_it_configures_itself_with_no_hand_on_it(machine: Container, surroundings: Surroundings, world: World) -> None:
    surroundings.metadata.reset(Ec2(user_data=surroundings.role_config("web")))
    began = time.monotonic()
    machine.boot()
    found = wait_until_ready(machine)
    print(f"\nconfigured after {time.monotonic() - began:.1f} s")
    run = found["run"]
    assert (run["outcome"], run["role"], run["instance"]["id"]) == ("changed", "web", INSTANCE_ID)
    assert INSTANCE_ID in page(world)


def test_no_unit_has_failed(machine: Container) -> None:
    wait_for(lambda: machine.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"), "the end of the boot")
    assert failed_units(machine) == ""
    assert machine.property("puppet.service", "UnitFileState") == "disabled"


def test_only_ssh_and_what_the_role_brought_listen(machine: Container) -> None:
    listening = machine.run("ss", "--no-header", "--listening", "--tcp", "--udp", "--numeric", check=True).stdout
    places = {(line.split()[0], line.split()[4].rsplit(":", 1)[1]) for line in listening.splitlines()}
    # 80 is the role's; 68 is how DHCP is answered.
    assert places - {("udp", "68")} == {("tcp", "22"), ("tcp", "80")}


def test_ssh_has_keys_of_its_own_and_takes_no_password(machine: Container, world: World) -> None:
    assert machine.path("/etc/ssh/ssh_host_ed25519_key").stat().st_mode & 0o777 == 0o600
    assert not takes_passwords(machine)
    assert machine.path("/etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[1] in offered_key(world)
    # Debian 13 has a unit for that, too; two at once may leave halves that do not match. An empty machine-id is no first boot to it.
    assert machine.property("sshd-keygen.service", "ActiveState") == "inactive"


def test_it_has_its_locale_wherever_programs_look(machine: Container) -> None:
    """Debian 13 makes a link of the one at each boot."""
    for file in ("/etc/default/locale", "/etc/locale.conf"):
        assert "\nLANG=C.UTF-8\n" in machine.run("cat", file, check=True).stdout


def test_a_login_is_told_the_status(machine: Container) -> None:
    told = machine.run("run-parts", "/etc/update-motd.d", check=True).stdout
    assert "configured: role web at " in told


def test_security_updates_are_asked_for(machine: Container) -> None:
    told = machine.run("apt-config", "dump", "APT::Periodic", check=True).stdout
    assert 'APT::Periodic::Unattended-Upgrade "1"' in told
    assert machine.property("apt-daily-upgrade.timer", "ActiveState") == "active"


def test_a_reboot_comes_back_unchanged_with_the_same_keys(machine: Container, world: World) -> None:
    key = machine.path("/etc/ssh/ssh_host_ed25519_key.pub").read_text()
    identity = machine.path("/etc/machine-id").read_text()
    assert len(identity) == 33
    machine.power_off()
    machine.boot()
    found = wait_until_ready(machine)
    assert (found["run"]["number"], found["run"]["outcome"]) == (2, "unchanged")
    assert machine.path("/etc/ssh/ssh_host_ed25519_key.pub").read_text() == key
    assert machine.path("/etc/machine-id").read_text() == identity
    assert "web" in page(world)
    assert machine.property(SERVICE, "NRestarts") == "0"
    machine.power_off()
