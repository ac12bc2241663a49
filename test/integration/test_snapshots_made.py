"""How snapshots are made, and what goes with them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from typing import Any

import pytest
import shapes
from control_repo import ControlRepo
from instance import Instance
from puppetfiles import with_puppetfile
from runs import CHECKOUTS, converges, fails, prepare
from servers import GitServer
from snapshots import (
    asks,
    empty,
    flipped,
    garbage,
    giant_header,
    make,
    make_by_git,
    ready,
    snapshot_name,
    truncated,
    truncated_in_its_header,
    with_prerequisites,
)
from static_server import StaticServer
from world import World


# What goes with it


def test_a_signed_tag_goes_with_it(
    ready: Instance, git: GitServer, static: StaticServer, repo: ControlRepo, asks: Any, world: World
) -> None:
    public = (git.folder / "ssh_key.pub").read_text()
    ready.write("/etc/bootwright/allowed_signers", f'release@example.com namespaces="git" {public}')
    prepare(ready, git, verify="tag")
    untagged = make(ready, "--repository", repo.url())
    repo._git(
        "-c", "gpg.format=ssh", "-c", f"user.signingkey={git.folder / 'ssh_key'}", "tag", "-s", "-m", "release", "v1", "HEAD"
    )  # fmt: skip
    repo._git("push", "-q", str(repo.bare), "refs/tags/v1")
    tagged = make(ready, "--repository", repo.url())
    static.put(f"untagged/{repo.head}.bundle", untagged)
    static.put(f"tagged/{repo.head}.bundle", tagged)
    git.stop()
    asks(static.url(snapshot_name("untagged")))
    fails(ready, "repository", "repository.signature_missing", "permanent")
    asks(static.url(snapshot_name("tagged")))
    converges(ready)
    assert "release@example.com" in json.dumps(ready.status()["run"])
    ready.remove("/var/lib/bootwright")
    ready.write("/etc/bootwright/allowed_signers", f'x@example.com namespaces="git" {(git.folder / "host_key.pub").read_text()}')
    fails(ready, "repository", "repository.signature_untrusted", "permanent")


def modules_there(instance: Instance, revision: str, *files: str) -> None:
    for file in files:
        assert instance.exists(f"{CHECKOUTS}/{revision}/{file}"), file


def test_submodules_go_with_it(
    ready: Instance, git: GitServer, static: StaticServer, repo: ControlRepo, shape: Any, asks: Any
) -> None:
    parent = shape(shapes.with_submodules).parent
    bundle = make(ready, "--repository", parent.url())
    static.put(f"snapshots/{parent.head}.bundle", bundle)
    git.stop()
    asks(static.url(snapshot_name()), revision=parent.head)
    converges(ready)
    modules_there(ready, parent.head, "modules/child/manifests/init.pp", "modules/child/lib/grandchild/grandchild.txt")
    assert not ready.exists(f"{CHECKOUTS}/{parent.head}/modules/child/newer")


def test_modules_of_a_puppetfile_go_with_it(
    ready: Instance, git: GitServer, static: StaticServer, repo: ControlRepo, shape: Any, asks: Any
) -> None:
    control, module = shape(with_puppetfile, "pinned")
    done = ready.bootwright("snapshot", "make", "--output", "/tmp/snapshots", "--repository", control.url("https"),
                            env={"GIT_SSL_CAINFO": "/etc/bootwright/ca.pem"})  # fmt: skip
    assert done.returncode == 0 and "modules/extra" in done.stdout, done.stdout + done.stderr
    static.put(f"snapshots/{control.head}.bundle", ready.path(f"/tmp/snapshots/{control.head}.bundle").read_bytes())
    git.stop()
    asks(static.url(snapshot_name()), revision=control.head)
    converges(ready)
    modules_there(ready, control.head, "modules/extra/manifests/init.pp")


def test_one_without_its_relative_submodules_says_so(
    world: World, ready: Instance, static: StaticServer, repo: ControlRepo, shape: Any, asks: Any
) -> None:
    made = shape(shapes.with_submodules)
    parent = made.parent
    static.put(f"snapshots/{parent.head}.bundle", make_by_git(world, parent.bare, parent.head))
    asks(static.url(snapshot_name()), revision=parent.head)
    fails(ready, "repository", "repository.submodule", "permanent", "modules/child", "bootwright snapshot make")
    asks(static.url(snapshot_name()), parent.url(), revision=parent.head)
    converges(ready)
    modules_there(ready, parent.head, "modules/child/lib/grandchild/grandchild.txt")


# The command


NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")


def test_anybody_makes_one_of_a_checkout_without_a_network(instance: Instance, git: GitServer, world: World, shape: Any) -> None:
    parent = shape(shapes.with_submodules).parent
    work = shapes.checkout_by_git(parent, parent.head, world.new_folder("clone"), submodules=True)
    shutil.copytree(work, instance.path("/tmp") / "clone", symlinks=True)
    world.network.unplug()
    for folder in ("/tmp/clone", "/tmp/clone/modules"):
        instance.run(["install", "-d", "-m", "777", "/tmp/out"], check=True)
        made = instance.run(
            ["sh", "-c", f"cd {folder} && exec {' '.join(NOBODY)} {instance.BINARY} snapshot make --output /tmp/out"], env={"HOME": "/"}
        )
        assert made.returncode == 0, made.stdout + made.stderr
        file, size, digest = made.stdout.split()[0], made.stdout.split()[2], made.stdout.split()[5]
        assert file == f"/tmp/out/{parent.head}.bundle"
        assert instance.path(file).stat().st_size == int(size)
        assert instance.run(["sha256sum", file]).stdout.split()[0] == digest
        assert "modules/child/lib/grandchild" in made.stdout
        verified = instance.bootwright("snapshot", "verify", file)
        assert verified.returncode == 0 and verified.stdout.split() == made.stdout.split()
        assert instance.run(["git", "bundle", "list-heads", file]).returncode == 0
        instance.remove("/tmp/out")
    assert not [entry for entry in instance.path("/tmp").iterdir() if entry.name.startswith("bootwright")]


@pytest.mark.parametrize("revision", ["", "main", "v1", "the id"])
@pytest.mark.parametrize("way", ["http", "ssh", "file"])
def test_one_is_made_of_any_revision_from_anywhere(
    instance: Instance, git: GitServer, repo: ControlRepo, way: str, revision: str
) -> None:
    repo.tag("v1", annotated=True)
    instance.write("/root/.ssh/id_ed25519", git.ssh_key.read_bytes(), 0o600)
    instance.write("/root/.ssh/known_hosts", git.known_hosts)
    if way == "file":
        shutil.copytree(repo.bare, instance.path("/srv/copy.git"))
    named = repo.head if revision == "the id" else revision
    options = ["--repository", "/srv/copy.git" if way == "file" else repo.url(way)]
    done = instance.bootwright("snapshot", "make", "--output", "/tmp/out", *options, *(["--revision", named] if named else []))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"/tmp/out/{repo.head}.bundle\n") and "tag        v1" in done.stdout
    assert done.stderr == "" and instance.exists(f"/tmp/out/{repo.head}.bundle")


@pytest.mark.parametrize(
    ("arguments", "code", "advice"),
    [
        (["--revision", "no-such"], "git.revision_not_found", "git rev-parse"),
        (["--revision", "0123456789" * 4], "git.revision_not_found", "git rev-parse"),
        (["--repository", "/nowhere"], "git.no_repository", "--repository"),
        (["--repository", "s3://bucket/a"], "server.url_invalid", "--repository"),
        (["--repository", "http://10.99.0.1:1/a.git"], "server.unreachable", "running"),
        (["--output", "/proc/out"], "io.", "--output"),
    ],
)
def test_what_is_not_made_says_what_to_do(
    instance: Instance, repo: ControlRepo, arguments: Sequence[str], code: str, advice: str
) -> None:
    usual = {"--repository": repo.url(), "--output": "/tmp/out"}
    missing = [word for option, value in usual.items() if option not in arguments for word in (option, value)]
    done = instance.bootwright("snapshot", "make", *missing, *arguments)
    assert done.returncode == 1 and code in done.stderr and advice in done.stderr, done.stdout + done.stderr
    assert not instance.exists("/tmp/out") or not list(instance.path("/tmp/out").iterdir())


def test_verify_finds_what_is_wrong(world: World, instance: Instance, repo: ControlRepo, shape: Any) -> None:
    second = repo.commit_class("second", "")
    bundle = make(instance, "--repository", repo.url())

    def verify(content: bytes, *arguments: str, name: str = f"{second}.bundle") -> tuple[int, str]:
        instance.write(f"/tmp/{name}", content)
        done = instance.bootwright("snapshot", "verify", f"/tmp/{name}", *arguments)
        return done.returncode, done.stdout + done.stderr

    assert verify(bundle)[0] == 0 and verify(bundle, second)[0] == 0 and verify(bundle, name="renamed")[0] == 0
    for kind in (truncated, truncated_in_its_header, flipped, empty, with_prerequisites, giant_header, garbage):
        status, said = verify(kind(world, repo, bundle))
        assert status == 1 and "git.snapshot_invalid" in said, f"{kind.__name__}: {said}"
    status, said = verify(bundle, repo.first)
    assert status == 1 and "git.revision_not_found" in said and second in said
    parent = shape(shapes.with_submodules).parent
    status, said = verify(make_by_git(world, parent.bare, parent.head), name=f"{parent.head}.bundle")
    assert status == 1 and "not in it  modules/child" in said
