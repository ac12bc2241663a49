"""The stores of the public clouds: snapshots from them, and secrets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import metadata_faults as faults
import public_clouds
import pytest
from cloud_cases import AZURE, CLOUDS, EC2, GCE, SECRETS, Cloud
from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2, Tree
from platform_fixtures import FIXTURES
from public_clouds import PublicClouds, ec2_role
from runs import converges, fails, has_checkout, nowhere, places, prepare
from servers import GitServer
from snapshots import make, try_so_often


class CloudInstance:
    """An instance of a cloud with an identity. Its role config is a file of the image: the metadata is the fixture's."""

    def __init__(self, new_instance: Callable[..., Instance], git: GitServer, metadata: MetadataServer, cloud: Cloud) -> None:
        self.cloud, self.git = cloud, git
        options = {} if cloud is EC2 else {"sys_files": cloud.files("sys")}
        self.instance = new_instance(**options)
        public_clouds.lead_to(self.instance)
        if cloud is EC2:
            metadata.service = Ec2()
            metadata.service.files |= ec2_role()
        else:
            entries = json.loads((FIXTURES / cloud.name / "root/metadata-answers.json").read_text())
            # What it says of a role is somebody else's.
            if cloud is GCE:
                entries[0]["body"]["attributes"] = {}
            else:
                entries[0]["body"]["compute"] |= {"userData": "", "tags": "", "tagsList": []}
            metadata.service = Tree(entries)

    def asks(self, repo: ControlRepo, *urls: str, **repository: Any) -> None:
        prepare(self.instance, self.git, **repository)
        pinned = {"url": urls[0], "mirrors": urls[1:], "revision": repo.head}
        role = {"role": "base", "repository": pinned}
        self.instance.configure({"platform": self.cloud.name, "role_config": role}, "agent.d/role.json")


@pytest.fixture
def on(new_instance: Callable[..., Instance], git: GitServer, metadata: MetadataServer) -> Callable[[Cloud], CloudInstance]:
    return lambda cloud: CloudInstance(new_instance, git, metadata, cloud)


@pytest.mark.parametrize("cloud", CLOUDS, ids=str)
def test_a_public_store_gives_it_to_the_instance_itself(
    on: Callable[[Cloud], CloudInstance], clouds: MetadataServer, repo: ControlRepo, cloud: Cloud
) -> None:
    machine = on(cloud)
    instance, service = machine.instance, PublicClouds()
    clouds.service = service
    name = f"{cloud.object}/{repo.head}.bundle"
    service.objects[name] = make(instance, "--repository", repo.url())
    machine.asks(repo, repo.url(at="status/410"), cloud.place)
    try_so_often(instance, 2)
    # After half of it the line breaks.
    clouds.fault("*", faults.truncated(len(service.objects[name]) // 2), times=1)
    converges(instance)
    assert service.faults == []
    assert [request.headers.get("range", "") != "" for request in clouds.requests] == [False, True]
    has_checkout(instance, repo, repo.head)
    nowhere(instance, [public_clouds.SECRET_KEY, public_clouds.SESSION_TOKEN, public_clouds.GCE_TOKEN, public_clouds.AZURE_STORAGE_TOKEN])


@pytest.mark.parametrize("cloud", CLOUDS, ids=str)
def test_a_store_that_refuses_is_left_for_the_next_mirror(
    on: Callable[[Cloud], CloudInstance], clouds: MetadataServer, metadata: MetadataServer, repo: ControlRepo, cloud: Cloud
) -> None:
    machine = on(cloud)
    instance = machine.instance
    machine.asks(repo, repo.url(at="status/410"), cloud.place, repo.url(host="git.test"))

    def left_with(code: str) -> None:
        instance.remove("/var/lib/bootwright")
        converges(instance)
        said = dict(places(instance))
        assert code in said[cloud.place] and said[repo.url(host="git.test")] == "gave it", said

    left_with("git.revision_not_found")
    for fault, code in (
        (faults.status(403), "server.access_denied"),
        (faults.status(503, retry_after=1), "server.error"),
        (faults.status(429), "server.error"),
        (faults.body(b"no snapshot"), "git.snapshot_invalid"),
        (faults.body(b"<html>"), "server.protocol"),
    ):
        clouds.clear_faults()
        clouds.fault("*", fault)
        left_with(code)
    metadata.fault(cloud.no_identity, faults.status(404))
    left_with("repository.no_identity")


def credential(kind: str, name: str, host: str, key: str, **more: Any) -> dict[str, Any]:
    return {"credentials": [{"host": host, key: {kind: name}, **more}]}


@pytest.mark.parametrize(("cloud", "kind", "name"), SECRETS, ids=str)
def test_a_password_of_a_store_opens_a_repository(
    on: Callable[[Cloud], CloudInstance], clouds: MetadataServer, git: GitServer, repo: ControlRepo, cloud: Cloud, kind: str, name: str
) -> None:
    machine = on(cloud)
    service = PublicClouds()
    clouds.service = service
    service.secrets[name.rpartition("/")[2] if cloud is AZURE else name] = GitServer.PASSWORD
    url = repo.url("https", at="password", host="git.test")
    machine.asks(repo, url, **credential(kind, name, "git.test", "from", user=GitServer.USER))
    converges(machine.instance)
    assert service.faults == [] and len(clouds.requests) == 1
    assert places(machine.instance) == [(url, "gave it")]
    has_checkout(machine.instance, repo, repo.head)
    nowhere(machine.instance, [GitServer.PASSWORD, public_clouds.SECRET_KEY, public_clouds.GCE_TOKEN, public_clouds.AZURE_VAULT_TOKEN])


@pytest.mark.parametrize("cloud", CLOUDS, ids=str)
def test_a_key_of_a_store_opens_a_repository_over_ssh(
    on: Callable[[Cloud], CloudInstance], clouds: MetadataServer, git: GitServer, repo: ControlRepo, cloud: Cloud
) -> None:
    machine = on(cloud)
    kind, name = cloud.secrets[0]
    service = PublicClouds()
    clouds.service = service
    service.secrets[name.rpartition("/")[2] if cloud is AZURE else name] = git.ssh_key.read_text()
    machine.asks(repo, repo.url("ssh", host="git.test"), **credential(kind, name, "git.test", "ssh_key_from"))
    machine.instance.remove("/etc/bootwright/ssh_key")
    converges(machine.instance)
    assert service.faults == []
    has_checkout(machine.instance, repo, repo.head)
    nowhere(machine.instance, [git.ssh_key.read_text().splitlines()[3]])


@pytest.mark.parametrize(("cloud", "kind", "name"), SECRETS, ids=str)
def test_a_secret_that_is_not_given_says_why(
    on: Callable[[Cloud], CloudInstance], clouds: MetadataServer, metadata: MetadataServer, git: GitServer, repo: ControlRepo,
    cloud: Cloud, kind: str, name: str,
) -> None:  # fmt: skip
    machine = on(cloud)
    url, other = repo.url("https", at="password", host="git.test"), repo.url(host="other.test")
    options = credential(kind, name, "git.test", "from", user=GitServer.USER)

    def fails_with(code: str, permanence: str, *said: str) -> None:
        fails(machine.instance, "repository", code, permanence, *said)

    machine.asks(repo, url, **options)
    fails_with("repository.secret_not_found", "permanent", name)
    denied = {EC2: {"__type": "AccessDeniedException"}, GCE: {"error": {"status": "PERMISSION_DENIED"}}, AZURE: {"error": {"code": "Forbidden"}}}
    throttled = {"__type": "ThrottlingException"}
    for fault, code, permanence in (
        (faults.status(400 if cloud is EC2 else 403, json.dumps(denied[cloud]).encode()), "repository.secret_denied", "permanent"),
        (faults.status(400, json.dumps(throttled).encode()) if cloud is EC2 else faults.status(429), "repository.secret_unavailable", "transient"),
        (faults.status(503), "repository.secret_unavailable", "transient"),
        (faults.body(b"<html>Please log in</html>"), "repository.secret_unavailable", "transient"),
    ):  # fmt: skip
        clouds.clear_faults()
        clouds.fault("*", fault)
        fails_with(code, permanence, name)
    # Without an identity, too, the next mirror that needs no secret is asked.
    metadata.fault(cloud.no_identity, faults.status(404))
    fails_with("repository.no_identity", "permanent")
    machine.asks(repo, url, other, **options)
    converges(machine.instance)
    assert "repository.no_identity" in places(machine.instance)[0][1] and places(machine.instance)[1] == (other, "gave it")
