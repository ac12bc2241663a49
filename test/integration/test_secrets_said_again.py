"""Nothing secret leaves though whoever was sent it says it again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import public_clouds
import pytest
from cloud_cases import AZURE, CLOUDS, EC2, GCE, SECRETS, Cloud
from control_repo import ControlRepo
from instance import Instance
from interruption import quick_puppet
from metadata_server import MetadataServer
from metadata_services import Ec2, Reply, Request, Tree
from plans import Echo, plan
from planted import CREDENTIALS, PLANTED, Plan, quoted, ssh_key_of
from platform_fixtures import FIXTURES
from public_clouds import PublicClouds
from servers import GitServer


class Split:
    """Some hosts are answered for by others."""

    def __init__(self, hosts: dict[str, Any], rest: PublicClouds) -> None:
        self.hosts, self.rest = hosts, rest

    def answer(self, request: Request) -> Reply:
        reply = self.hosts.get(request.headers.get("host", ""), self.rest).answer(request)
        assert isinstance(reply, Reply)
        return reply


CODES = [200, 302, 400, 401, 403, 500]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("source", ["file", "credential"])
def test_a_token_of_a_web_hook(plan: Plan, clouds: MetadataServer, source: str, code: int) -> None:
    public_clouds.lead_to(plan.instance)
    clouds.service = Echo(code)
    place = {"file": "/etc/keys/hook", "credential": f"{CREDENTIALS}/hook.token"}[source]
    plan.write(place, PLANTED["token that goes to the web hook"] + "\n", 0o600)
    url = f"https://hooks.example.com/{PLANTED['path of a web hook']}?key={PLANTED['query of a web hook']}"
    plan.role["announce"]["webhook"] = {"url": url, "token_from": {source: place if source == "file" else "hook.token"}}
    announced = {entry["to"]: entry for entry in plan.run()["announced"]}
    assert announced["webhook https://hooks.example.com"]["was_taken"] == (code == 200)
    assert f"Bearer {PLANTED['token that goes to the web hook']}" in [request.headers.get("authorization") for request in clouds.requests]


@pytest.mark.parametrize("code", CODES)
def test_a_git_server_that_says_again_what_it_was_sent(plan: Plan, clouds: MetadataServer, code: int) -> None:
    public_clouds.lead_to(plan.instance)
    clouds.service = Echo(code)
    plan.config["repository"]["credentials"][0]["host"] = "hooks.example.com"
    place = f"https://hooks.example.com/x.git?key={quoted('query of a snapshot' + chr(39) + 's place')}"
    plan.role["repository"] |= {"url": place, "mirrors": [place.replace("://", f"://reader:{quoted('password in repository.url')}@")]}
    assert plan.run()["error"]["stage"] == "repository"
    assert clouds.requests and [request for request in clouds.requests if request.headers.get("authorization")]


# What the cloud gives the instance


#: Those of the fixtures.
TOKENS = (public_clouds.GCE_TOKEN, public_clouds.AZURE_STORAGE_TOKEN, public_clouds.AZURE_VAULT_TOKEN)


class PlanOfCloud(Plan):
    """On an instance of a cloud, whose metadata gives it an identity. Its role config is a file of the image."""

    def __init__(self, cloud: Cloud, instance: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer, test: str) -> None:
        super().__init__(instance, git, repo, metadata, test)
        self.cloud = cloud

    def serve(self) -> None:
        self.write("/etc/bootwright/agent.d/role.json", json.dumps({"platform": self.cloud.name, "role_config": self.role}))
        identity = PLANTED["identity of the instance"]
        self.given.add(identity.encode())
        if self.cloud is EC2:
            service = Ec2()
            service.files |= public_clouds.ec2_role(secret=identity)
            self.metadata.service = service
            return
        text = (FIXTURES / self.cloud.name / "root/metadata-answers.json").read_text()
        for token in TOKENS:
            text = text.replace(token, identity)
        entries = json.loads(text)
        if self.cloud is GCE:
            entries[0]["body"]["attributes"] = {}
        else:
            entries[0]["body"]["compute"] |= {"userData": "", "tags": "", "tagsList": []}
        self.metadata.service = Tree(entries)


@pytest.fixture
def on(
    new_instance: Callable[..., Instance], git: GitServer, repo: ControlRepo, metadata: MetadataServer,
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest,
) -> Callable[[Cloud], PlanOfCloud]:  # fmt: skip
    """The plan of an instance of that cloud, which knows the planted identity for the right one."""

    def make(cloud: Cloud) -> PlanOfCloud:
        instance = new_instance(**({} if cloud is EC2 else {"sys_files": cloud.files("sys")}))
        public_clouds.lead_to(instance)
        plan = PlanOfCloud(cloud, instance, git, repo, metadata, request.node.originalname)
        plan.config |= quick_puppet(instance)
        for name in ("GCE_TOKEN", "AZURE_VAULT_TOKEN", "AZURE_STORAGE_TOKEN", "SECRET_KEY", "SESSION_TOKEN"):
            monkeypatch.setattr(public_clouds, name, PLANTED["identity of the instance"])
        return plan

    return make


def keep_in_store(plan: PlanOfCloud, clouds: MetadataServer, name: str, secret: str) -> PublicClouds:
    clouds.service = service = PublicClouds()
    service.secrets[name.rpartition("/")[2] if plan.cloud is AZURE else name] = secret
    plan.given.add(secret.encode())
    return service


@pytest.mark.parametrize("end", ["refused", "said again"])
@pytest.mark.parametrize(("cloud", "kind", "name"), SECRETS, ids=str)
def test_a_secret_of_a_cloud_s_store(
    on: Callable[[Cloud], PlanOfCloud], clouds: MetadataServer, cloud: Cloud, kind: str, name: str, end: str
) -> None:
    plan = on(cloud)
    service = keep_in_store(plan, clouds, name, PLANTED["secret of a store"])
    host = "git.test" if end == "refused" else "hooks.example.com"
    plan.config["repository"]["credentials"] = [{"host": host, "user": "reader", "from": {kind: name}}]
    plan.only_place(plan.repo.url("https", at="password", host="git.test") if end == "refused" else f"https://{host}/x.git")
    if end == "said again":
        clouds.service = Split({"hooks.example.com": Echo(403)}, service)
    assert plan.run()["error"]["code"] == "server.access_denied"
    assert service.faults == []


@pytest.mark.parametrize("code", [400, 401, 403, 404, 500])
@pytest.mark.parametrize("cloud", CLOUDS, ids=str)
def test_a_store_that_says_again_what_it_was_sent(
    on: Callable[[Cloud], PlanOfCloud], clouds: MetadataServer, cloud: Cloud, code: int
) -> None:
    plan = on(cloud)
    clouds.service = Echo(code)
    kind, name = cloud.secrets[0]
    plan.config["repository"]["credentials"] = [{"host": "git.test", "user": "reader", "from": {kind: name}}]
    plan.role["repository"] |= {"url": cloud.place, "mirrors": [plan.repo.url("https", at="password", host="git.test")]}
    assert plan.run()["error"]["stage"] == "repository"
    assert len({request.headers.get("host") for request in clouds.requests}) == 2


@pytest.mark.parametrize("cloud", CLOUDS, ids=str)
def test_an_ssh_key_of_a_cloud_s_store(on: Callable[[Cloud], PlanOfCloud], clouds: MetadataServer, cloud: Cloud) -> None:
    plan = on(cloud)
    kind, name = cloud.secrets[0]
    keep_in_store(plan, clouds, name, ssh_key_of(PLANTED["ssh key of a store"]))
    plan.config["repository"]["credentials"] = [{"host": "git.test", "ssh_key_from": {kind: name}}]
    plan.only_place(plan.repo.url("ssh", host="git.test"))
    assert plan.run()["error"]["stage"] == "repository"
    # The run asks for that one secret, and so does the doctor, whoever calls him.
    assert len({(request.path, request.query, request.body) for request in clouds.requests}) == 1


@pytest.mark.parametrize("path", ["*/user-data", "*/document"])
@pytest.mark.parametrize("code", CODES)
def test_a_metadata_service_that_says_its_token_again(plan: Plan, path: str, code: int) -> None:
    token = PLANTED["token of the metadata service"]
    headers = {"Location": f"http://169.254.169.254/{token}", "WWW-Authenticate": token, "X-Token": token}
    plan.metadata.fault(path, lambda connection, reply: connection.answer(Reply(code, token.encode(), headers)))
    plan.run()
    assert plan.metadata.count(path) > 0
