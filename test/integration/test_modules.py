"""Modules of a Puppetfile that its lock names: `bootwright modules lock` writes it, and instances install what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from on_disk import assert_sound, by_git, checkout, fails_with, runs
from roles import role_config
from runs import prepare
from servers import GitServer
from shapes import ShapedRepo, example_tree, files_of
from static_server import StaticServer
from world import World

LOCK = "Puppetfile.bootwright.json"
#: Where the control repository lies on the laptop.
WORK = "/srv/control"

#: Puppetfiles by kind of declaration; URL stands for a module's repository. With each, what git calls the commit.
DECLARED = {
    "tag": ("mod 'extra', :git => 'URL', :tag => 'v1'\n", "v1"),
    "annotated tag": ("mod 'extra', git: 'URL', tag: 'annotated'\n", "annotated"),
    "branch": ("mod 'acme/extra', :git => 'URL', :branch => 'side'\n", "side"),
    "default branch": ("mod 'extra', :git => 'URL', :branch => 'no-such', :default_branch => 'side'\n", "side"),
    "control branch": ("mod 'extra', :git => 'URL', :branch => :control_branch\n", "production"),
    "control branch that is not there": ("mod 'extra', git: 'URL', branch: :control_branch, default_branch: 'side'\n", "side"),
    "ref to a tag": ("mod 'extra', :git => 'URL', :ref => 'v1'\n", "v1"),
    "ref to a branch": ("mod 'extra', :git => 'URL', :ref => 'side'\n", "side"),
    "short commit": ("mod 'extra', :git => 'URL', :commit => 'SHORT'\n", "v1"),
    "full commit": ("mod 'extra', :git => 'URL', :commit => 'FULL'\n", "v1"),
    "nothing": ("mod 'extra', :git => 'URL'\n", "main"),
    "install_path": ("mod 'extra', :git => 'URL', :tag => 'v1', :install_path => 'external'\n", "v1"),
    "moduledir": ("mod 'base', :local => true\nmoduledir 'vendor'\nmod 'extra', :git => 'URL', :tag => 'v1'\n", "v1"),
}  # fmt: skip
PLACES = {"install_path": "external/extra", "moduledir": "vendor/extra"}


@pytest.fixture
def ready(instance: Instance, git: GitServer) -> Instance:
    prepare(instance, git)
    return instance


@pytest.fixture
def module(shape: Callable[..., Any]) -> ShapedRepo:
    """A module with two tags, a branch, and newer commits."""
    def made(server: GitServer, name: str) -> ShapedRepo:
        repo = ShapedRepo(server, name, {"manifests/init.pp": b"class extra { }\n", "version": b"0\n"})
        repo.commit({"version": b"1\n"})
        repo.git("tag", "v1", "main")
        repo.git("branch", "side", "main~1")
        repo.git("branch", "production", "main")
        repo.git("-c", "user.name=x", "-c", "user.email=x@x", "tag", "-a", "-m", "x", "annotated", "main~1")
        repo.commit({"version": b"2\n"})
        return repo

    return shape(made)


def puppetfile(kind: str, module: ShapedRepo) -> bytes:
    full = module.git("rev-parse", "v1").decode().strip()
    text = DECLARED[kind][0].replace("URL", module.url("https")).replace("SHORT", full[:8]).replace("FULL", full)
    return text.encode()


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
    return instance.bootwright("modules", "lock", WORK, *arguments, env={"GIT_SSL_CAINFO": "/etc/bootwright/ca.pem"})


def locks(instance: Instance, *arguments: str) -> str:
    done = lock(instance, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


@pytest.mark.parametrize("kind", DECLARED)
def test_what_is_locked_is_installed(
    ready: Instance, metadata: MetadataServer, shape: Callable[..., Any], module: ShapedRepo, world: World, kind: str
) -> None:
    repo = control(shape, {"Puppetfile": puppetfile(kind, module)})
    branch = "no-such" if kind == "control branch that is not there" else "production"
    lay_out(ready, repo, branch)
    said = locks(ready)
    revision = module.git("rev-parse", f"{DECLARED[kind][1]}^{{commit}}").decode().strip()
    (locked,) = json.loads(ready.read(f"{WORK}/{LOCK}"))["modules"]
    assert locked["commit"] == revision and locked["commit"][:12] in said
    assert locked["tree"] == module.git("rev-parse", f"{revision}^{{tree}}").decode().strip()
    assert "of this Puppetfile" in locks(ready, "--check")

    repo.commit({LOCK: ready.read(f"{WORK}/{LOCK}").encode()})
    module.commit({"version": b"moved on\n"})
    module.git("tag", "-f", "v1", "main")
    metadata.service = Ec2(role_config(repo))
    runs(ready)
    place = PLACES.get(kind, "modules/extra")
    with by_git(world, repo) as expected, by_git(world, module, revision) as of_module:
        expected |= {f"{place}/".encode() + path: entry for path, entry in of_module.items()}
        assert files_of(checkout(ready, repo.head)) == expected
    assert_sound(ready)


def test_a_lock_of_another_puppetfile_installs_nothing(
    ready: Instance, metadata: MetadataServer, shape: Callable[..., Any], module: ShapedRepo
) -> None:
    repo = control(shape, {"Puppetfile": puppetfile("tag", module)})
    lay_out(ready, repo)
    locks(ready)
    repo.commit({LOCK: ready.read(f"{WORK}/{LOCK}").encode(), "Puppetfile": puppetfile("branch", module)})
    metadata.service = Ec2(role_config(repo))
    said = fails_with(ready, "repository.module_lock", "bootwright modules lock")
    assert "line 1, modules/extra is declared otherwise" in said, said
    lay_out(ready, repo)
    checked = lock(ready, "--check")
    assert checked.returncode == 1 and "is declared otherwise" in checked.stderr
    locks(ready)
    repo.commit({LOCK: ready.read(f"{WORK}/{LOCK}").encode()})
    metadata.service = Ec2(role_config(repo))
    runs(ready)


def test_what_moved_is_taken_where_that_is_asked_for(
    ready: Instance, shape: Callable[..., Any], module: ShapedRepo
) -> None:
    lay_out(ready, control(shape, {"Puppetfile": puppetfile("branch", module)}))
    locks(ready)
    before = ready.read(f"{WORK}/{LOCK}")
    module.git("branch", "-f", "side", "main")
    locks(ready)
    assert ready.read(f"{WORK}/{LOCK}") == before
    said = locks(ready, "--outdated")
    assert re.search(r"^~ modules/extra .* -> " + module.head[:12], said, re.M), said
    assert ready.read(f"{WORK}/{LOCK}") == before
    locks(ready, "--update", "--module", "extra")
    assert json.loads(ready.read(f"{WORK}/{LOCK}"))["modules"][0]["commit"] == module.head


def test_modules_of_a_lock_go_with_a_snapshot(
    ready: Instance, metadata: MetadataServer, git: GitServer, static: StaticServer, shape: Callable[..., Any],
    module: ShapedRepo,
) -> None:  # fmt: skip
    repo = control(shape, {"Puppetfile": puppetfile("tag", module)})
    lay_out(ready, repo)
    locks(ready)
    repo.commit({LOCK: ready.read(f"{WORK}/{LOCK}").encode()})
    made = ready.bootwright("snapshot", "make", "--output", "/tmp/snapshots", "--repository", repo.url("https"),
                                     env={"GIT_SSL_CAINFO": "/etc/bootwright/ca.pem"})  # fmt: skip
    assert made.returncode == 0 and "modules/extra" in made.stdout, made.stdout + made.stderr
    static.put(f"snapshots/{repo.head}.bundle", ready.path(f"/tmp/snapshots/{repo.head}.bundle").read_bytes())
    git.stop()
    url = static.url("snapshots/{revision}.bundle")
    metadata.service = Ec2(role_config(repo, repository={"url": url, "revision": repo.head}))
    runs(ready)
    assert (checkout(ready, repo.head) / "modules/extra/version").read_text() == "1\n"


def test_modules_that_cannot_be_locked_are_named(
    ready: Instance, shape: Callable[..., Any], module: ShapedRepo
) -> None:
    lines = [f"mod '{name}', git: '{module.url('https')}', {how}\n" for name, how in
             {"one": "tag: 'no-such'", "two": "tag: 'v1'", "three": "commit: 'abcdef01'", "four": "branch: 'gone'"}.items()]  # fmt: skip
    lay_out(ready, control(shape, {"Puppetfile": "".join(lines).encode()}))
    done = lock(ready)
    assert done.returncode == 1 and "git.revision_not_found" in done.stderr, done.stderr
    for line, name in ((1, "one"), (3, "three"), (4, "four")):
        assert f"line {line}, modules/{name}: " in done.stderr
    assert "modules/two" not in done.stderr and not ready.exists(f"{WORK}/{LOCK}")
