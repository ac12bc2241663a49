"""What the benchmarks of fetching share: an instance that fetches and checks out, beside others, from the same servers."""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import PROGRAM, Figures, measure, show  # it says where the following are

from instance import Instance
from interruption import quick_puppet
from metadata_server import MetadataServer
from metadata_services import Ec2
from network import METADATA_ADDRESS
from servers import GitServer
from shapes import GIT_ENVIRONMENT, ShapedRepo
from static_server import StaticServer
from world import World

STATE = "/var/lib/bootwright"
OUT = "/srv/out"
CA_FILE = "/etc/bootwright/ca.pem"

#: What a way leaves behind, and begins without.
TRACES = [STATE, OUT, "/root/.ansible", "/usr/share/bootwright/seed.git"]

#: One way to have it on disk, done once.
Way = Callable[[], Figures]


def git_at(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", folder, *arguments], check=True, env=GIT_ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def shallow_copy(repo: ShapedRepo, revision: str, folder: Path) -> None:
    """A bare repository that holds this commit alone."""
    folder.mkdir()
    git_at(folder, "init", "-q", "--bare")
    git_at(folder, "fetch", "-q", "--depth", "1", f"file://{repo.bare}", f"{revision}:refs/heads/main")


def wire_bytes(instance: Instance) -> int:
    """What the instance's cable has carried, both ways."""
    for line in instance.run(["cat", "/proc/net/dev"], check=True).stdout.splitlines():
        name, _, numbers = line.strip().partition(":")
        if name == "eth0":
            fields = [int(number) for number in numbers.split()]
            return fields[0] + fields[8]
    raise RuntimeError("no eth0")


class Fetching:
    """The instance, and the servers that it fetches from."""

    def __init__(self, world: World) -> None:
        self.world, self._numbers = world, itertools.count(1)
        self.git = GitServer(world)
        self.static = StaticServer(world, self.git.certificate)
        self.metadata = MetadataServer(world.network.servers.listen(METADATA_ADDRESS, 80), Ec2())
        self.instance = world.instance(binary=PROGRAM)
        self.instance.write(CA_FILE, self.git.ca_file.read_bytes())
        self.instance.configure({**quick_puppet(self.instance), "repository": {"ca_file": CA_FILE}})

    def request_for(self, url: str, revision: str) -> str:
        """A file of the instance with what the agent asks of bootwright-fetch, in its own words."""
        instance, real = self.instance, "/usr/lib/bootwright/real-fetch"
        request = f"/root/request-{next(self._numbers)}"
        instance.run(["mv", Instance.FETCH, real], check=True)
        instance.write(Instance.FETCH, f"#!/bin/sh\ntee {request} | {real}\n", 0o755)
        document = {"role": "base", "repository": {"url": url, "revision": revision}}
        self.metadata.service = Ec2(json.dumps(document).encode())
        done = instance.bootwright("run")
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)
        instance.run(["mv", real, Instance.FETCH], check=True)
        self.clean()
        return request

    def clean(self) -> None:
        for path in TRACES:
            self.instance.remove(path)

    def figures_of(self, script: str, check: Callable[[], None]) -> Figures:
        self.instance.write("/root/way", f"#!/bin/sh\nset -e\n{script}\n", 0o755)
        before = wire_bytes(self.instance)
        figures = measure(self.instance, "/root/way")
        figures["wire"] = wire_bytes(self.instance) - before
        check()
        return figures

    def in_turn(self, ways: Mapping[str, Way], rounds: int) -> dict[str, list[Figures]]:
        """Each way so often, one round after the other, and each from nothing."""
        results: dict[str, list[Figures]] = {name: [] for name in ways}
        for number in range(rounds + 1):
            for name, way in ways.items():
                self.clean()
                figures = way()
                if number > 0:  # the first round warms the caches
                    results[name].append(figures)
        self.clean()
        return results


def show_with_bytes(results: dict[str, list[Figures]]) -> None:
    """Medians, and ratios to the first."""
    show(results)
    base = statistics.median(figures["wire"] for figures in next(iter(results.values())))
    print("\nbytes on the wire")
    for name, figures_of_way in results.items():
        median = statistics.median(figures["wire"] for figures in figures_of_way)
        print(f"{name:32} {median / 1024:10.1f} KiB {median / base:6.3f}")
