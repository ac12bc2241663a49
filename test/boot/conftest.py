"""What the boot tests ask for by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
for folder in ("test/fakes", "test/integration"):
    sys.path.insert(0, str(ROOT / folder))

from control_repo import ControlRepo  # noqa: E402
from metadata_server import MetadataServer  # noqa: E402
from metadata_services import Ec2  # noqa: E402
from network import INSTANCE_ADDRESS, METADATA_ADDRESS, SERVERS_ADDRESS  # noqa: E402
from nspawn import Container, base_image, dependencies  # noqa: E402
from qemu import debian_kernel  # noqa: E402
from real_machine import CLEAN_ENVIRONMENT  # noqa: E402
from servers import GitServer  # noqa: E402
from world import World  # noqa: E402


_containers: list[Container] = []
_broken: set[object] = set()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """The tests on `machine` are one story: after a failure the others would only wait for what cannot come."""
    if "machine" in item.fixturenames and item.module in _broken:
        pytest.fail("an earlier test on this machine failed", pytrace=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """With a failure goes what the machines know about it."""
    report = (yield).get_result()
    if report.failed:
        if "machine" in item.fixturenames:
            _broken.add(item.module)
        for container in _containers if "new_container" in item.fixturenames else []:
            report.sections.append((f"the machine {container.name}", container.describe()))


@pytest.fixture(scope="session")
def package() -> Path:
    """The .deb of the release preset, as cmake --build --preset release --target package makes it."""
    for step in (["--preset", "release"], ["--build", "--preset", "release", "--target", "package"]):
        done = subprocess.run(["cmake", *step], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    made = sorted((ROOT / "build/release").glob("bootwright_*.deb"), key=os.path.getmtime)
    return made[-1]


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


@pytest.fixture(scope="session")
def image(package: Path) -> Path:
    return base_image(ROOT / "build/boot", dependencies(package))


@pytest.fixture(scope="session")
def kernel() -> Path:
    return debian_kernel(ROOT / "build/boot")


@dataclass
class Surroundings:
    """What an instance finds on its network: DHCP, the metadata service, and the control repository."""

    metadata: MetadataServer
    repo: ControlRepo

    def role_config(self, role: str, revision: str | None = None, **more: Any) -> bytes:
        repository = {"url": self.repo.url("http"), "revision": revision or self.repo.head}
        return json.dumps({"role": role, "repository": repository, **more}).encode()


@pytest.fixture(scope="session")
def surroundings(world: World) -> Iterator[Surroundings]:
    git = GitServer(world)
    repo = ControlRepo(git, "control", world.new_folder("repository"))
    metadata = MetadataServer(world.network.servers.listen(METADATA_ADDRESS, 80), Ec2())
    dhcp = subprocess.Popen(
        [
            "setpriv", "--pdeathsig", "KILL", "nsenter", f"--net={world.network.servers.path}",
            "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=root", "--pid-file=", "--port=0",
            "--interface=v0", "--bind-interfaces", f"--dhcp-leasefile={world.folder}/leases", "--dhcp-authoritative",
            # The first machine gets the first address.
            f"--dhcp-range={INSTANCE_ADDRESS},10.99.0.50,1h", "--dhcp-sequential-ip", f"--dhcp-option=option:router,{SERVERS_ADDRESS}",
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=CLEAN_ENVIRONMENT,
    )  # fmt: skip
    yield Surroundings(metadata, repo)
    dhcp.kill()
    dhcp.wait()
    metadata.close()


@pytest.fixture(scope="session")
def new_container(world: World, image: Path) -> Iterator[Any]:

    def make(name: str, **keywords: Any) -> Container:
        _containers.append(Container.unpack(image, world.new_folder(name), name, world.network.instance, **keywords))
        return _containers[-1]

    yield make
    while _containers:
        _containers.pop().destroy()
