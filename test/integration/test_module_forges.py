"""Forges that want a token, that ask for patience, that lead elsewhere, and that fail."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import forge
import pytest
from forge import Forge
from forge_archives import module as release_of
from instance import Instance
from metadata_faults import Fault, redirect, reset, silence, status, truncated
from metadata_server import MetadataServer
from metadata_services import Ec2
from module_locks import CA, LOCK, WORK, control, lay_out, lock, locks, ready, releases
from on_disk import checkout, fails_with, runs
from roles import role_config
from runs import nowhere, prepare
from servers import GitServer
from shapes import ShapedRepo
from snapshots import try_so_often
from test_credentials import runs_silently

TOKEN = "pft-s3cret-of-the-forge"
CREDENTIALS = "/srv/credentials.json"
PUPPETFILE = b"mod 'acme/web', '1.0.0'\nmod 'acme/db'\n"


@pytest.fixture
def repo(ready: Instance, shape: Callable[..., Any], releases: Forge, metadata: MetadataServer) -> ShapedRepo:
    for name in ("acme-web", "acme-db"):
        releases.add(release_of(name))
    repo = control(shape, {"Puppetfile": PUPPETFILE})
    lay_out(ready, repo)
    return repo


def commit_lock(instance: Instance, repo: ShapedRepo, metadata: MetadataServer) -> None:
    repo.commit({LOCK: instance.read(f"{WORK}/{LOCK}").encode()})
    metadata.service = Ec2(role_config(repo))


def give_token(instance: Instance, host: str = "forgeapi.puppet.com", token: str = TOKEN, mode: int = 0o600) -> None:
    """To the command."""
    instance.write("/srv/token", token + "\n", mode)
    instance.write(CREDENTIALS, json.dumps({"credentials": [{"host": host, "from": {"file": "/srv/token"}}]}))


# A token


@pytest.mark.parametrize("moved", [False, True])
def test_a_token_opens_a_private_forge_and_goes_nowhere_else(
    ready: Instance, git: GitServer, metadata: MetadataServer, repo: ShapedRepo, releases: Forge, far: MetadataServer, moved: bool
) -> None:
    releases.token = TOKEN
    releases.files_at = "https://files.forge.test" if moved else ""
    give_token(ready)
    done = lock(ready, "--credentials", CREDENTIALS)
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr + ready.read(f"{WORK}/{LOCK}")
    commit_lock(ready, repo, metadata)
    prepare(ready, git, credentials=[{"host": "forgeapi.puppet.com", "from": {"file": "/srv/token"}}])
    runs_silently(ready, [TOKEN])
    assert (checkout(ready, repo.head) / "modules/web/manifests/init.pp").exists()
    at_home = [request for request in far.requests if not request.path.startswith("/storage/")]
    assert {request.headers["authorization"] for request in at_home} == {f"Bearer {TOKEN}"}
    elsewhere = [request for request in far.requests if request.path.startswith("/storage/")]
    assert bool(elsewhere) == moved
    assert not any("authorization" in request.headers for request in elsewhere)


def test_without_the_right_token_the_forge_is_closed(
    ready: Instance, git: GitServer, metadata: MetadataServer, repo: ShapedRepo, releases: Forge
) -> None:
    locks(ready)
    commit_lock(ready, repo, metadata)
    releases.token = TOKEN
    ready.remove(f"{WORK}/{LOCK}")
    for arguments in ((), ("--credentials", CREDENTIALS)):
        give_token(ready, token="a-wrong-guess")
        done = lock(ready, *arguments)
        assert done.returncode == 1 and "server.access_denied" in done.stderr and "line 2, modules/db" in done.stderr, done.stderr
        assert "a-wrong-guess" not in done.stderr and not ready.exists(f"{WORK}/{LOCK}")
    fails_with(ready, "server.access_denied", "HTTP status 401", "credentials")
    prepare(ready, git, credentials=[{"host": "forgeapi.puppet.com", "from": {"file": "/srv/token"}}])
    fails_with(ready, "server.access_denied", "HTTP status 403")
    nowhere(ready, ["a-wrong-guess"])


def test_a_token_is_not_sent_in_clear_nor_read_where_others_read_it(
    ready: Instance, repo: ShapedRepo, releases: Forge, far: MetadataServer
) -> None:
    releases.token = TOKEN
    give_token(ready, "forge.test")
    done = lock(ready, "--credentials", CREDENTIALS, "--forge", "http://forge.test")
    assert done.returncode == 1 and "repository.credential_exposed" in done.stderr and "http" in done.stderr, done.stderr
    give_token(ready, mode=0o644)
    done = lock(ready, "--credentials", CREDENTIALS)
    assert done.returncode == 1 and "repository.credential_exposed" in done.stderr and "/srv/token" in done.stderr, done.stderr
    assert far.requests == []


def test_a_snapshot_is_made_with_the_token(ready: Instance, metadata: MetadataServer, repo: ShapedRepo, releases: Forge) -> None:
    releases.token = TOKEN
    give_token(ready)
    locks(ready, "--credentials", CREDENTIALS)
    commit_lock(ready, repo, metadata)
    make = ("snapshot", "make", "--output", "/tmp/snapshots", "--repository", repo.url("https"))
    closed = ready.bootwright(*make, env=CA)
    assert closed.returncode == 1 and "server.access_denied" in closed.stderr
    made = ready.bootwright(*make, "--credentials", CREDENTIALS, env=CA)
    assert made.returncode == 0 and "modules/web" in made.stdout, made.stderr


@pytest.mark.parametrize(("text", "said"), [
    ("{", "JSON"), ('{"credentials": [{"host": "https://h", "from": {"file": "/t"}}]}', "host"), ('{"tokens": []}', "tokens"),
])  # fmt: skip
def test_a_file_of_credentials_that_is_none_is_refused(ready: Instance, repo: ShapedRepo, text: str, said: str) -> None:
    ready.write(CREDENTIALS, text)
    done = lock(ready, "--credentials", CREDENTIALS)
    assert done.returncode == 1 and "config.invalid" in done.stderr and CREDENTIALS in done.stderr and said in done.stderr, done.stderr


# Patience


@pytest.mark.parametrize("path", ["/v3/releases/*", "/v3/modules/*", "/v3/files/*"])
@pytest.mark.parametrize("fault", [forge.refuses(429, retry_after=1), forge.refuses(503, retry_after=1), status(429)], ids=["429", "503", "bare"])
def test_a_forge_that_asks_for_patience_is_asked_again(
    ready: Instance, repo: ShapedRepo, far: MetadataServer, path: str, fault: Fault
) -> None:
    far.fault(path, fault, times=1)
    done = lock(ready)
    assert done.returncode == 0, done.stderr
    assert "https://forgeapi.puppet.com: " in done.stderr and "asked again in 1.0 s" in done.stderr, done.stderr


@pytest.mark.parametrize(("wait", "tries"), [(0, 5), (3600, 1)])
def test_a_forge_without_end_of_patience_is_left(
    ready: Instance, repo: ShapedRepo, far: MetadataServer, wait: int, tries: int
) -> None:
    far.fault("/v3/releases/*", forge.refuses(429, retry_after=wait))
    began = time.monotonic()
    done = lock(ready)
    assert done.returncode == 1 and "server.error" in done.stderr and "line 1, modules/web" in done.stderr, done.stderr
    assert "429" in done.stderr and not ready.exists(f"{WORK}/{LOCK}")
    assert far.count("/v3/releases/*") == tries
    assert time.monotonic() - began < 200


def test_an_instance_honours_the_patience_that_a_forge_asks_for(
    ready: Instance, metadata: MetadataServer, repo: ShapedRepo, far: MetadataServer
) -> None:
    locks(ready)
    commit_lock(ready, repo, metadata)
    try_so_often(ready, 2)
    far.fault("/v3/files/*", forge.refuses(429, retry_after=1), times=1)
    runs(ready)
    assert far.count("/v3/files/*") == 5  # two for the lock, the refused one, and two for the instance


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("host", ["forgeapi.puppet.com", "files.forge.test"])
def test_a_redirect_is_followed(ready: Instance, repo: ShapedRepo, releases: Forge, host: str, status: int) -> None:
    releases.files_at, releases.moved_with = f"https://{host}", status
    locks(ready)


REDIRECTS = {
    "loop": (redirect("https://forgeapi.puppet.com/v3/files/acme-web-1.0.0.tar.gz"), "server.redirects"),
    "in clear": (redirect("http://files.forge.test/storage/acme-web-1.0.0.tar.gz"), "server.url_invalid"),
    "to a file": (redirect("file:///etc/hostname"), "server.url_invalid"),
    "to nobody": (redirect("https://nobody.test/x"), "server.unreachable"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REDIRECTS)
def test_a_redirect_is_refused(ready: Instance, metadata: MetadataServer, repo: ShapedRepo, far: MetadataServer, kind: str) -> None:
    locks(ready)
    commit_lock(ready, repo, metadata)
    fault, code = REDIRECTS[kind]
    far.fault("/v3/files/*", fault)
    fails_with(ready, code, "modules/", "Puppetfile, line", kind="transient" if code == "server.unreachable" else "permanent")
    ready.remove(f"{WORK}/{LOCK}")
    done = lock(ready)
    assert done.returncode == 1 and code in done.stderr and "line 1, modules/web" in done.stderr, done.stderr


# Failures


FAILURES = {"cut off": (truncated(100), "server.unreachable"), "reset": (reset(), "server.unreachable"), "silent": (silence(), "server.stalled")}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_forge_that_fails_is_named_and_asked_again(
    ready: Instance, metadata: MetadataServer, repo: ShapedRepo, far: MetadataServer, kind: str
) -> None:
    locks(ready)
    commit_lock(ready, repo, metadata)
    fault, code = FAILURES[kind]
    far.fault("/v3/files/*", fault)
    fails_with(ready, code, "forgeapi.puppet.com", kind="transient")
    far.clear_faults()
    try_so_often(ready, 2)
    far.fault("/v3/files/*", fault, times=1)
    runs(ready)
    assert (checkout(ready, repo.head) / "modules/db/manifests/init.pp").exists()
    if kind != "silent":  # a laptop waits half a minute
        ready.remove(f"{WORK}/{LOCK}")
        far.fault("/v3/*", fault)
        done = lock(ready)
        assert done.returncode == 1 and code in done.stderr and "line 1, modules/web" in done.stderr, done.stderr
