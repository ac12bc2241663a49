"""cloud-init in the same image: both read the same user-data at the same boot, and neither disturbs the other.

test/boot/images builds the image, and runs this. Two stories, each on one machine: the document is a seed of NoCloud's in the image's
tree, or what EC2's metadata service says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from image_machine import CLOUD_INIT_EC2, failed_units, has_not_been_restarted, machine_of, offered_key, takes_passwords
from instance import INSTANCE_ID
from metadata_services import Ec2
from network import INSTANCE_ADDRESS
from nspawn import Container
from real_machine import command, wait_for
from surroundings import Surroundings
from test_boot import page, wait_until_ready
from world import World

pytestmark = pytest.mark.skipif("BOOTWRIGHT_CLOUD_INIT_IMAGE" not in os.environ, reason="by name only: test/boot/images")

#: What somebody has cloud-init do, besides: a file, a user, a command.
THEIRS = """\
#cloud-config
write_files:
- path: /etc/theirs
  content: written by cloud-init
users:
- default
- name: ops
  lock_passwd: true
runcmd:
- [sh, -c, "echo run by cloud-init > /etc/theirs-too"]
"""
CONFIGURATION = {"nocloud": "datasource_list: [ NoCloud, None ]\n", "ec2": CLOUD_INIT_EC2}
SEED = "/var/lib/cloud/seed/nocloud"


def user_data(machine: Container, role_config: bytes, platform: str) -> str:
    """One document for both programs, as `bootwright userdata` makes it."""
    machine.write("/root/role.json", role_config.decode())
    machine.write("/root/theirs", THEIRS)
    document = machine.run_in_image("bootwright", "userdata", "/root/role.json", "--for", platform, "--with", "/root/theirs")
    machine.path("/root/role.json").unlink()
    machine.path("/root/theirs").unlink()
    return document


def service(world: World, document: bytes) -> Ec2:
    """What cloud-init looks for besides: the network cards, "Instance metadata categories" in the Amazon EC2 user guide."""
    made = Ec2(user_data=document, v1=True)
    (card,) = json.loads(world.network.instance.run("ip", "-json", "link", "show", "dev", "eth0"))
    folder = f"meta-data/network/interfaces/macs/{card['address']}"
    made.files |= {f"{folder}/{name}": value for name, value in (("device-number", "0"), ("local-ipv4s", INSTANCE_ADDRESS), ("mac", card["address"]))}
    return made


@pytest.fixture(scope="module", params=CONFIGURATION)
def machine(request: pytest.FixtureRequest, world: World, surroundings: Surroundings) -> Iterator[Container]:
    source: str = request.param
    agent = {"platform": "ec2"} if source == "ec2" else {}
    made = machine_of(world, Path(os.environ["BOOTWRIGHT_CLOUD_INIT_IMAGE"]), f"cloud-init-{source}", agent=agent)
    made.write("/etc/cloud/cloud.cfg.d/90-source.cfg", CONFIGURATION[source])
    document = user_data(made, surroundings.role_config("web"), source)
    if source == "ec2":
        surroundings.metadata.reset(service(world, document.encode()))
    else:
        surroundings.metadata.reset(Ec2(enabled=False))
        made.write(f"{SEED}/meta-data", f"instance-id: {INSTANCE_ID}\nlocal-hostname: web-1\n")
        made.write(f"{SEED}/user-data", document)
    yield made
    made.destroy()


def said_by_cloud_init(machine: Container) -> dict[str, Any]:
    """Its status once it is done. It takes what it has found wrong for a reason to end with another status than 0."""
    done = machine.run("cloud-init", "status", "--wait", "--long", "--format=json", timeout=180)
    status: dict[str, Any] = json.loads(done.stdout.strip(". \n"))
    assert done.returncode == 0, status
    return status


def complaints(machine: Container) -> list[str]:
    lines = machine.path("/var/log/cloud-init.log").read_text().splitlines()
    return [line for line in lines if any(f"[{level}]" in line for level in ("WARNING", "ERROR", "CRITICAL"))]


def host_keys(machine: Container) -> dict[str, str]:
    return {file.name: file.read_text() for file in sorted(machine.path("/etc/ssh").glob("ssh_host_*_key.pub"))}


def test_the_role_is_configured_and_cloud_init_is_content(machine: Container, world: World) -> None:
    machine.boot()
    run = wait_until_ready(machine)["run"]
    assert (run["outcome"], run["role"], run["instance"]["id"]) == ("changed", "web", INSTANCE_ID)
    assert INSTANCE_ID in page(world)
    status = said_by_cloud_init(machine)
    assert status["status"] == "done" and status["errors"] == []
    assert complaints(machine) == []


def test_each_has_done_its_own(machine: Container) -> None:
    assert machine.path("/etc/theirs").read_text() == "written by cloud-init"
    assert machine.path("/etc/theirs-too").read_text() == "run by cloud-init\n"
    assert machine.run("getent", "passwd", "ops").returncode == 0
    assert "role      web" in machine.path("/etc/motd").read_text()
    # What it was asked to write for us nobody reads, and nobody else can.
    assert machine.path("/run/bootwright/role-config").stat().st_mode & 0o777 == 0o600


def test_no_unit_has_failed_and_none_waits_for_another_in_a_circle(machine: Container) -> None:
    wait_for(lambda: machine.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"), "the end of the boot")
    assert failed_units(machine) == ""
    assert "ordering cycle" not in machine.run("journalctl", "-b", "--no-pager", check=True).stdout
    assert has_not_been_restarted(machine)


def test_ssh_has_one_set_of_keys_and_takes_no_password(machine: Container, world: World) -> None:
    """Both make keys at the first boot: the image's unit, and cloud-init, which removes those first."""
    keys = host_keys(machine)
    assert "ssh_host_ed25519_key.pub" in keys
    for name in keys:
        private = machine.path(f"/etc/ssh/{name.removesuffix('.pub')}")
        assert command("ssh-keygen", "-y", "-f", private).split()[:2] == keys[name].split()[:2]
    assert keys["ssh_host_ed25519_key.pub"].split()[1] in offered_key(world)
    assert not takes_passwords(machine)


def test_a_reboot_changes_nothing_of_either(machine: Container, world: World) -> None:
    keys, name = host_keys(machine), machine.run("hostname").stdout
    machine.path("/etc/theirs-too").unlink()
    machine.power_off()
    machine.boot()
    run = wait_until_ready(machine)["run"]
    assert (run["number"], run["outcome"]) == (2, "unchanged")
    assert said_by_cloud_init(machine)["status"] == "done" and complaints(machine) == []
    assert not machine.path("/etc/theirs-too").exists(), "the command is run once in an instance's life"
    assert (host_keys(machine), machine.run("hostname").stdout) == (keys, name)
    assert INSTANCE_ID in page(world)
    machine.power_off()
