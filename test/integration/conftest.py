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

import forge  # noqa: E402
import public_clouds  # noqa: E402
import static_server  # noqa: E402
import swift  # noqa: E402
from control_repo import ControlRepo  # noqa: E402
from fault_proxy import FaultProxy  # noqa: E402
from forward_proxy import ForwardProxy  # noqa: E402
from instance import Instance  # noqa: E402
from lying_git_server import LyingGitServer  # noqa: E402
from metadata_server import MetadataServer  # noqa: E402
from metadata_services import Ec2, Tree  # noqa: E402
from network import METADATA_ADDRESS, SERVERS_ADDRESS  # noqa: E402
from on_disk import quick  # noqa: E402
from platform_services import PlatformServices  # noqa: E402
from public_clouds import PublicClouds  # noqa: E402
from real_machine import REPOSITORY_ROOT  # noqa: E402
from roles import IMPATIENT  # noqa: E402
from sample import left_out  # noqa: E402
from servers import GitServer  # noqa: E402
from static_server import StaticServer  # noqa: E402
from swift import Swift  # noqa: E402
from world import World  # noqa: E402

BINARY = Path(os.environ.get("BOOTWRIGHT", REPOSITORY_ROOT / "build/debug/bootwright")).absolute()

#: The port of each proxy, and that of the server behind it: the git server's by scheme, the static server, and Swift.
PROXIES = {
    "http": (8080, 80),
    "https": (8443, 443),
    "ssh": (8022, 22),
    "git": (8418, 9418),
    "static": (8100, static_server.PORTS["http"]),
    "static-https": (8101, static_server.PORTS["https"]),
    "swift": (8900, swift.PORTS["http"]),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sample", metavar="SEED", help="of a test that has many cases only some run, which SEED chooses")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed = config.getoption("--sample")
    if seed is not None:
        left = left_out([item.nodeid for item in items], seed)
        for item in items:
            if item.nodeid in left:
                item.add_marker(pytest.mark.skip(reason="by name only: test/run integration"))


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
def _static(world: World, _git: GitServer) -> StaticServer:
    return StaticServer(world, _git.certificate)


@pytest.fixture(scope="session")
def _swift(world: World, _git: GitServer) -> Swift:
    return Swift(world, _git.certificate)


@pytest.fixture(scope="session")
def _clouds(world: World, _git: GitServer) -> Iterator[MetadataServer]:
    server = public_clouds.serve(world, _git.authority)
    yield server
    server.close()


@pytest.fixture(scope="session")
def far(world: World, _git: GitServer) -> Iterator[MetadataServer]:
    """The server of the Forge's hosts; a test gives it a Forge by reset()."""
    server = forge.serve(world, _git.authority)
    yield server
    server.close()


@pytest.fixture
def clouds(_clouds: MetadataServer) -> MetadataServer:
    """The server of the public hosts: `clouds.service` is a PublicClouds."""
    _clouds.reset(PublicClouds())
    return _clouds


@pytest.fixture(scope="session")
def _liar(world: World) -> Iterator[LyingGitServer]:
    server = LyingGitServer(world.network.servers, 9200)
    yield server
    server.close()


@pytest.fixture(scope="session")
def _proxies(world: World) -> Iterator[dict[str, FaultProxy]]:
    made = {
        name: FaultProxy(world.network.servers, port, (SERVERS_ADDRESS, behind)) for name, (port, behind) in PROXIES.items()
    }
    yield made
    for proxy in made.values():
        proxy.close()


@pytest.fixture
def git(_git: GitServer) -> Iterator[GitServer]:
    yield _git
    _git.ensure_running()


@pytest.fixture
def static(_static: StaticServer) -> Iterator[StaticServer]:
    yield _static
    _static.ensure_running()


@pytest.fixture
def s3(_swift: Swift) -> Iterator[Swift]:
    yield _swift
    _swift.ensure_running()


@pytest.fixture
def liar(_liar: LyingGitServer) -> Iterator[LyingGitServer]:
    """A git server that is honest until it is told otherwise: liar.tell(wrong_pack(repo, other)), liar.url(repo)."""
    yield _liar
    _liar.be_honest()


@pytest.fixture
def new_forward_proxy(world: World) -> Iterator[Callable[..., ForwardProxy]]:
    """Makes a company's proxy: new_forward_proxy() or new_forward_proxy(user="u", password="p")."""
    made: list[ForwardProxy] = []

    def make(**options: Any) -> ForwardProxy:
        made.append(ForwardProxy(world.network.servers, 3128 + len(made), **options))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


@pytest.fixture
def metadata(_metadata: MetadataServer) -> Iterator[MetadataServer]:
    """An EC2 metadata service in good health, without user-data: a test sets `metadata.service`."""
    _metadata.reset(Ec2())
    yield _metadata
    _metadata.reset(Ec2())


@pytest.fixture
def proxies(_proxies: dict[str, FaultProxy]) -> Iterator[dict[str, FaultProxy]]:
    """Proxies by scheme or server: repo.url("http", port=proxies["http"].port), s3.url("x", port=proxies["swift"].port)."""
    for proxy in _proxies.values():
        proxy.forget()
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
def shape(git: GitServer, world: World) -> Iterator[Callable[..., Any]]:
    """Makes a repository of a shape: shape(shapes.links), shape(shapes.with_submodules), shape(shapes.forged, "twice")."""
    made: list[Any] = []

    def make(kind: Callable[..., Any], *arguments: Any) -> Any:
        repos = kind(git, world.new_folder("shape").name, *arguments)
        made.extend(repos if isinstance(repos, tuple) else [repos])
        return repos

    yield make
    for repo in made:
        repo.remove()


@pytest.fixture
def new_instance(world: World) -> Iterator[Callable[..., Instance]]:
    """Makes instances with options of machine.Machine, with the agent where it is built."""
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


@pytest.fixture
def quick_instance(instance: Instance) -> Instance:
    """One with a Puppet that does nothing, for tests of the stages before it."""
    quick(instance)
    return instance


@pytest.fixture
def impatient(instance: Instance) -> Instance:
    """One that gives up soon."""
    instance.configure(IMPATIENT)
    return instance


@pytest.fixture(scope="session")
def _services(world: World, _metadata: MetadataServer) -> Iterator[PlatformServices]:
    made = PlatformServices(world, _metadata, BINARY)
    yield made
    for address, server in made.servers.items():
        if address != METADATA_ADDRESS:
            server.close()


@pytest.fixture
def services(_services: PlatformServices, world: World) -> Iterator[PlatformServices]:
    yield _services
    for server in _services.servers.values():
        server.reset(Tree([]))  # no cloud answers in the next test but its own
    world.network.reset()
