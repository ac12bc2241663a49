"""The metadata services of all clouds on one network, and machines that read them."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path

from metadata_server import MetadataServer
from metadata_services import Maas, Reply, Request, Service, Tree
from network import METADATA_ADDRESS
from platform_fixtures import FIXTURES, Platform, read_platform
from world import World

PLATFORMS = [read_platform(file) for file in sorted(FIXTURES.glob("*/fixture.json"))]

#: What test/fixtures/maas/root/etc/cloud/cloud.cfg.d/90_dpkg_maas.cfg says.
MAAS_KEYS = _, MAAS_TOKEN, MAAS_SECRET = ("8fKExampleConsumer1", "tKExampleToken2", "sEXAMPLEsecretOfOneMachine3")


class Scaleway:
    """Gives user-data to privileged ports only."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def answer(self, request: Request) -> Reply:
        if request.path.startswith("/user_data") and request.port >= 1024:
            return Reply(403, b"Forbidden")
        return self.tree.answer(request)


def service_of(platform: Platform) -> Service:
    tree = Tree.of(platform.root / "metadata-answers.json")
    return Scaleway(tree) if platform.name == "scaleway" else Maas(tree, *MAAS_KEYS) if platform.name == "maas" else tree


class PlatformServices:
    """The services of all clouds on one network, each at its own address; and the instance, which is a tree."""

    def __init__(self, world: World, at_home: MetadataServer, program: Path) -> None:
        self.world, self.program = world, program
        self.servers = {METADATA_ADDRESS: at_home}

    def server(self, address: str) -> MetadataServer:
        if address not in self.servers:
            self.world.network.servers.run("ip", "addr", "add", f"{address}/32", "dev", "v0")
            self.servers[address] = MetadataServer(self.world.network.servers.listen(address, 80), Tree([]))
        return self.servers[address]

    def machine(self, platform: Platform) -> tuple[Path, MetadataServer]:
        """The captured machine, with the live service in the place of its recorded answers."""
        tree = self.world.new_folder("tree") / "t"
        shutil.copytree(platform.root, tree, ignore=shutil.ignore_patterns("metadata-answers.json"))
        (tree / "etc/bootwright").mkdir(parents=True)
        patience = {"attempts": 2, "base": "1ms", "cap": "1ms"}
        configuration = {"metadata": {"timeout": "300ms"}, "retry": {"platform": patience}}
        (tree / "etc/bootwright/agent.json").write_text(json.dumps(configuration))
        if not platform.listen.startswith("/"):
            server = self.server(platform.listen)
            server.reset(service_of(platform))
            return tree, server
        path = tree / platform.listen.lstrip("/")
        path.unlink()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(16)
        self.servers[str(path)] = MetadataServer(listener, service_of(platform))
        return tree, self.servers[str(path)]

    def metadata(self, tree: Path, *, env: dict[str, str] = {}) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["nsenter", f"--net={self.world.network.instance.path}", self.program, "--root", tree, "metadata", "--json"],
            text=True, capture_output=True, timeout=60, env={"PATH": "/usr/bin:/bin", **env},
        )  # fmt: skip


def named(name: str) -> Platform:
    return next(platform for platform in PLATFORMS if platform.name == name)


def check_well(done: subprocess.CompletedProcess[str], platform: Platform) -> None:
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document.pop("user_data")["bytes"] >= len(platform.expected_user_data.rstrip())
    assert document == platform.expected


def check_refused(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    assert "bootwright: " in done.stderr and "(" in done.stderr
