"""Modules of a Puppetfile that its lock names: `bootwright modules lock` writes it, and instances install what it says."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable
from typing import Any

import forge_archives
import pytest
from forge import Forge
from forge_archives import Module, module as release_of
from instance import Instance
from metadata_faults import Connection, status
from metadata_server import MetadataServer
from metadata_services import Ec2, Reply
from module_locks import LOCK, WORK, control, lay_out, lock, locks, ready, releases
from on_disk import assert_sound, by_git, checkout, fails_with, runs
from roles import role_config
from servers import GitServer
from shapes import File, ShapedRepo, files_of
from world import World

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


# Releases of the Forge


FROM_THE_FORGE = {
    "fixed": ("mod 'acme/web', '1.0.0'\n", "1.0.0"),
    "newest": ("mod 'acme-web', :latest\n", "2.0.0"),
    "no version": ("mod 'acme/web'\n", "2.0.0"),
    "option": ("mod 'acme/web', type: 'forge', version: '1.0.0'\n", "1.0.0"),
    "forge line": ("forge 'https://forge.example.com'\nmod 'acme/web', '1.0.0'\n", "1.0.0"),
    "sha256sum": ("mod 'acme/web', '1.0.0', :sha256sum => 'SUM'\n", "1.0.0"),
}


@pytest.mark.parametrize("kind", FROM_THE_FORGE)
def test_a_release_that_is_locked_is_installed(
    ready: Instance, metadata: MetadataServer, shape: Callable[..., Any], releases: Forge, world: World, kind: str
) -> None:
    by_version = {version: release_of("acme-web", version, files={"files/x": version}, executables={"files/run": "#!/bin/sh\n"},
                                  folders=["empty"]) for version in ("1.0.0", "2.0.0")}  # fmt: skip
    for one in by_version.values():
        releases.add(one)
    text, version = FROM_THE_FORGE[kind]
    digest = hashlib.sha256(by_version["1.0.0"].archive()).hexdigest()
    repo = control(shape, {"Puppetfile": text.replace("SUM", digest).encode()})
    lay_out(ready, repo)
    said = locks(ready)
    assert f"+ modules/web  {version} " in said, said
    (locked,) = json.loads(ready.read(f"{WORK}/{LOCK}"))["modules"]
    assert locked["sha256"] == hashlib.sha256(by_version[version].archive()).hexdigest()
    locks(ready, "--check")
    repo.commit({LOCK: ready.read(f"{WORK}/{LOCK}").encode()})
    releases.add(release_of("acme-web", "3.0.0"))
    metadata.service = Ec2(role_config(repo))
    runs(ready)
    place = checkout(ready, repo.head) / "modules/web"
    assert (place / "files/x").read_text() == version and os.access(place / "files/run", os.X_OK)
    assert not (place / "empty").exists()
    # git itself makes the same tree of these files.
    tree = {info.name: File(content.read(), "100755" if info.mode & 0o100 else "100644")
            for info, content in by_version[version].entries if info.isreg() and content.seek(0) == 0}  # fmt: skip
    tree["metadata.json"] = File(json.dumps(by_version[version].metadata, indent=2).encode())
    imported = shape(lambda server, name: ShapedRepo(server, name, tree))
    assert locked["tree"] == imported.git("rev-parse", "main^{tree}").decode().strip()
    assert_sound(ready)


@pytest.mark.parametrize("hostile", [
    forge_archives.symbolic_link, forge_archives.through_link, forge_archives.hard_link, forge_archives.device, forge_archives.fifo,
    forge_archives.climbing_path, forge_archives.absolute_path, forge_archives.two_tops, forge_archives.no_top,
    forge_archives.same_file_twice, forge_archives.file_and_folder, forge_archives.git_folder, forge_archives.pax_path,
    forge_archives.pax_names, forge_archives.pax_size, forge_archives.zeros, forge_archives.many_files, forge_archives.cut_off,
    forge_archives.not_an_archive,
])  # fmt: skip
def test_a_hostile_release_is_not_locked(
    ready: Instance, shape: Callable[..., Any], releases: Forge, hostile: Callable[[Module], bytes]
) -> None:
    releases.add(release_of("acme-web"), hostile(release_of("acme-web")))
    lay_out(ready, control(shape, {"Puppetfile": b"mod 'acme/web', '1.0.0'\n"}))
    done = lock(ready)
    assert done.returncode == 1, done.stdout
    assert "archive.invalid" in done.stderr or "git.tree_refused" in done.stderr, done.stderr
    assert "Puppetfile, line 1, modules/web: " in done.stderr
    assert not ready.exists(f"{WORK}/{LOCK}") and not ready.exists("/tmp/escaped")


def test_a_release_that_was_changed_is_not_installed(
    ready: Instance, metadata: MetadataServer, shape: Callable[..., Any], releases: Forge
) -> None:
    releases.add(release_of("acme-web"))
    repo = control(shape, {"Puppetfile": b"mod 'acme/web', '1.0.0'\n"})
    lay_out(ready, repo)
    locks(ready)
    text = ready.read(f"{WORK}/{LOCK}")
    repo.commit({LOCK: text.encode()})
    other = release_of("acme-web", files={"files/x": "somebody else's"}).archive()
    releases.releases[0].archive = other
    metadata.service = Ec2(role_config(repo))
    fails_with(ready, "repository.release_invalid", "SHA-256")
    # Not even one whose SHA-256 somebody has written into the lock, without its tree.
    good = json.loads(text)["modules"][0]["sha256"]
    repo.commit({LOCK: text.replace(good, hashlib.sha256(other).hexdigest()).encode()})
    metadata.service = Ec2(role_config(repo))
    fails_with(ready, "repository.release_invalid", "other files than the lock names")


def test_real_modules_are_what_r10k_makes_of_them(
    ready: Instance, metadata: MetadataServer, shape: Callable[..., Any], releases: Forge
) -> None:
    real = [forge_archives.debian(name) for name in ("stdlib", "concat", "apt", "inifile")]
    for one in real:
        releases.add(one)
    text = "".join(f"mod '{one.name}', '{one.version}'\n" for one in real)
    repo = control(shape, {"Puppetfile": text.encode()})
    lay_out(ready, repo)
    locks(ready)
    repo.commit({LOCK: ready.read(f"{WORK}/{LOCK}").encode()})
    metadata.service = Ec2(role_config(repo))
    runs(ready)
    ready.write("/root/Puppetfile", text)
    ready.run(["r10k", "puppetfile", "install", "--puppetfile", "/root/Puppetfile", "--moduledir", "/root/modules"],
              env={"SSL_CERT_FILE": "/etc/bootwright/ca.pem"}, check=True)  # fmt: skip
    for one in real:
        name = one.name.partition("-")[2]
        ours, theirs = (files_of(place / name) for place in (checkout(ready, repo.head) / "modules", ready.path("/root/modules")))
        assert ours == theirs and len(ours) > 3


def test_a_release_that_the_forge_does_not_have_is_named(ready: Instance, shape: Callable[..., Any], releases: Forge) -> None:
    releases.add(release_of("acme-web"))
    lay_out(ready, control(shape, {"Puppetfile": b"mod 'acme/web', '9.0.0'\nmod 'acme/none'\nmod 'acme/web_too', '1.0.0'\n"}))
    done = lock(ready)
    assert done.returncode == 1 and "repository.release_not_found" in done.stderr, done.stderr
    for line, name in ((1, "web"), (2, "none"), (3, "web_too")):
        assert f"line {line}, modules/{name}: " in done.stderr


# Several at once


@pytest.mark.parametrize("who", ["laptop", "instance"])
def test_modules_are_obtained_side_by_side(
    ready: Instance, metadata: MetadataServer, shape: Callable[..., Any], releases: Forge, far: MetadataServer, who: str
) -> None:
    for name in ("acme-one", "acme-two"):
        releases.add(release_of(name))
    repo = control(shape, {"Puppetfile": b"mod 'acme/one', '1.0.0'\nmod 'acme/two', '1.0.0'\n"})
    lay_out(ready, repo)
    both_are_there = threading.Barrier(2, timeout=60)

    def wait(connection: Connection, reply: Reply) -> None:
        both_are_there.wait()
        connection.answer(reply)

    if who == "laptop":
        far.fault("/v3/files/*", wait)
    locks(ready)
    if who == "instance":
        repo.commit({LOCK: ready.read(f"{WORK}/{LOCK}").encode()})
        metadata.service = Ec2(role_config(repo))
        ready.configure({"repository": {"stall": "60s", "timeout": "2m"}}, "agent.d/patient.json")
        far.fault("/v3/files/*", wait)
        runs(ready)


@pytest.mark.parametrize(("answer", "code", "kind"), [(500, "server.error", "transient"), (404, "repository.release_not_found", "permanent")])
def test_one_module_that_fails_does_not_lose_the_others(
    ready: Instance, metadata: MetadataServer, shape: Callable[..., Any], releases: Forge, far: MetadataServer, answer: int, code: str, kind: str
) -> None:
    names = [f"m{number}" for number in range(1, 17)]
    for name in names:
        releases.add(release_of(f"acme-{name}"))
    repo = control(shape, {"Puppetfile": "".join(f"mod 'acme/{name}', '1.0.0'\n" for name in names).encode()})
    lay_out(ready, repo)
    locks(ready)
    repo.commit({LOCK: ready.read(f"{WORK}/{LOCK}").encode()})
    metadata.service = Ec2(role_config(repo))
    for name in ("m6", "m3"):
        far.fault(f"/v3/files/acme-{name}-*", status(answer))
    fails_with(ready, code, "modules/m3 (Puppetfile, line 3)", kind=kind)
    assert not list(ready.path("/var/lib/bootwright/download").iterdir())
    far.clear_faults()
    asked = far.count("/v3/files/*")
    runs(ready)
    assert far.count("/v3/files/*") == asked + 2
    assert_sound(ready)


def test_modules_of_one_repository_do_not_disturb_each_other(
    ready: Instance, metadata: MetadataServer, shape: Callable[..., Any], module: ShapedRepo
) -> None:
    revisions = {"v1": "1\n", "annotated": "0\n", "main": "2\n"}
    lines = [f"mod '{name}', git: '{module.url('https')}', ref: '{name}'\n" for name in revisions]
    repo = control(shape, {"Puppetfile": "".join(lines).encode()})
    lay_out(ready, repo)
    locks(ready)
    repo.commit({LOCK: ready.read(f"{WORK}/{LOCK}").encode()})
    metadata.service = Ec2(role_config(repo))
    runs(ready)
    for name, version in revisions.items():
        assert (checkout(ready, repo.head) / f"modules/{name}/version").read_text() == version
    assert_sound(ready)
