"""Puppetfiles: what is read of them, what is refused with its line, and r10k where the image asks for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import shapes
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from on_disk import assert_sound, by_git, checkout, checkouts, fails_with, is_advised_of, quick, runs
from puppetfiles import PUPPETFILES, with_puppetfile
from roles import role_config
from servers import GitServer
from shapes import files_of, taken_away
from world import World

Shape = Callable[..., Any]

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
    repo, module = shape(with_puppetfile, kind)
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
    repo, _ = shape(with_puppetfile, kind)
    metadata.service = Ec2(role_config(repo))
    said = fails_with(quick_instance, "repository.puppetfile", "vendor")
    assert said.startswith("Puppetfile, line 1"), said


def test_a_module_of_a_puppetfile_that_is_gone_is_named(
    quick_instance: Instance, metadata: MetadataServer, shape: Shape
) -> None:
    repo, module = shape(with_puppetfile, "owner")
    metadata.service = Ec2(role_config(repo))
    with taken_away(module):
        said = fails_with(quick_instance, "git.no_repository", module.name)
    assert said.startswith("modules/extra (Puppetfile, line 2): "), said
    is_advised_of(quick_instance, "Puppetfile, line 2")


def test_a_puppetfile_that_is_ignored_is_not_read(
    instance: Instance, metadata: MetadataServer, shape: Shape, world: World, git: GitServer
) -> None:
    quick(instance, {"repository": {"puppetfile": "ignore"}})
    repo, module = shape(with_puppetfile, "code")
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
    repo, module = shape(with_puppetfile, "branch")
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
    repo, _ = shape(with_puppetfile, "unclosed")
    metadata.service = Ec2(role_config(repo))
    fails_with(instance, "repository.r10k_failed", "ended with status 1", kind="transient")
    instance.remove("/usr/bin/r10k")
    fails_with(instance, "repository.no_r10k", "install the package r10k")
