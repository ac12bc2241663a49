"""What tests ask for by name. Session-wide: the network and the servers. Each test: a fresh instance and repository, and servers
in good health."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fakes"))

from metadata_server import Ec2, MetadataServer  # noqa: E402
from servers import REPOSITORY_ROOT, ControlRepo, FaultProxy, GitServer  # noqa: E402
from world import METADATA_ADDRESS, SERVERS_ADDRESS, Instance, World  # noqa: E402

BINARY = Path(os.environ.get("BOOTWRIGHT", REPOSITORY_ROOT / "build/debug/bootwright")).absolute()

#: Ports of the proxies in front of the git server's HTTP, HTTPS and ssh.
PROXY_PORTS = {"http": 8080, "https": 8443, "ssh": 8022}


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


@pytest.fixture(scope="session")
def _git(world: World) -> GitServer:
    return GitServer(world)


@pytest.fixture(scope="session")
def _metadata(world: World) -> Iterator[MetadataServer]:
    server = MetadataServer(world.network.servers.listen(METADATA_ADDRESS, 80), Ec2())
    yield server
    server.close()


@pytest.fixture(scope="session")
def _proxies(world: World, _git: GitServer) -> Iterator[dict[str, FaultProxy]]:
    servers = {"http": 80, "https": 443, "ssh": 22}
    made = {
        scheme: FaultProxy(world.network.servers, PROXY_PORTS[scheme], (SERVERS_ADDRESS, port))
        for scheme, port in servers.items()
    }
    yield made
    for proxy in made.values():
        proxy.close()


@pytest.fixture
def git(_git: GitServer) -> Iterator[GitServer]:
    yield _git
    _git.ensure_running()


@pytest.fixture
def metadata(_metadata: MetadataServer) -> Iterator[MetadataServer]:
    """An EC2 metadata service in good health, without user-data: a test sets `metadata.service`."""
    _metadata.reset(Ec2())
    yield _metadata
    _metadata.reset(Ec2())


@pytest.fixture
def proxies(_proxies: dict[str, FaultProxy]) -> Iterator[dict[str, FaultProxy]]:
    """Proxies by scheme: repo.url("http", port=proxies["http"].port)."""
    yield _proxies
    for proxy in _proxies.values():
        proxy.heal()


@pytest.fixture
def proxy(proxies: dict[str, FaultProxy]) -> FaultProxy:
    """The one in front of the git server's HTTP."""
    return proxies["http"]


@pytest.fixture
def repo(git: GitServer, world: World) -> Iterator[ControlRepo]:
    """A repository of its own for each test, with one commit: the example."""
    work = world.new_folder("repository")
    made = ControlRepo(git, work.name, work)
    yield made
    made.remove()


@pytest.fixture
def new_instance(world: World) -> Iterator[Callable[..., Instance]]:
    """Makes instances with options of world.Machine, with the agent where it is built."""
    made: list[Instance] = []

    def make(**options: Any) -> Instance:
        made.append(world.instance(binary=BINARY if BINARY.exists() else None, **options))
        return made[-1]

    yield make
    for instance in made:
        instance.destroy()
    world.network.reset()


@pytest.fixture
def instance(new_instance: Callable[..., Instance]) -> Instance:
    """A fresh EC2 instance. It is the only one on its network: for two, see new_instance."""
    return new_instance()
