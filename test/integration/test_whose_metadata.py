"""A guest whose network leads to its host's metadata service, which answers: what it says is another machine's.

What answers at the socket is a replay of what the documentation of LXD and Incus says ("Communication between instance and
host"), and not a real Incus."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import BINARY
from machine import PLAIN_SYS
from metadata_server import MetadataServer
from metadata_services import Ec2, Tree
from real_machine import REPOSITORY_ROOT
from world import World

RECORDED = REPOSITORY_ROOT / "test/fixtures/lxd/root/metadata-answers.json"
OWN_ID = "0b1c2d3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e"
HOSTS_ID = "i-0123456789abcdef0"
HARDWARE_OF_HOST = {"sys/class/dmi/id/sys_vendor": "Amazon EC2\n", "sys/class/dmi/id/product_uuid": "ec2c1b2a-6f1d-4a0e-9c37-0123456789ab\n"}
HARDWARE_OF_GUEST = {f"sys/{path}": text for path, text in PLAIN_SYS.items()}
CONTAINER = {**HARDWARE_OF_HOST, "run/systemd/container": "lxc\n", "proc/cmdline": "ro ds=nocloud;s=http://169.254.169.254/\n"}
VIRTUAL = {**HARDWARE_OF_GUEST, "sys/class/virtio-ports/vport1p2/name": "org.linuxcontainers.incus\n", "proc/cmdline": "ro\n"}


class Guest:
    """A tree that stands for the guest, on a network where its host's EC2 answers."""

    def __init__(self, world: World, host: MetadataServer) -> None:
        self.world, self.host = world, host
        self.root = world.new_folder("guest") / "t"
        self.write("etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        self.sockets: list[MetadataServer] = []

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def is_made_of(self, files: dict[str, str]) -> None:
        for path, text in files.items():
            self.write(path, text)

    def open_socket(self, path: str = "dev/incus/sock") -> MetadataServer:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.root / path))
        listener.listen(16)
        self.sockets.append(MetadataServer(listener, Tree.of(RECORDED)))
        return self.sockets[-1]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["nsenter", f"--net={self.world.network.instance.path}", BINARY, "--root", self.root, *arguments],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PATH": "/usr/bin:/bin"},
        )  # fmt: skip

    def bootwright(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        told, complaint = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, told, complaint)

    def metadata(self) -> dict[str, Any]:
        done = self.bootwright("metadata", "--json")
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document


@pytest.fixture
def guest(world: World, metadata: MetadataServer) -> Iterator[Guest]:
    metadata.reset(Ec2(user_data=b'{"role": "of-the-host"}', tags={"bootwright:role": "of-the-host"}))
    metadata.requests.clear()
    made = Guest(world, metadata)
    yield made
    for server in made.sockets:
        server.close()


def test_the_host_s_service_can_be_reached_and_would_be_believed(guest: Guest) -> None:
    """What follows proves something only if this is so."""
    guest.is_made_of(HARDWARE_OF_HOST)
    assert guest.metadata()["id"] == HOSTS_ID


@pytest.mark.parametrize("kind", [CONTAINER, VIRTUAL], ids=["container", "virtual"])
@pytest.mark.parametrize("path", ["dev/incus/sock", "dev/lxd/sock"])
def test_a_guest_is_what_its_own_socket_says(kind: dict[str, str], path: str, guest: Guest) -> None:
    guest.is_made_of(kind)
    server = guest.open_socket(path)
    told = guest.metadata()
    assert (told["platform"], told["id"], told["tags"]) == ("lxd", OWN_ID, {"bootwright.role": "web"})
    assert server.count("GET /1.0/meta-data") == 1
    assert guest.host.requests == []


@pytest.mark.parametrize("folder", ["nocloud", "nocloud-net"])
def test_a_container_without_a_socket_is_what_its_seed_says(folder: str, guest: Guest) -> None:
    guest.is_made_of(CONTAINER)
    guest.write(f"var/lib/cloud/seed/{folder}/meta-data", "instance-id: own\n")
    guest.write(f"var/lib/cloud/seed/{folder}/user-data", "{}")
    told = guest.metadata()
    assert (told["platform"], told["id"]) == ("nocloud", "own")
    assert guest.host.requests == []


def test_a_container_without_anything_of_its_own_says_so(guest: Guest) -> None:
    guest.is_made_of(CONTAINER)
    done = guest.bootwright("metadata")
    assert done.returncode == 1
    assert "platform.not_recognised" in done.stderr
    assert "this is a container (/run/systemd/container says lxc)" in done.stderr
    assert "/etc/bootwright/role.json" in done.stderr
    assert guest.host.requests == []
    explained = json.loads(guest.bootwright("explain", "--json").stdout)
    assert explained["container"] == "/run/systemd/container says lxc"
    assert explained["instance"] is None and explained["probes"] == []


def test_a_container_that_is_told_to_asks_the_service(guest: Guest) -> None:
    guest.is_made_of(CONTAINER)
    guest.write("etc/bootwright/agent.json", '{"platform": "ec2"}')
    assert guest.metadata()["id"] == HOSTS_ID


def test_a_virtual_machine_waits_for_its_agent_s_socket(guest: Guest) -> None:
    guest.is_made_of(VIRTUAL)
    guest.write("etc/bootwright/agent.json", '{"retry": {"platform": {"attempts": 5, "base": "1s", "cap": "1s"}}}')
    waiting = guest.start("metadata", "--json")
    assert waiting.stderr is not None
    assert "is there yet; trying again" in waiting.stderr.readline()
    guest.open_socket()
    told, _ = waiting.communicate(timeout=60)
    assert json.loads(told)["id"] == OWN_ID
    assert guest.host.requests == []


def test_a_virtual_machine_does_not_wait_for_ever(guest: Guest) -> None:
    guest.is_made_of(VIRTUAL)
    began = time.monotonic()
    done = guest.bootwright("metadata")
    assert time.monotonic() - began < 20
    assert done.returncode == 1 and "platform.socket_missing" in done.stderr
    assert guest.host.requests == []


def test_a_role_file_counts_on_a_cloud_and_the_cloud_says_which_instance_it_is(guest: Guest) -> None:
    guest.is_made_of(HARDWARE_OF_HOST)
    guest.write("etc/bootwright/role.json", json.dumps({"role": "of-the-file", "repository": {"url": "file:///srv/puppet", "revision": "0" * 40}}))
    told = guest.metadata()
    assert (told["platform"], told["id"], told["region"]) == ("ec2", HOSTS_ID, "eu-west-1")
    explained = json.loads(guest.bootwright("explain", "--json").stdout)
    assert explained["platform"] == "file"
    role = next(value for value in explained["role_config"] if value["path"] == "role")
    assert (role["value"], role["origin"]) == ("of-the-file", "/etc/bootwright/role.json")


def test_beside_a_role_file_a_service_that_does_not_answer_is_waited_for(guest: Guest) -> None:
    guest.is_made_of(HARDWARE_OF_HOST)
    guest.write("etc/bootwright/role.json", "{}")
    guest.write("etc/bootwright/agent.json", '{"metadata": {"timeout": "300ms"}, "retry": {"platform": {"attempts": 2, "base": "1ms", "cap": "1ms"}}}')
    guest.host.reset(Ec2(enabled=False))
    done = guest.bootwright("metadata")
    assert done.returncode == 1 and "platform.metadata_disabled" in done.stderr
