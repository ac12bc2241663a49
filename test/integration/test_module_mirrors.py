"""Releases of the Forge from `modules.mirrors` of agent.json: folders of web servers, of the machine, and object stores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import forge_archives
import pytest
from forge import Forge
from forge_archives import module as release_of
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from module_locks import LOCK, WORK, control, lay_out, locks, ready, releases
from on_disk import checkout, fails_with, runs
from roles import role_config
from runs import modules_from, nowhere, places, prepare
from servers import GitServer
from shapes import ShapedRepo
from static_server import StaticServer
from swift import Swift

RELEASE = release_of("acme-web", "1.0.0", files={"files/x": "the release's\n"})
ARCHIVE = RELEASE.archive()
NAME = f"{hashlib.sha256(ARCHIVE).hexdigest()}.tar.gz"
AT_THE_FORGE = "https://forgeapi.puppet.com/v3/files/acme-web-1.0.0.tar.gz"


@pytest.fixture
def locked(ready: Instance, metadata: MetadataServer, shape: Callable[..., Any], releases: Forge) -> ShapedRepo:
    """A control repository whose lock names that release; the Forge has lost it since."""
    releases.add(RELEASE, ARCHIVE)
    repo = control(shape, {"Puppetfile": b"mod 'acme/web', '1.0.0'\n"})
    lay_out(ready, repo)
    locks(ready)
    repo.commit({LOCK: ready.read(f"{WORK}/{LOCK}").encode()})
    metadata.service = Ec2(role_config(repo))
    releases.releases.clear()
    return repo


def with_mirrors(instance: Instance, *mirrors: str) -> None:
    instance.configure({"modules": {"mirrors": list(mirrors)}}, "agent.d/mirrors.json")


def has_release(instance: Instance, repo: ShapedRepo) -> None:
    assert (checkout(instance, repo.head) / "modules/web/files/x").read_text() == "the release's\n"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("at", ["", "moved"])
def test_a_web_folder_is_asked_before_the_forge(
    ready: Instance, static: StaticServer, locked: ShapedRepo, far: MetadataServer, scheme: str, at: str
) -> None:
    static.put(f"releases/{NAME}", ARCHIVE)
    mirror = static.url("releases/", scheme, at=at, host="static.test")
    with_mirrors(ready, mirror)
    asked = len(far.requests)
    runs(ready)
    has_release(ready, locked)
    assert modules_from(ready) == {mirror.split("/")[2]: 1}
    assert len(far.requests) == asked


def test_a_folder_of_the_machine_will_do(ready: Instance, locked: ShapedRepo) -> None:
    ready.write(f"/srv/releases/{NAME}", ARCHIVE, 0o600)
    with_mirrors(ready, "file:///srv/releases")
    runs(ready)
    has_release(ready, locked)


def test_an_object_store_is_asked_with_the_role_of_the_instance(
    ready: Instance, git: GitServer, metadata: MetadataServer, s3: Swift, locked: ShapedRepo
) -> None:
    s3.put(f"releases/{NAME}", ARCHIVE)
    mirror = f"s3://{s3.BUCKET}/releases"
    ready.configure({"s3": {"endpoint": s3.endpoint("https", host="s3.test"), "keys_file": "/etc/bootwright/keys.json"}}, "agent.d/s3.json")
    ready.write("/etc/bootwright/keys.json", json.dumps(dict(zip(("access_key", "secret_key"), s3.OWNER))), 0o600)
    with_mirrors(ready, mirror)
    runs(ready)
    has_release(ready, locked)
    assert modules_from(ready) == {s3.BUCKET: 1}
    nowhere(ready, [s3.OWNER[1]])


GARBAGE: dict[str, Callable[[], bytes]] = {
    "another release": lambda: release_of("acme-web", "1.0.0", files={"files/x": "somebody else's"}).archive(),
    "cut off": lambda: ARCHIVE[:-20],
    "no archive": lambda: b"Please log in",
    "a page": lambda: b"<html>Please log in</html>",
    "nothing": lambda: b"",
    "links": lambda: forge_archives.symbolic_link(RELEASE),
    "too much": lambda: bytes((64 << 20) + 1),
}  # fmt: skip


@pytest.mark.parametrize(("where", "kind"), [("web", kind) for kind in GARBAGE if kind != "too much"] + [("machine", kind) for kind in GARBAGE])
def test_a_mirror_that_gives_garbage_is_passed_over(
    ready: Instance, static: StaticServer, locked: ShapedRepo, releases: Forge, where: str, kind: str
) -> None:
    garbage = GARBAGE[kind]()
    static.put(f"garbage/{NAME}", garbage)
    ready.write(f"/srv/garbage/{NAME}", garbage)
    mirror = {"web": static.url("garbage"), "machine": "file:///srv/garbage"}[where]
    releases.add(RELEASE, ARCHIVE)
    with_mirrors(ready, mirror)
    runs(ready)
    has_release(ready, locked)
    said = dict(places(ready))
    code = "server.protocol" if (where, kind) == ("web", "a page") else "repository.release_invalid"
    assert said[mirror].endswith(f"({code})"), said
    assert modules_from(ready) == {AT_THE_FORGE.split("/")[2]: 1}


def test_each_place_that_does_not_have_it_is_named(ready: Instance, static: StaticServer, s3: Swift, locked: ShapedRepo) -> None:
    ready.path("/srv/folders").mkdir()
    ready.path(f"/srv/folders/{NAME}").mkdir()
    mirrors = [static.url("empty"), static.url("x", at="forbidden"), static.url("x", at="loop"), "file:///srv/none", "file:///srv/folders",
               "http://nobody.test/a", f"s3://{s3.BUCKET}/p"]  # fmt: skip
    with_mirrors(ready, *mirrors)
    said = fails_with(ready, "server.unreachable", "modules/web (Puppetfile, line 1)", kind="transient")
    for place in (*mirrors, AT_THE_FORGE):
        assert f"; {place}: " in said, said
    assert "there is no /srv/none/" in said


def test_a_password_of_a_mirror_is_shown_nowhere(ready: Instance, static: StaticServer, locked: ShapedRepo) -> None:
    static.put(f"private/{NAME}", b"not it")
    mirror = static.url("private", "https", host="static.test").replace("://", "://user:pa55-of-the-mirror@")
    with_mirrors(ready, mirror)
    fails_with(ready, "repository.release_invalid", "whose SHA-256 is")
    assert static.requests()[-1]["authorization"].startswith("Basic ")
    nowhere(ready, ["pa55-of-the-mirror"], ready.bootwright("status", "--json").stdout)


def test_a_mirror_that_is_none_is_refused_by_name(ready: Instance, git: GitServer) -> None:
    prepare(ready, git)
    with_mirrors(ready, "ssh://git@mirror.test/releases")
    done = ready.bootwright("run")
    assert done.returncode == 1 and "modules.mirrors" in done.stdout + done.stderr + json.dumps(ready.status()), done.stderr
