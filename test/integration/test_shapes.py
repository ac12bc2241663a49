"""Repositories of the shapes that real ones have: each arrives file by file as git itself checks it out, or is refused with a
reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import shapes
from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from on_disk import STATE, assert_sound, by_git, checkout, checkouts, fails_with, is_advised_of, repositories, runs
from roles import IMPATIENT, role_config
from runs import prepare
from servers import GitServer
from shapes import FORGED, PLAIN_SHAPES, files_of, taken_away
from world import World

Shape = Callable[..., Any]


# Trees


@pytest.mark.parametrize("kind", sorted(PLAIN_SHAPES))
def test_a_checkout_is_what_git_makes_of_it(
    quick_instance: Instance, metadata: MetadataServer, shape: Shape, world: World, kind: str
) -> None:
    repo = shape(PLAIN_SHAPES[kind])
    metadata.service = Ec2(role_config(repo))
    assert runs(quick_instance)["revision"]["resolved"] == repo.head
    with by_git(world, repo) as expected:
        assert files_of(checkout(quick_instance, repo.head)) == expected
    assert_sound(quick_instance)
    assert checkouts(quick_instance) == {repo.head}


def test_an_old_commit_of_a_long_history_comes_alone(
    quick_instance: Instance, metadata: MetadataServer, shape: Shape, world: World
) -> None:
    repo = shape(shapes.deep)
    old = repo.git("rev-parse", "refs/heads/main~10000").decode().strip()
    metadata.service = Ec2(role_config(repo, revision=old))
    runs(quick_instance)
    with by_git(world, repo, old) as expected:
        assert files_of(checkout(quick_instance, old)) == expected
    assert_sound(quick_instance)
    (bare,) = repositories(quick_instance)
    assert quick_instance.run(["git", "-C", bare, "rev-list", "--all"], check=True).stdout.split() == [old]


#: Trees that `git fsck` complains of, and that git checks out on Linux all the same: they hurt nobody there.
HARMLESS = {"hfs-ignored", "odd-mode"}


@pytest.mark.parametrize("kind", sorted({*FORGED, "twice", "gitmodules-link", "unsorted"} - HARMLESS))
def test_a_tree_that_git_forbids_is_refused(
    quick_instance: Instance, metadata: MetadataServer, shape: Shape, repo: ControlRepo, kind: str
) -> None:
    bad = shape(shapes.forged, kind)
    metadata.service = Ec2(role_config(bad))
    # A tree with an empty name is not even packed by git's own server.
    fails_with(quick_instance, "server.refused" if kind == "empty" else "git.tree_refused")
    for outside in ("/tmp/escaped", f"{STATE}/checkout/escaped", f"{STATE}/escaped", "/escaped"):
        assert not quick_instance.exists(outside)
    assert checkouts(quick_instance) <= {".new"}
    metadata.service = Ec2(role_config(repo))
    runs(quick_instance)


@pytest.mark.parametrize("kind", sorted(HARMLESS))
def test_an_odd_tree_arrives_as_git_checks_it_out(
    quick_instance: Instance, metadata: MetadataServer, shape: Shape, world: World, kind: str
) -> None:
    repo = shape(shapes.forged, kind)
    metadata.service = Ec2(role_config(repo))
    runs(quick_instance)
    with by_git(world, repo) as expected:
        assert files_of(checkout(quick_instance, repo.head)) == expected


def test_a_pointer_of_git_lfs_is_no_file(quick_instance: Instance, metadata: MetadataServer, shape: Shape) -> None:
    repo = shape(shapes.large_files)
    metadata.service = Ec2(role_config(repo))
    fails_with(quick_instance, "repository.lfs", "files/image.iso", repo.head)
    assert checkouts(quick_instance) <= {".new"}


@pytest.mark.parametrize(
    ("kind", "attribute"),
    [
        ("encoding", "working-tree-encoding=UTF-16LE"),
        ("encoding-by-macro", "working-tree-encoding=UTF-16LE"),
        ("git-crypt", "filter=git-crypt"),
        ("filter", "filter=vault"),
    ],
)
def test_a_file_that_git_would_convert_is_named(
    quick_instance: Instance, metadata: MetadataServer, shape: Shape, kind: str, attribute: str
) -> None:
    repo = shape(shapes.converted, kind)
    metadata.service = Ec2(role_config(repo))
    fails_with(quick_instance, "repository.not_converted", "files/a.reg", attribute, repo.head)
    assert checkouts(quick_instance) <= {".new"}
    # Where the attribute does not count, the file is what it is.
    repo.commit({"files/.gitattributes": b"*.reg !text !filter !working-tree-encoding\n"})
    metadata.service = Ec2(role_config(repo))
    runs(quick_instance)
    assert (checkout(quick_instance, repo.head) / "files/a.reg").read_bytes() == shapes.CONVERTED[kind][1]


# Submodules


def test_submodules_are_fetched_as_they_are_pinned(
    quick_instance: Instance, metadata: MetadataServer, shape: Shape, world: World, git: GitServer
) -> None:
    tree = shape(shapes.with_submodules)
    metadata.service = Ec2(role_config(tree.parent))
    runs(quick_instance)
    with by_git(world, tree.parent, submodules=True) as expected:
        assert files_of(checkout(quick_instance, tree.parent.head)) == expected
    assert b"modules/child/lib/grandchild/grandchild.txt" in expected
    assert_sound(quick_instance)
    # All of it is on disk now.
    git.stop()
    runs(quick_instance)
    checkout(quick_instance, tree.parent.head).joinpath("modules/child/lib/grandchild/grandchild.txt").write_text("changed")
    runs(quick_instance)
    assert files_of(checkout(quick_instance, tree.parent.head)) == expected


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% /tmp/escaped",
        "-oProxyCommand=touch /tmp/escaped",
        "ssh://-oProxyCommand=touch${IFS}/tmp/escaped/x",
        "ftp://10.99.0.1/child.git",
        "fd::17",
        "https://10.99.0.1",
    ],
)
def test_a_submodule_from_nowhere_good_is_refused(
    quick_instance: Instance, metadata: MetadataServer, shape: Shape, url: str
) -> None:
    tree = shape(shapes.with_submodules, url)
    metadata.service = Ec2(role_config(tree.parent))
    fails_with(quick_instance, "repository.submodule", "modules/child")
    assert not quick_instance.exists("/tmp/escaped")


@pytest.mark.parametrize(
    "url",
    [
        "git@git.test:CHILD.git",
        "git@git.test:~/CHILD.git",
        "git@git.test:/srv/git/CHILD.git",
        "[git@git.test:2222]:CHILD.git",
        "ssh://git@git.test/~/CHILD.git",
    ],
)
def test_a_submodule_over_ssh_is_found_where_git_finds_it(
    instance: Instance, metadata: MetadataServer, shape: Shape, git: GitServer, url: str
) -> None:
    """The grandchild's URL is relative to it. The home of the user git is /srv/git."""
    prepare(instance, git)
    tree = shape(shapes.with_submodules, url)
    metadata.service = Ec2(role_config(tree.parent))
    ssh = "ssh -F none -i /etc/bootwright/ssh_key -o UserKnownHostsFile=/etc/bootwright/known_hosts -o BatchMode=yes"
    clone = ["git", "clone", "-q", url.replace("CHILD", tree.child.name), "/tmp/clone"]
    instance.run(clone, env={"GIT_SSH_COMMAND": ssh}, check=True)
    instance.run(["git", "-C", "/tmp/clone", "submodule", "--quiet", "update", "--init"], env={"GIT_SSH_COMMAND": ssh}, check=True)
    runs(instance)
    folder = checkout(instance, tree.parent.head) / "modules/child"
    assert (folder / "manifests/init.pp").read_text() == "class child { }\n"
    assert (folder / "lib/grandchild/grandchild.txt").read_text() == "of the grandchild\n"


def test_a_submodule_that_is_gone_is_named(quick_instance: Instance, metadata: MetadataServer, shape: Shape, git: GitServer) -> None:
    tree = shape(shapes.with_submodules, git.url("no-such"))
    metadata.service = Ec2(role_config(tree.parent))
    said = fails_with(quick_instance, "git.no_repository", git.url("no-such"))
    assert said.startswith("modules/child (.gitmodules, line 3): "), said
    is_advised_of(quick_instance, ".gitmodules, line 3")


def test_a_submodule_within_a_submodule_that_is_gone_is_named(
    quick_instance: Instance, metadata: MetadataServer, shape: Shape
) -> None:
    tree = shape(shapes.with_submodules)
    metadata.service = Ec2(role_config(tree.parent))
    with taken_away(tree.grandchild):
        said = fails_with(quick_instance, "git.no_repository", tree.grandchild.name)
    assert said.startswith("modules/child/lib/grandchild (modules/child/.gitmodules, line 3): "), said
    is_advised_of(quick_instance, "modules/child/.gitmodules, line 3")


def test_a_submodule_whose_commit_was_not_pushed_is_named(
    quick_instance: Instance, metadata: MetadataServer, shape: Shape
) -> None:
    tree = shape(shapes.with_submodules)
    tree.parent.commit({"modules/child": shapes.commit_of("a" * 40)})
    metadata.service = Ec2(role_config(tree.parent))
    said = fails_with(quick_instance, "git.revision_not_found", "a" * 40)
    assert said.startswith(f"modules/child (.gitmodules, line 3), from {tree.child.url()}: "), said
    is_advised_of(quick_instance, ".gitmodules, line 3")


# Environments in the repository


def test_an_environment_inside_the_repository_is_applied(
    instance: Instance, metadata: MetadataServer, shape: Shape
) -> None:
    """By the real Puppet: modules, Hiera and manifest are those of that environment."""
    instance.configure(IMPATIENT)
    repo = shape(shapes.environments)
    for name in ("production", "staging"):
        body = f"class role::marked {{ file {{ '/etc/marked': content => '{name} ' }} }}\n"
        repo.commit({f"environments/{name}/site-modules/role/manifests/marked.pp": body.encode()})

    def wants(environment: str, **more: Any) -> bytes:
        document = json.loads(role_config(repo, classes=["role::marked"], **more))
        document["repository"]["environment"] = environment
        return json.dumps(document).encode()

    metadata.service = Ec2(wants("staging"))
    runs(instance)
    assert instance.read("/etc/marked") == "staging "
    assert instance.exists("/etc/sysctl.d/60-control-repo.conf")
    metadata.service = Ec2(wants("nowhere"))
    fails_with(instance, "puppet.no_environment", "production, staging", stage="puppet")
    metadata.service = Ec2(wants("production"))
    runs(instance)
    assert instance.read("/etc/marked") == "production "
