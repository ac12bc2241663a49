"""The base image as a whole machine, from its own boot loader and kernel to a web server: on hardware whose firmware alone says which
cloud it is, with the metadata service at its true address.

In QEMU without KVM; one story on one machine, in the order of the file. test/boot/images machine builds the image, and runs this."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT
from image_machine import architecture_of
from instance import EC2_SYS, INSTANCE_ID
from metadata_services import Ec2
from real_machine import command, wait_for
from surroundings import Surroundings
from test_boot import page
from whole_machine import GUEST, WholeMachine, prepare
from world import World

pytestmark = pytest.mark.skipif("BOOTWRIGHT_RAW_IMAGE" not in os.environ, reason="by name only: test/boot/images machine [ARCHITECTURE [DEB]]")

#: Seconds, on two cores that others use, too.
LIMIT = 1200
#: What the kernel calls the processor.
PROCESSORS = {"amd64": "x86_64", "i386": "i686"}


def firmware() -> list[str]:
    """EC2's, as a machine reads it."""
    dmi = {file.rsplit("/", 1)[1]: value.strip() for file, value in EC2_SYS.items()}
    system = f"manufacturer={dmi['sys_vendor']},product={dmi['product_name']},uuid={dmi['product_uuid']},serial={dmi['product_serial']}"
    return [f"type=0,vendor={dmi['bios_vendor']}", f"type=1,{system}", f"type=2,asset={dmi['board_asset_tag']}"]


class Visitor:
    """Somebody who has root's key."""

    def __init__(self, world: World) -> None:
        self._servers = world.network.servers
        self._key, self._known_hosts = world.new_folder("key"), world.new_folder("known-hosts")
        command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self._key)
        self.public = Path(f"{self._key}.pub").read_text()

    def wait_for_sshd(self) -> None:
        """A processor that is emulated takes minutes for the keys that are made at the first boot."""

        def is_there() -> bool:
            with self._servers.entered():
                try:
                    socket.create_connection((GUEST, 22), timeout=5).close()
                except OSError:
                    return False
            return True

        wait_for(is_there, "sshd", LIMIT, every=2)

    def ssh(self, line: str) -> str:
        options = (f"IdentityFile={self._key}", f"UserKnownHostsFile={self._known_hosts}", "StrictHostKeyChecking=accept-new", "BatchMode=yes")
        return self._servers.run("ssh", *(word for option in options for word in ("-o", option)), f"root@{GUEST}", line)


@pytest.fixture(scope="module")
def visitor(world: World) -> Visitor:
    return Visitor(world)


@pytest.fixture(scope="module")
def machine(world: World, visitor: Visitor, surroundings: Surroundings) -> Iterator[WholeMachine]:
    image = Path(os.environ["BOOTWRIGHT_RAW_IMAGE"])
    architecture = architecture_of(image)
    disk = ROOT / f"build/boot/machine-{architecture}.img"
    command("cp", "--sparse=always", image, disk)
    prepare(disk, world.new_folder("machine"), {"/root/.ssh/authorized_keys": visitor.public})
    surroundings.metadata.reset(Ec2(user_data=surroundings.role_config("web")))
    made = WholeMachine(world, disk, architecture=architecture, firmware=firmware())
    yield made
    made.remove()
    disk.unlink()


def test_it_knows_its_cloud_and_configures_itself(machine: WholeMachine) -> None:
    began = time.monotonic()
    machine.boot()
    status = machine.wait_for_status(lambda status: status["configured"] and status["run"]["state"] == "finished", "the end of the run", LIMIT)
    print(f"\n{machine.architecture}: configured {time.monotonic() - began:.0f} s after it was switched on, the run took {status['run']['duration_s']:.0f} s")
    run = status["run"]
    assert (run["number"], run["outcome"], run["role"]) == (1, "changed", "web")
    assert (run["instance"]["platform"], run["instance"]["id"]) == ("ec2", INSTANCE_ID)


def test_the_port_of_the_role_answers(machine: WholeMachine, world: World) -> None:
    assert INSTANCE_ID in page(world, GUEST)


def test_ssh_reads_the_status(machine: WholeMachine, visitor: Visitor) -> None:
    visitor.wait_for_sshd()
    status = json.loads(visitor.ssh("bootwright status --wait --timeout 1m >/dev/null; bootwright status --json"))
    assert (status["ready"], status["configured"]["role"]) == (True, "web")
    assert visitor.ssh("uname -m; dpkg --print-architecture").split() == [PROCESSORS[machine.architecture], machine.architecture]


def test_no_unit_has_failed(machine: WholeMachine, visitor: Visitor) -> None:
    wait_for(lambda: visitor.ssh("systemctl is-system-running || :").strip() in ("running", "degraded"), "the end of the boot", 300, every=2)
    assert visitor.ssh("systemctl --failed --plain --no-legend") == ""


def test_a_reboot_comes_back_unchanged_with_the_same_keys(machine: WholeMachine, visitor: Visitor, world: World) -> None:
    visitor.ssh("systemctl reboot")
    began = time.monotonic()
    machine.wait_for_reboot(300)
    status = machine.wait_for_status(lambda status: (status["run"] or {}).get("number") == 2 and status["run"]["state"] == "finished", "the second run's end", LIMIT)
    print(f"\n{machine.architecture}: {time.monotonic() - began:.0f} s from the reboot on")
    assert status["run"]["outcome"] == "unchanged"
    assert INSTANCE_ID in page(world, GUEST)
    visitor.wait_for_sshd()
    # By a name that is known it takes no other key.
    assert json.loads(visitor.ssh("bootwright status --json"))["run"]["number"] == 2
