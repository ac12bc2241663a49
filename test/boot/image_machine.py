"""Machines made of an image that packaging/image/build has made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from instance import EC2_SYS
from network import INSTANCE_ADDRESS
from nspawn import Container
from real_machine import command
from world import World

#: It stands for a virtual machine, but is a container, which believes no hardware: this one has a metadata service of its own.
EC2 = {"platform": "ec2"}

#: The same said to cloud-init. Its ds-identify reads no YAML but lines such as the first. Where it does not see Amazon's hardware it asks
#: for no token: the service has to speak version 1, too. Since Debian 13 it waits for more network cards, by a udev that containers have not.
CLOUD_INIT_EC2 = """\
datasource_list: [ Ec2 ]
datasource: {Ec2: {strict_id: false, metadata_urls: ["http://169.254.169.254"]}}
updates: {network: {when: [boot-new-instance]}}
"""


def architecture_of(image: Path) -> str:
    """By the name that packaging/image/build gives it."""
    return image.stem.rsplit("-", 1)[1]


def personality(image: Path) -> list[str]:
    """Options for systemd-nspawn: a machine of 32 bits has to believe that its kernel has as many."""
    return ["--personality=x86"] if architecture_of(image) == "i386" else []


def machine_of(
    world: World, tar: Path, name: str, *, agent: dict[str, Any] = EC2, options: Sequence[str] = (), folder: Path | None = None
) -> Container:
    """The tree of a release, on hardware that says that it is EC2. agent: of its configuration. folder: where the tree is put,
    instead of memory; it is empty."""
    root = folder or world.new_folder(name)
    root.mkdir(exist_ok=True)
    command("tar", "-C", root, "--same-permissions", "--numeric-owner", "-xf", tar)
    return machine_in(world, root, name, agent=agent, options=[*personality(tar), *options])


def machine_in(world: World, root: Path, name: str, *, agent: dict[str, Any] = EC2, options: Sequence[str] = ()) -> Container:
    """The same of a folder that has the tree."""
    sys_files = world.new_folder(f"{name}-sys")
    for path, content in EC2_SYS.items():
        file = sys_files / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    made = Container(root, name, world.network.instance, options=[f"--overlay-ro=/sys/class:{sys_files}/class:/sys/class", *options])
    if agent:
        made.write("/etc/bootwright/agent.d/image_machine.json", json.dumps(agent))
    return made


def bake_seed(machine: Container, repository: Path) -> None:
    """As docs/images.md says it: one revision, without history."""
    seed = machine.path("/usr/share/bootwright/seed.git")
    shutil.rmtree(seed, ignore_errors=True)
    command("git", "init", "-q", "--bare", seed)
    command("git", "-C", seed, "fetch", "-q", "--depth", "1", f"file://{repository}", "+main:refs/heads/main")


def failed_units(machine: Container) -> str:
    return machine.run("systemctl", "--failed", "--plain", "--no-legend").stdout


def has_not_been_restarted(machine: Container) -> bool:
    return machine.property("bootwright.service", "NRestarts") == "0"


class Disk:
    """An ext4 in a file, that is the root of a machine as long as it is mounted."""

    def __init__(self, image: Path, size: str, mount_point: Path) -> None:
        self.image, self.mount_point = image, mount_point
        image.parent.mkdir(parents=True, exist_ok=True)
        image.unlink(missing_ok=True)
        command("mke2fs", "-q", "-F", "-t", "ext4", "-m", "1", image, size)
        mount_point.mkdir()
        command("mount", "-o", "loop", image, mount_point)

    def fill(self, leave: int = 0) -> None:
        """leave: bytes that are free afterwards, about."""
        ballast = self.mount_point / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 20))
            except OSError:  # a short write came before: it is full to the last block
                pass
            file.truncate(max(0, file.tell() - leave))
        command("sync", "-f", self.mount_point)

    def make_space(self) -> None:
        (self.mount_point / "ballast").unlink()

    def remove(self) -> None:
        command("umount", self.mount_point)
        self.image.unlink()


def takes_passwords(machine: Container) -> bool:
    # Since Debian 14 sshd writes the names of settings as its manual does.
    return "passwordauthentication no" not in machine.run("sshd", "-T", check=True).stdout.lower().splitlines()


def offered_key(world: World) -> str:
    """Of ssh, as a visitor sees it: not every image has a client that asks for it."""
    return command("nsenter", f"--net={world.network.servers.path}", "ssh-keyscan", "-t", "ed25519", INSTANCE_ADDRESS)
