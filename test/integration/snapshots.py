"""What the tests of snapshots have in common: how they are made and asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from real_machine import command
from roles import role_config
from runs import prepare
from servers import GitServer
from world import World


def make(instance: Instance, *arguments: str, env: dict[str, str] = {}) -> bytes:
    """The snapshot that the command makes in the instance."""
    done = instance.bootwright("snapshot", "make", "--output", "/tmp/snapshots", *arguments, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return instance.path(done.stdout.splitlines()[0]).read_bytes()


def make_by_git(world: World, repository: Path, revision: str, *, url: str = "") -> bytes:
    """The recipe of docs/snapshots.md."""
    work = world.new_folder("by-git")
    command("git", "init", "-q", work)
    command("git", "-C", work, "fetch", "-q", "--depth", "1", url or f"file://{repository}", revision)
    command("git", "-C", work, "update-ref", "refs/heads/snapshot", "FETCH_HEAD")
    command("git", "-C", work, "bundle", "create", "-q", f"{revision}.bundle", "refs/heads/snapshot")
    return (work / f"{revision}.bundle").read_bytes()


def try_so_often(instance: Instance, attempts: int) -> None:
    instance.configure({"retry": {"repository": {"attempts": attempts}}}, "agent.d/attempts.json")


@pytest.fixture
def ready(instance: Instance, git: GitServer) -> Instance:
    prepare(instance, git)
    return instance


@pytest.fixture
def asks(metadata: MetadataServer, repo: ControlRepo) -> Callable[..., Ec2]:
    """Sets the user-data, and returns the metadata service."""

    def ask(*urls: str, revision: str | None = None) -> Ec2:
        wanted = {"url": urls[0], "mirrors": urls[1:], "revision": revision or repo.head}
        metadata.service = service = Ec2(role_config(repo, repository=wanted))
        return service

    return ask


def snapshot_name(folder: str = "snapshots") -> str:
    return f"{folder}/{{revision}}.bundle"


def truncated(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    return bundle[:-30]


def truncated_in_its_header(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    return bundle[:40]


def flipped(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    middle = len(bundle) // 2
    return bundle[:middle] + bytes([bundle[middle] ^ 1]) + bundle[middle + 1 :]


def empty(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    return b""


def with_prerequisites(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    file = world.new_folder("range") / "bundle"
    file.parent.mkdir()
    command("git", "-C", repo.work, "bundle", "create", "-q", file, f"{repo.first}..main")
    return file.read_bytes()


def giant_header(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    return b"# v2 git bundle\n" + b"".join(b"%040x refs/heads/x%d\n" % (n, n) for n in range(20_000)) + b"\n"


def garbage(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    return bytes(range(256)) * 1000
