"""A machine is configured from one static file, whatever serves it."""

from __future__ import annotations

import json
from typing import Any

import public_clouds
import pytest
from control_repo import ControlRepo
from instance import Instance
from metadata_services import Ec2
from public_clouds import ec2_role
from runs import converges, has_checkout, is_sound, nowhere, places, prepare
from servers import GitServer
from snapshots import asks, make, make_by_git, ready, snapshot_name
from static_server import StaticServer
from swift import Swift
from world import World


@pytest.mark.parametrize("made_by", ["command", "git"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_snapshot_alone_configures(
    world: World, ready: Instance, git: GitServer, static: StaticServer, repo: ControlRepo, asks: Any, scheme: str, made_by: str
) -> None:
    repo.commit_ballast(1)
    repo.commit({"ballast/0.bin": None})
    bundle = make(ready, "--repository", repo.url()) if made_by == "command" else make_by_git(world, repo.bare, repo.head)
    static.put(f"snapshots/{repo.head}.bundle", bundle)
    assert len(bundle) < 20_000  # no history
    git.stop()
    url = static.url(snapshot_name(), scheme, host="static.test")
    asks(url)
    before = len(static.requests())
    converges(ready)
    assert places(ready) == [(url, "gave it")]
    has_checkout(ready, repo, repo.head)
    is_sound(ready)
    (request,) = static.requests()[before:]
    assert (request["status"], request["range"], request["sent"]) == (200, "", len(bundle))
    assert not list(ready.path("/var/lib/bootwright/download").iterdir())
    converges(ready)
    assert len(static.requests()) == before + 1


def test_no_authorities_are_read_where_nobody_has_to_be_trusted(
    ready: Instance, static: StaticServer, repo: ControlRepo, asks: Any
) -> None:
    """libgit2 reads all that the system has as it starts, unless it is kept from it."""
    static.put(f"snapshots/{repo.head}.bundle", make(ready, "--repository", repo.url()))
    asks(static.url(snapshot_name()))
    assert ready.exists("/etc/ssl/certs/ca-certificates.crt")
    trace = ["strace", "-f", "-qq", "-o", "/root/trace", "-e", "trace=open,openat"]
    ready.run([*trace, Instance.BINARY, "run"], check=True, timeout=120)
    opened = ready.read("/root/trace")
    assert "libgit2.so" in opened and "/etc/ssl/certs" not in opened


def with_stores(instance: Instance, git: GitServer, s3: dict[str, Any], **repository: Any) -> None:
    prepare(instance, git, **repository)
    instance.configure({"s3": s3}, "agent.d/stores.json")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("keys", ["of a file", "of the role"])
def test_swift_gives_it_to_whoever_signs(
    instance: Instance, git: GitServer, s3: Swift, repo: ControlRepo, asks: Any, scheme: str, keys: str
) -> None:
    with_stores(instance, git, {"endpoint": s3.endpoint(scheme, host="s3.test")})
    s3.put(f"some%2Bwhere/{repo.head}.bundle", make(instance, "--repository", repo.url()))
    place = f"s3://{s3.BUCKET}/some+where"
    # With the role's keys it is the only place.
    service = asks(repo.url(at="status/503"), place) if keys == "of a file" else asks(place)
    if keys == "of a file":
        instance.write("/etc/bootwright/keys.json", json.dumps(dict(zip(("access_key", "secret_key"), s3.OWNER))), 0o600)
        instance.configure({"s3": {"keys_file": "/etc/bootwright/keys.json"}}, "agent.d/zkeys.json")
    else:
        service.files |= ec2_role(*s3.OWNER)
    before = len(s3.requests())
    converges(instance)
    has_checkout(instance, repo, repo.head)
    (request,) = s3.requests()[before:]
    assert (request["scheme"], request["status"]) == (scheme, 200)
    assert request["uri"] == f"/{s3.BUCKET}/some%2Bwhere/{repo.head}.bundle"  # the bucket in the path
    assert f"Credential={s3.OWNER[0]}/" in request["authorization"]
    signs_token = "x-amz-security-token" in request["authorization"]
    has_token = request["security_token"] == public_clouds.SESSION_TOKEN
    assert (signs_token, has_token) == (keys == "of the role", keys == "of the role")
    nowhere(instance, [s3.OWNER[1], public_clouds.SESSION_TOKEN])


def test_what_swift_does_not_give_is_had_elsewhere(
    instance: Instance, git: GitServer, s3: Swift, repo: ControlRepo, asks: Any
) -> None:
    with_stores(instance, git, {"endpoint": s3.endpoint()})
    s3.put(f"p/{repo.head}.bundle", b"")
    place = f"s3://{s3.BUCKET}/p"

    def refused(service: Ec2, code: str) -> None:
        instance.remove("/var/lib/bootwright")
        converges(instance)
        said = dict(places(instance))
        assert code in said[place] and said[repo.url(host="git.test")] == "gave it", said

    def ask() -> Ec2:
        service: Ec2 = asks(repo.url(at="status/410"), place, repo.url(host="git.test"))
        return service

    refused(ask(), "repository.no_identity")  # the instance has no role
    for key, secret, code in (
        (*s3.STRANGER, "server.access_denied"),
        (s3.OWNER[0], "a-guess", "server.access_denied"),
        (*s3.OWNER, "git.snapshot_invalid"),
    ):
        service = ask()
        service.files |= ec2_role(key, secret)
        refused(service, code)
