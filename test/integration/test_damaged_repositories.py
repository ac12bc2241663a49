"""What is damaged on disk is repaired or replaced, with a server and without one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import shapes
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from on_disk import STATE, assert_sound, fails_with, has, repositories, runs
from real_machine import command
from roles import role_config
from servers import GitServer
from shapes import ShapedRepo
from world import World

Damage = Callable[[Path, str], None]


def spoil(file: Path, offset: int = -1) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2 if offset < 0 else offset] ^= 0xFF
    file.chmod(0o600)
    file.write_bytes(content)


def every(pattern: str, action: Callable[[Path], None]) -> Damage:
    """Does it to each file of the repository (or beside it) that matches, and there must be one."""

    def damage(bare: Path, revision: str) -> None:
        found = [file for file in bare.glob(pattern) if file.is_file()]
        assert found, f"nothing matches {pattern}"
        for file in found:
            action(file)

    return damage


def cut(file: Path) -> None:
    file.chmod(0o600)
    os.truncate(file, file.stat().st_size // 2)


def empty(file: Path) -> None:
    file.chmod(0o600)
    os.truncate(file, 0)


def fill(content: bytes) -> Callable[[Path], None]:
    def act(file: Path) -> None:
        file.chmod(0o600)
        file.write_bytes(content)

    return act


def replace_by_file(bare: Path, revision: str) -> None:
    command("rm", "-rf", bare)
    bare.write_text("no repository\n")


def put(name: str, content: bytes = b"rubbish\n") -> Damage:
    def damage(bare: Path, revision: str) -> None:
        file = bare / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    return damage


DAMAGES: dict[str, Damage] = {
    "pack-spoilt": every("objects/pack/*.pack", spoil),
    "pack-cut": every("objects/pack/*.pack", cut),
    "pack-empty": every("objects/pack/*.pack", empty),
    "pack-gone": every("objects/pack/*.pack", Path.unlink),
    "index-spoilt": every("objects/pack/*.idx", spoil),
    "index-cut": every("objects/pack/*.idx", cut),
    "index-empty": every("objects/pack/*.idx", empty),
    "index-gone": every("objects/pack/*.idx", Path.unlink),
    "reference-spoilt": every("refs/bootwright/keep/*", fill(b"rubbish\n")),
    "reference-empty": every("refs/bootwright/keep/*", empty),
    "reference-to-nothing": every("refs/bootwright/keep/*", fill(b"0123456789" * 4 + b"\n")),
    "reference-gone": every("refs/bootwright/keep/*", Path.unlink),
    "packed-refs-rubbish": put("packed-refs"),
    "config-rubbish": every("config", fill(b"[core\n\xff")),
    "config-gone": every("config", Path.unlink),
    "config-empty": every("config", empty),
    "config-of-another": every("config", fill(b"[core]\n\trepositoryformatversion = 99\n\tbare = true\n")),
    "head-gone": every("HEAD", Path.unlink),
    "head-rubbish": every("HEAD", fill(b"rubbish")),
    "shallow-rubbish": put("shallow"),
    "shallow-cut": put("shallow", b"0123"),
    "shallow-gone": lambda bare, revision: (bare / "shallow").unlink(missing_ok=True),
    "objects-gone": lambda bare, revision: command("rm", "-rf", bare / "objects"),
    "refs-gone": lambda bare, revision: command("rm", "-rf", bare / "refs"),
    "repository-gone": lambda bare, revision: command("rm", "-rf", bare),
    "repository-is-a-file": replace_by_file,
    "repository-is-empty": lambda bare, revision: command("sh", "-c", f"rm -rf {bare}/*"),
    "leftovers": put("incoming/pack-x/tmp_pack_1"),
    "lock-left": put("config.lock", b""),
    "shallow-lock-left": put("shallow.lock", b""),
}


def old_style(repo: ShapedRepo) -> tuple[str, str]:
    """Two revisions, the second on the first."""
    first = repo.head
    return first, repo.commit({"second": b"the second\n"})


@pytest.fixture(scope="module")
def damaged_repo(_git: GitServer, world: World) -> Any:
    repo = shapes.executables(_git, world.new_folder("damaged").name)
    yield repo, old_style(repo)
    repo.remove()


#: After these a pack that nobody can read may stay beside the good ones, until the next repack.
STAYS = {"pack-cut", "pack-empty", "index-spoilt", "index-cut", "index-empty"}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_repository_is_healed(
    quick_instance: Instance, metadata: MetadataServer, damaged_repo: Any, world: World, kind: str
) -> None:
    """Also where another revision is to come first."""
    repo, (first, second) = damaged_repo
    for revisions in ((first,), (second, first)):
        metadata.service = Ec2(role_config(repo, revision=first))
        runs(quick_instance)
        (bare,) = repositories(quick_instance)
        DAMAGES[kind](quick_instance.path(bare), first)
        quick_instance.run(["rm", "-rf", f"{STATE}/checkout"], check=True)
        for revision in revisions:
            metadata.service = Ec2(role_config(repo, revision=revision))
            runs(quick_instance)
            has(quick_instance, world, repo, revision)
        if kind not in STAYS:
            assert_sound(quick_instance)
        quick_instance.run(["rm", "-rf", STATE], check=True)


@pytest.mark.parametrize(
    "kind",
    ["seal-rubbish", "seal-empty", "seal-of-another", "seal-gone", "seal-is-a-folder", "file", "file-gone", "file-more", "mode", "checkout-is-a-file",
     "checkout-is-a-link", "checkout-empty", "new-left", "touched"],
)  # fmt: skip
def test_a_damaged_checkout_is_made_anew(
    quick_instance: Instance, metadata: MetadataServer, damaged_repo: Any, world: World, git: GitServer, kind: str
) -> None:
    """From what is on disk: no server is asked."""
    repo, (first, _) = damaged_repo
    metadata.service = Ec2(role_config(repo, revision=first))
    runs(quick_instance)
    place = f"{STATE}/checkout/{first}"
    actions = {
        "seal-rubbish": f"echo rubbish > {place}.seal",
        "seal-empty": f": > {place}.seal",
        "seal-of-another": f"sed -i 's/\"fingerprint\": [0-9]*/\"fingerprint\": 17/' {place}.seal",
        "seal-gone": f"rm {place}.seal",
        "seal-is-a-folder": f"rm {place}.seal && mkdir {place}.seal",
        "file": f"echo '# more' >> {place}/manifests/site.pp",
        "file-gone": f"rm {place}/bin/data",
        "file-more": f"touch {place}/more",
        "mode": f"chmod a-x {place}/bin/run",
        "checkout-is-a-file": f"rm -r {place} && touch {place}",
        "checkout-is-a-link": f"mv {place} /root/elsewhere && ln -s /root/elsewhere {place}",
        "checkout-empty": f"rm -r {place}/*",
        "new-left": f"mkdir -p {STATE}/checkout/.new/x && chmod 0 {STATE}/checkout/.new && rm {place}.seal",
        "touched": f"touch {place}/bin/data",
    }
    quick_instance.run(["sh", "-c", actions[kind]], check=True)
    git.stop()
    runs(quick_instance)
    has(quick_instance, world, repo, first)
    assert not quick_instance.path(place, follow=False).is_symlink()


def test_a_damaged_repository_without_a_server(
    quick_instance: Instance, metadata: MetadataServer, damaged_repo: Any, world: World, git: GitServer
) -> None:
    """It cannot be healed now: the error passes, and what is checked out is still used."""
    repo, (first, second) = damaged_repo
    metadata.service = Ec2(role_config(repo, revision=first))
    runs(quick_instance)
    (bare,) = repositories(quick_instance)
    DAMAGES["pack-spoilt"](quick_instance.path(bare), first)
    git.stop()
    runs(quick_instance)
    quick_instance.run(["rm", f"{STATE}/checkout/{first}.seal", f"{STATE}/checkout/{first}/bin/data"], check=True)
    fails_with(quick_instance, "server.unreachable", kind="transient")
    git.start()
    runs(quick_instance)
    has(quick_instance, world, repo, first)
