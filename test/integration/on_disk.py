"""What the repository stage left on an instance's disk, beside what git would have made of it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from control_repo import ControlRepo
from instance import Instance
from interruption import quick_puppet
from roles import IMPATIENT, merged
from shapes import ShapedRepo, checkout_by_git, files_of
from world import World

STATE = "/var/lib/bootwright"


def quick(instance: Instance, *more: dict[str, Any]) -> None:
    """An instance for tests of the repository stage: short waits, and in the place of Puppet a program that does nothing."""
    instance.configure(merged(IMPATIENT, quick_puppet(instance), *more))


def runs(instance: Instance) -> dict[str, Any]:
    """A run that is good, and its status."""
    done = instance.bootwright("run")
    assert done.returncode == 0, done.stdout + done.stderr
    run = instance.status()["run"]
    assert isinstance(run, dict)
    return run


def fails_with(instance: Instance, code: str, *said: str, kind: str = "permanent", stage: str = "repository") -> str:
    """A run that ends with the error, and the error's message."""
    done = instance.bootwright("run")
    error = instance.status()["run"]["error"]
    assert done.returncode == 1 and error is not None, done.stdout + done.stderr
    assert (error["stage"], error["code"], error["kind"]) == (stage, code, kind), error
    assert error["advice"]
    for text in said:
        assert text in error["message"] + " " + error["advice"], error
    return str(error["message"])


def is_advised_of(instance: Instance, line: str) -> None:
    """The advice is about the line that names the module, and not about the role config, which is right."""
    advice = instance.status()["run"]["error"]["advice"]
    assert line in advice and "repository." not in advice, advice


def checkout(instance: Instance, revision: str, folder: str = "checkout") -> Path:
    return instance.path(f"{STATE}/{folder}/{revision}")


def checkouts(instance: Instance, folder: str = "checkout") -> set[str]:
    """The names in the folder of checkouts, without the seals beside them."""
    return {entry.name for entry in instance.path(f"{STATE}/{folder}").iterdir() if entry.is_dir() and not entry.is_symlink()}


def repositories(instance: Instance) -> list[str]:
    """The bare repositories, as the instance sees them."""
    return [f"{STATE}/repository/{entry.name}" for entry in instance.path(f"{STATE}/repository").glob("*.git")]


def assert_sound(instance: Instance) -> None:
    """git itself finds nothing wrong with any repository of the instance."""
    found = repositories(instance)
    assert found
    for repository in found:
        done = instance.run(["git", "-C", repository, "fsck", "--full", "--no-progress", "--no-dangling"])
        # Nothing of it is on a branch.
        said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("notice: HEAD points to an unborn branch")]
        assert done.returncode == 0 and said == [], f"{repository}: {said}"


@contextlib.contextmanager
def by_git(world: World, repo: ControlRepo | ShapedRepo, revision: str = "", *, submodules: bool = False) -> Iterator[dict[bytes, str]]:
    """What git checks out, file by file."""
    folder = world.new_folder("by-git")
    checkout_by_git(repo, revision or repo.head, folder, submodules=submodules)
    yield files_of(folder)
    shutil.rmtree(folder)


def has(instance: Instance, world: World, repo: ControlRepo | ShapedRepo, revision: str = "") -> None:
    """The checkout is what git makes of the revision."""
    with by_git(world, repo, revision) as expected:
        assert files_of(checkout(instance, revision or repo.head)) == expected
