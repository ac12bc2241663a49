"""What the tests of `bootwright modules lock` have in common: the laptop with the control repository, the Forge, and snapshots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import forge
import pytest
from forge import Forge
from instance import Instance
from metadata_server import MetadataServer
from runs import prepare
from servers import GitServer
from shapes import ShapedRepo, example_tree
from static_server import StaticServer

LOCK = "Puppetfile.bootwright.json"
#: Where the control repository lies on the laptop.
WORK = "/srv/control"
#: The environment in which git and the commands trust the servers of the tests.
CA = {"GIT_SSL_CAINFO": "/etc/bootwright/ca.pem"}


@pytest.fixture
def ready(instance: Instance, git: GitServer) -> Instance:
    prepare(instance, git)
    return instance


@pytest.fixture
def releases(ready: Instance, far: MetadataServer) -> Forge:
    """The Forge, which the instance takes for the true one."""
    published = Forge()
    far.reset(published)
    forge.lead_to(ready)
    return published


def control(shape: Callable[..., Any], tree: dict[str, bytes]) -> ShapedRepo:
    return shape(lambda server, name: ShapedRepo(server, name, example_tree() | tree))


def lay_out(instance: Instance, repo: ShapedRepo, branch: str = "production") -> None:
    """The control repository as its author has it on a laptop."""
    work = instance.path(WORK)
    work.mkdir(parents=True, exist_ok=True)
    (work / ".git").mkdir(exist_ok=True)
    (work / ".git" / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
    (work / "Puppetfile").write_bytes(repo.git("cat-file", "-p", "main:Puppetfile"))


def lock(instance: Instance, *arguments: str) -> Any:
    return instance.bootwright("modules", "lock", WORK, *arguments, env=CA)


def locks(instance: Instance, *arguments: str) -> str:
    done = lock(instance, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


def snapshot_of(instance: Instance, repo: ShapedRepo, static: StaticServer, module: str) -> dict[str, str]:
    """Puts a snapshot of the head, with that module in it, onto the web server. Returns the `repository` of a role config."""
    made = instance.bootwright("snapshot", "make", "--output", "/tmp/snapshots", "--repository", repo.url("https"),
                               env=CA)  # fmt: skip
    assert made.returncode == 0 and module in made.stdout, made.stdout + made.stderr
    static.put(f"snapshots/{repo.head}.bundle", instance.path(f"/tmp/snapshots/{repo.head}.bundle").read_bytes())
    return {"url": static.url("snapshots/{revision}.bundle"), "revision": repo.head}
