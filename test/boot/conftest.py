"""What the boot tests ask for by name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
for folder in ("test/fakes", "test/integration"):
    sys.path.insert(0, str(ROOT / folder))

from image_machine import machine_of  # noqa: E402
from nspawn import Container, base_image, dependencies  # noqa: E402
from qemu import debian_kernel  # noqa: E402
from surroundings import Surroundings, surround  # noqa: E402
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
        for container in _containers if {"new_container", "new_machine"} & set(item.fixturenames) else []:
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


@pytest.fixture(scope="session")
def surroundings(world: World) -> Iterator[Surroundings]:
    with surround(world) as made:
        yield made


@pytest.fixture
def new_machine(world: World) -> Iterator[Any]:
    """Makes machines of the base image that test/boot/images has built, which end with the test; and puts the network in order."""
    made: list[Container] = []

    def make(name: str, **keywords: Any) -> Container:
        made.append(machine_of(world, Path(os.environ["BOOTWRIGHT_IMAGE"]), name, **keywords))
        _containers.append(made[-1])
        return made[-1]

    yield make
    for machine in made:
        _containers.remove(machine)
        machine.destroy()
    world.network.servers.run("nft", "flush", "ruleset")
    world.network.servers.run("ip", "link", "set", "v0", "up")


@pytest.fixture(scope="session")
def new_container(world: World, image: Path) -> Iterator[Any]:

    def make(name: str, **keywords: Any) -> Container:
        _containers.append(Container.unpack(image, world.new_folder(name), name, world.network.instance, **keywords))
        return _containers[-1]

    yield make
    while _containers:
        _containers.pop().destroy()
