"""The copy that is baked into the image."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from control_repo import ControlRepo
from fault_proxy import FaultProxy
from instance import Instance
from real_machine import command
from roles import role_config
from runs import SEED, converges, has_checkout, is_sound, places, prepare
from servers import GitServer
from ways import asks, ready
from world import World


def bake(instance: Instance, repo: ControlRepo, way: str) -> None:
    """Puts the seed into the image as one would with git."""
    with tempfile.TemporaryDirectory() as folder:
        seed = Path(folder) / "seed.git"
        if way == "clone":
            command("git", "clone", "-q", "--bare", repo.bare, seed)
        else:
            command("git", "init", "-q", "--bare", seed)
            command("git", "-C", seed, "fetch", "-q", "--depth=1", f"file://{repo.bare}", "main:refs/heads/main")
        shutil.copytree(seed, instance.path(SEED))


@pytest.mark.parametrize("way", ["clone", "shallow"])
def test_the_seed_alone_configures_without_a_network(
    ready: Instance, world: World, git: GitServer, repo: ControlRepo, way: str
) -> None:
    repo.commit({"second": "x"})
    bake(ready, repo, way)
    prepare(ready, git)
    ready.write("/etc/bootwright/role.json", role_config(repo, url="https://git.example.com/puppet.git"))
    ready.configure({"platform": "file"}, "agent.d/platform.json")
    world.network.unplug()
    converges(ready)
    assert places(ready) == []
    has_checkout(ready, repo, repo.head)
    is_sound(ready)


def test_a_branch_comes_from_the_seed_where_there_is_no_network(ready: Instance, world: World, git: GitServer, repo: ControlRepo) -> None:
    bake(ready, repo, "shallow")
    seeded = repo.head
    ready.write("/etc/bootwright/role.json", role_config(repo, url=repo.url(), revision="main"))
    ready.configure({"platform": "file"}, "agent.d/platform.json")
    newer = repo.commit({"after/the/seed": "x\n"})
    git.stop()
    converges(ready)
    assert [place for place, said in places(ready) if said.startswith("gave it")] == [SEED]
    has_checkout(ready, repo, seeded)
    git.start()
    converges(ready)
    has_checkout(ready, repo, newer)
    is_sound(ready)


def test_a_place_that_lags_behind_does_not_hide_a_branch(ready: Instance, git: GitServer, repo: ControlRepo, asks: Any) -> None:
    first = repo.head
    repo.commit({"second": "x"})
    asks(repo.url(), "main")
    converges(ready)
    third = repo.commit({"third": "x"})
    command("git", "clone", "-q", "--bare", repo.bare, git.repositories / f"{repo.name}-newer.git")
    repo.rewind(first)
    assert ready.bootwright("run").returncode == 1
    error = ready.status()["run"]["error"]
    assert (error["code"], error["kind"]) == ("repository.mirror_behind", "transient")
    asks(repo.url(), "main", mirrors=[git.url(f"{repo.name}-newer")])
    converges(ready)
    assert [said.rpartition("(")[2] for _, said in places(ready)] == ["repository.mirror_behind)", "gave it"]
    has_checkout(ready, repo, third)
    is_sound(ready)


@pytest.mark.parametrize("way", ["clone", "shallow"])
def test_what_the_seed_lacks_is_a_small_difference(
    ready: Instance, repo: ControlRepo, asks: Any, proxy: FaultProxy, way: str
) -> None:
    repo.commit_ballast(1)
    bake(ready, repo, way)
    repo.commit({"after/the/seed": "x\n"})
    asks(repo.url(port=proxy.port))
    converges(ready)
    has_checkout(ready, repo, repo.head)
    is_sound(ready)
    assert proxy.bytes_down < 5000


@pytest.mark.parametrize("damage", ["no objects", "flipped bits"])
def test_a_damaged_seed_is_passed_over(ready: Instance, repo: ControlRepo, asks: Any, damage: str) -> None:
    bake(ready, repo, "clone")
    repo.commit({"after/the/seed": "x\n"})
    seed = ready.path(SEED)
    if damage == "no objects":
        shutil.rmtree(seed / "objects")
    for file in [*seed.glob("objects/pack/*.pack"), *seed.glob("objects/??/*")]:
        content = bytearray(file.read_bytes())
        for offset in range(len(content) // 3, len(content), 31):
            content[offset] ^= 0x10
        file.chmod(0o644)
        file.write_bytes(content)
    asks(repo.url())
    converges(ready)
    has_checkout(ready, repo, repo.head)
    ready.remove(SEED)
    converges(ready)
    has_checkout(ready, repo, repo.head)
