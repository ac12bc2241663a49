"""Forges that want a token."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from forge import Forge
from forge_archives import module as release_of
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from module_locks import CA, LOCK, WORK, control, lay_out, lock, locks, ready, releases
from on_disk import checkout, fails_with
from roles import role_config
from runs import nowhere, prepare
from servers import GitServer
from shapes import ShapedRepo
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
