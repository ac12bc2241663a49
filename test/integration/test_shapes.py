"""Repositories of the shapes that real ones have: each arrives file by file as git itself checks it out, or is refused with a
reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import shapes
from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from on_disk import STATE, assert_sound, by_git, checkout, checkouts, fails_with, quick, repositories, runs
from roles import IMPATIENT, role_config
from runs import prepare
from servers import GitServer
from shapes import FORGED, PLAIN_SHAPES, PUPPETFILES, ShapedRepo, files_of
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


@contextmanager
def taken_away(repo: ShapedRepo) -> Iterator[None]:
    """While it lasts, the server has no such repository."""
    elsewhere = repo.bare.with_suffix(".away")
    repo.bare.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(repo.bare)


def is_advised_of(instance: Instance, line: str) -> None:
    """The advice is about the line that names the module, and not about the role config, which is right."""
    advice = instance.status()["run"]["error"]["advice"]
    assert line in advice and "repository." not in advice, advice


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


# The Puppetfile

#: Where the module then stands.
READ = {
    "pinned": "modules/extra",
    "pinned-new-style": "modules/extra",
    "pinned-by-ref": "modules/extra",
    "install-path": "external/extra",
    "owner": "modules/extra",
    "empty": None,
    "local": None,  # vendored
}
REFUSED = set(PUPPETFILES) - set(READ)


@pytest.mark.parametrize("kind", sorted(READ))
def test_a_plain_puppetfile_is_read(
    quick_instance: Instance, metadata: MetadataServer, shape: Shape, world: World, kind: str
) -> None:
    repo, module = shape(shapes.with_puppetfile, kind)
    metadata.service = Ec2(role_config(repo))
    runs(quick_instance)
    with by_git(world, repo) as expected, by_git(world, module, "main~1") as of_module:
        place = READ[kind]
        if place is not None:
            expected |= {f"{place}/".encode() + path: entry for path, entry in of_module.items()}
        assert files_of(checkout(quick_instance, repo.head)) == expected
    assert_sound(quick_instance)


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_any_other_puppetfile_is_refused_with_its_line(
    quick_instance: Instance, metadata: MetadataServer, shape: Shape, kind: str
) -> None:
    repo, _ = shape(shapes.with_puppetfile, kind)
    metadata.service = Ec2(role_config(repo))
    said = fails_with(quick_instance, "repository.puppetfile", "vendor")
    assert said.startswith("Puppetfile, line 1"), said


def test_a_module_of_a_puppetfile_that_is_gone_is_named(
    quick_instance: Instance, metadata: MetadataServer, shape: Shape
) -> None:
    repo, module = shape(shapes.with_puppetfile, "owner")
    metadata.service = Ec2(role_config(repo))
    with taken_away(module):
        said = fails_with(quick_instance, "git.no_repository", module.name)
    assert said.startswith("modules/extra (Puppetfile, line 2): "), said
    is_advised_of(quick_instance, "Puppetfile, line 2")


def test_a_puppetfile_that_is_ignored_is_not_read(
    instance: Instance, metadata: MetadataServer, shape: Shape, world: World, git: GitServer
) -> None:
    quick(instance, {"repository": {"puppetfile": "ignore"}})
    repo, module = shape(shapes.with_puppetfile, "code")
    metadata.service = Ec2(role_config(repo))
    runs(instance)
    with by_git(world, repo) as expected:
        assert files_of(checkout(instance, repo.head)) == expected
    assert not any(module.name in request for request in git.requests())


# r10k, where the image asks for it


R10K = {"repository": {"puppetfile": "r10k"}}


def test_r10k_installs_what_the_puppetfile_asks_for(
    instance: Instance, metadata: MetadataServer, shape: Shape, world: World, git: GitServer
) -> None:
    quick(instance, R10K)
    repo, module = shape(shapes.with_puppetfile, "branch")
    repo.commit({"modules/vendored/manifests/init.pp": b"class vendored { }\n"})
    metadata.service = Ec2(role_config(repo))
    run = runs(instance)
    assert any("r10k" in warning and "not proven" in warning for warning in run["warnings"])
    with by_git(world, repo) as expected, by_git(world, module) as of_module:
        expected |= {b"modules/extra/" + path: entry for path, entry in of_module.items()}
        assert files_of(checkout(instance, repo.head)) == expected
        assert b"modules/extra/newer" in expected
        assert not checkout(instance, repo.head).joinpath("modules/extra/.git").exists()
        # Nobody has touched it: nobody is asked, and the warning stays.
        git.stop()
        assert any("not proven" in warning for warning in runs(instance)["warnings"])
        # Nothing else proves it.
        checkout(instance, repo.head).joinpath("modules/extra/more").write_text("more")
        fails_with(instance, "repository.r10k_failed", kind="transient")
        git.start()
        runs(instance)
        assert files_of(checkout(instance, repo.head)) == expected
    assert not instance.exists("/var/cache/bootwright/r10k")


def test_r10k_runs_without_rights(instance: Instance, metadata: MetadataServer, shape: Shape) -> None:
    """The Puppetfile is Ruby, written by whoever may push."""
    quick(instance, R10K)
    code = """
def tried
  yield
  'did'
rescue SystemCallError => error
  error.class.name
end
said = ["uid=#{Process.uid}"]
said << 'shadow ' + tried { File.read('/etc/shadow') }
said << 'state ' + tried { Dir.children('/var/lib/bootwright') }
said << 'tmp ' + tried { File.write('/tmp/escaped', 'x') }
said << 'root ' + tried { Process::Sys.setuid(0) }
said << 'listen ' + tried { require 'socket'; TCPServer.new('127.0.0.1', 0) }
Dir.mkdir('download/said')
File.write('download/said/it', said.join("\\n"))
File.write('download/said/program', "#!/bin/sh\\n")
File.chmod(0755, 'download/said/program')
File.symlink('it', 'download/said/link')
"""
    repo = shape(shapes.plain)
    repo.commit({"Puppetfile": code.encode()})
    metadata.service = Ec2(role_config(repo))
    runs(instance)
    said = checkout(instance, repo.head).joinpath("said")
    lines = said.joinpath("it").read_text().splitlines()
    assert lines[0] == "uid=999"
    assert len(lines) == 6 and all(line.split()[1] in ("Errno::EACCES", "Errno::EPERM") for line in lines[1:]), lines
    assert not instance.exists("/tmp/escaped")
    assert said.joinpath("program").stat().st_mode & 0o7777 == 0o755 and said.joinpath("it").stat().st_mode & 0o7777 == 0o644
    assert said.joinpath("it").stat().st_uid == 0 and said.joinpath("link").readlink() == Path("it")


@pytest.mark.parametrize(
    "made",
    [
        "File.symlink('/etc/shadow', 'download/x')",
        "File.symlink('../../x', 'download/x')",
        "Dir.mkdir('download/a'); File.symlink('.', 'download/a/b'); File.symlink('b/../b/../../x', 'download/a/c')",
        "File.mkfifo('download/x')",
    ],
)
def test_what_r10k_leaves_may_not_lead_out(instance: Instance, metadata: MetadataServer, shape: Shape, made: str) -> None:
    quick(instance, R10K)
    repo = shape(shapes.plain)
    repo.commit({"Puppetfile": made.encode() + b"\n"})
    metadata.service = Ec2(role_config(repo))
    fails_with(instance, "repository.r10k_failed")
    assert checkouts(instance) <= {".new"}


def test_r10k_that_fails_or_is_not_there(instance: Instance, metadata: MetadataServer, shape: Shape) -> None:
    quick(instance, R10K)
    repo, _ = shape(shapes.with_puppetfile, "unclosed")
    metadata.service = Ec2(role_config(repo))
    fails_with(instance, "repository.r10k_failed", "ended with status 1", kind="transient")
    instance.remove("/usr/bin/r10k")
    fails_with(instance, "repository.no_r10k", "install the package r10k")


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
