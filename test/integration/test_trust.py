"""Who may say what: user-data is no way around what the image demands, and no secret of the image goes where user-data says."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import public_clouds
import pytest
from control_repo import ControlRepo
from instance import Instance
from machine import PLAIN_SYS
from metadata_server import MetadataServer
from metadata_services import Ec2
from public_clouds import PublicClouds
from roles import role_config
from runs import CHECKOUTS, converges, fails, nowhere, prepare, report
from servers import GitServer
from signing import Signer, never_ran, ssh_signer, trusts
from world import World

HOOK = "https://hooks.example.com/x"
OWNED = "/srv/owned"
COMMAND = {"timeout": "1s", "checks": [{"unit": "none.service"}, {"command": ["/usr/bin/touch", OWNED]}]}
TOUCH = {"timeout": "20s", "checks": [{"command": ["/usr/bin/touch", OWNED]}]}


@pytest.fixture(scope="session")
def ann() -> Iterator[Signer]:
    with tempfile.TemporaryDirectory() as folder:
        yield ssh_signer(Path(folder), "ann")


@pytest.fixture
def asks(metadata: MetadataServer, repo: ControlRepo) -> Callable[..., None]:
    def ask(**more: Any) -> None:
        metadata.service = Ec2(role_config(repo, **more))

    return ask


@pytest.fixture
def hook(instance: Instance, clouds: MetadataServer) -> PublicClouds:
    """Who listens at the web hook of user-data."""
    public_clouds.lead_to(instance)
    assert isinstance(clouds.service, PublicClouds)
    return clouds.service


@pytest.fixture
def other(git: GitServer, world: World) -> Iterator[ControlRepo]:
    """A stranger's repository on the same host."""
    work = world.new_folder("stranger")
    made = ControlRepo(git, work.name, work)
    made.commit({"manifests/site.pp": "file { '/srv/owned': ensure => file }\n"}, "Owned")
    yield made
    made.remove()


def says(instance: Instance, name: str = "agent.d/trust.json", **configuration: Any) -> None:
    instance.configure(configuration, name)


def signed(instance: Instance, git: GitServer, repo: ControlRepo, ann: Signer) -> None:
    """An image that asks for signatures, and a repository that has them."""
    prepare(instance, git, verify="commit")
    trusts(instance, ann)
    ann.commit(repo)


def fixes(instance: Instance, git: GitServer, repo: ControlRepo) -> None:
    """An image that binds the repository by its URL and revision."""
    prepare(instance, git)
    pin = {"url": repo.url(), "revision": repo.head}
    says(instance, fixed=["repository.url", "repository.revision"], role_config={"repository": pin})


# Commands


@pytest.mark.parametrize("demand", ["signatures", "a fixed pin"])
@pytest.mark.parametrize("form", ["json", "cloud-config"])
def test_under_a_demand_a_command_of_user_data_never_runs(
    instance: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer, asks: Any, ann: Signer, demand: str, form: str
) -> None:
    signed(instance, git, repo, ann) if demand == "signatures" else fixes(instance, git, repo)
    asks(health=COMMAND)
    if form == "cloud-config":
        metadata.service = Ec2(b"#cloud-config\nbootwright:\n  " + role_config(repo, health=COMMAND))
    where = "user-data:3: bootwright." if form == "cloud-config" else "user-data:1: "
    fails(instance, "role", "role.not_trusted", "permanent", where + "health.checks.1.command", "agent.json", "allow_from_anywhere")
    assert not instance.exists(OWNED)
    never_ran(instance, repo.head)
    # The image may allow more, by name.
    says(instance, "agent.d/allow.json", allow_from_anywhere=["health.checks.command"])
    asks(health=TOUCH)
    converges(instance)
    assert instance.exists(OWNED)


def test_without_a_demand_who_writes_user_data_has_root_anyway(instance: Instance, git: GitServer, asks: Any) -> None:
    prepare(instance, git)
    asks(health=TOUCH)
    converges(instance)
    assert instance.exists(OWNED)


def test_a_command_is_taken_from_a_signed_file_and_from_the_image(
    instance: Instance, git: GitServer, repo: ControlRepo, asks: Any, ann: Signer
) -> None:
    prepare(instance, git, verify="commit")
    trusts(instance, ann)
    repo.commit({"instances/web.json": json.dumps({"health": TOUCH})})
    ann.commit(repo)
    asks(configuration={"url": repo.url(), "revision": repo.head, "path": "instances/web.json"})
    converges(instance)
    assert instance.exists(OWNED)
    instance.remove(OWNED)
    says(instance, role_config={"health": TOUCH})
    asks()
    converges(instance)
    assert instance.exists(OWNED)


def test_a_file_at_a_pin_of_user_data_is_not_proven_without_signatures(
    instance: Instance, git: GitServer, repo: ControlRepo, other: ControlRepo, asks: Any
) -> None:
    prepare(instance, git)
    says(instance, fixed=["role"], role_config={"role": "base"})
    pin = other.commit({"web.json": json.dumps({"health": TOUCH})})
    asks(configuration={"url": other.url(), "revision": pin, "path": "web.json"})
    fails(instance, "role", "role.not_trusted", "permanent", "web.json of the configuration repository", "health.checks.0.command")
    assert not instance.exists(OWNED)


@pytest.mark.parametrize("place", ["file", "credential", "seed"])
def test_a_file_of_roots_may_say_a_command_until_others_may_write_it(
    new_instance: Callable[..., Instance], git: GitServer, repo: ControlRepo, ann: Signer, place: str
) -> None:
    instance = new_instance(sys_files=PLAIN_SYS)
    signed(instance, git, repo, ann)
    path, mode, environment = {
        "file": ("/etc/bootwright/role.json", 0o644, {}),
        "credential": (
            "/run/credentials/bootwright.service/bootwright.role_config", 0o400,
            {"CREDENTIALS_DIRECTORY": "/run/credentials/bootwright.service"},
        ),
        "seed": ("/var/lib/cloud/seed/nocloud/user-data", 0o644, {}),
    }[place]  # fmt: skip
    instance.write(path, role_config(repo, health=TOUCH), mode)
    assert instance.bootwright("run", env=environment).returncode == 0
    assert instance.exists(OWNED)
    instance.remove(OWNED)
    instance.run(["chmod", "o+w", str(Path(path).parent)], check=True)
    assert instance.bootwright("run", env=environment).returncode == 1
    assert instance.status()["run"]["error"]["code"] == "role.not_trusted"
    assert not instance.exists(OWNED)


def test_a_copy_that_is_kept_has_no_more_trust_than_what_it_was_read_from(
    instance: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer, asks: Any, ann: Signer
) -> None:
    """User-data with a command was accepted before the image came to demand something; the metadata service is dead since."""
    prepare(instance, git)
    trusts(instance, ann)
    ann.commit(repo)
    asks(health=TOUCH)
    converges(instance)
    instance.remove(OWNED)
    prepare(instance, git, verify="commit")
    for dead in (False, True):
        if dead:
            instance.namespace.run("ip", "route", "del", "169.254.169.254")
        done = instance.bootwright("run")
        assert done.returncode == 1
        assert "role.not_trusted" in json.dumps(report(instance)), done.stdout
        assert not instance.exists(OWNED)


# Secrets


@pytest.mark.parametrize("way", ["as it is", "link", "hard link", "folder link", "dots"])
@pytest.mark.parametrize("secret", ["/etc/bootwright/ssh_key", "/var/lib/bootwright/instance.json", "/etc/bootwright/git.token"])
def test_no_secret_of_the_image_goes_where_user_data_says(
    instance: Instance, git: GitServer, asks: Any, hook: PublicClouds, secret: str, way: str
) -> None:
    prepare(instance, git, credentials=[{"host": "git.example.com", "user": "git", "from": {"file": "/etc/bootwright/git.token"}}])
    instance.write("/etc/bootwright/git.token", "hunter2-git\n", 0o600)
    asks()
    converges(instance)
    name = {"link": "/srv/link", "hard link": "/etc/hard", "folder link": "/srv/folder/" + Path(secret).name, "dots": "/srv/.." + secret}
    make = {
        "link": ["ln", "-s", secret, "/srv/link"],
        "hard link": ["ln", secret, "/etc/hard"] if secret.startswith("/etc") else ["ln", "-s", secret, "/etc/hard"],
        "folder link": ["ln", "-s", str(Path(secret).parent), "/srv/folder"],
    }
    if way in make:
        instance.run(make[way], check=True)
    asks(announce={"webhook": {"url": HOOK, "token_from": {"file": name.get(way, secret)}}})
    converges(instance)
    warnings = json.dumps(report(instance)["warnings"])
    assert "announce.token_refused" in warnings, warnings
    assert hook.told == []
    nowhere(instance, ["hunter2-git"])


@pytest.mark.parametrize("demand", ["signatures", "a fixed pin"])
def test_under_a_demand_user_data_names_no_token_at_all(
    instance: Instance, git: GitServer, repo: ControlRepo, asks: Any, hook: PublicClouds, ann: Signer, demand: str
) -> None:
    signed(instance, git, repo, ann) if demand == "signatures" else fixes(instance, git, repo)
    instance.write("/root/one", "hunter2-one\n", 0o600)
    for source in ({"file": "/root/one"}, {"credential": "hook"}):
        asks(announce={"webhook": {"url": HOOK, "token_from": source}})
        fails(instance, "role", "role.not_trusted", "permanent", "announce.webhook.token_from")
    assert hook.told == []
    says(instance, "agent.d/allow.json", allow_from_anywhere=["announce.webhook.token_from"])
    asks(announce={"webhook": {"url": HOOK, "token_from": {"file": "/root/one"}}})
    converges(instance)
    assert len(hook.told) == 1


@pytest.mark.parametrize("by", ["user-data", "image"])
def test_a_token_of_several_lines_never_becomes_headers(
    instance: Instance, git: GitServer, asks: Any, hook: PublicClouds, by: str
) -> None:
    prepare(instance, git)
    instance.write("/root/lines", "hunter2-a\r\nX-Injected: yes\n", 0o600)
    announce = {"webhook": {"url": HOOK, "token_from": {"file": "/root/lines"}}}
    if by == "image":
        says(instance, role_config={"announce": announce})
        announce = {}
    asks(announce=announce)
    converges(instance)
    assert "announce.bad_token" in json.dumps(report(instance)["warnings"])
    assert hook.told == []
    nowhere(instance, ["hunter2-a", "X-Injected"])


# What is fixed


@pytest.mark.parametrize("way", ["url", "revision", "mirrors", "configuration", "tag", "file"])
def test_what_is_fixed_is_passed_by_no_layer_above(
    instance: Instance, git: GitServer, repo: ControlRepo, other: ControlRepo, metadata: MetadataServer, way: str
) -> None:
    """A stranger's repository on the same host, or a stranger's commit: none of it is ever asked for or run."""
    fixes(instance, git, repo)
    stranger = other.head
    repository: dict[str, Any] = {}
    more: dict[str, Any] = {}
    if way == "url":
        repository = {"url": other.url()}
    elif way == "revision":
        repository = {"revision": stranger}
    elif way == "mirrors":
        repository = {"mirrors": [other.url()]}
    elif way == "configuration":
        more = {"configuration": {"url": other.url(), "revision": stranger}}
    elif way == "file":
        more = {"configuration": {"url": "file:///srv/x.git", "revision": stranger}}
    service = Ec2(json.dumps({"role": "base", **({"repository": repository} if repository else {}), **more}).encode())
    if way == "tag":
        service.files["meta-data/tags/instance/"] = "bootwright:revision"
        service.files["meta-data/tags/instance/bootwright:revision"] = stranger
    metadata.service = service
    code = "role.not_trusted" if way in ("mirrors", "configuration", "file") else "role.fixed"
    fails(instance, "role", code, "permanent", "tag bootwright:revision" if way == "tag" else "user-data:1", "agent.json")
    never_ran(instance, stranger)
    assert not instance.exists(CHECKOUTS) and not instance.exists(OWNED)
    # To say the same is no change.
    metadata.service = Ec2(role_config(repo))
    converges(instance)


@pytest.mark.parametrize("fixed", [["repository.url"], ["repository.revision"]])
def test_what_binds_nothing_is_a_mistake_of_the_image(
    instance: Instance, git: GitServer, repo: ControlRepo, asks: Any, fixed: list[str]
) -> None:
    prepare(instance, git, allow_branches_and_tags=True)
    says(instance, fixed=fixed, role_config={"repository": {"url": repo.url(), "revision": "main"}})
    asks()
    fails(instance, "platform", "config.invalid", "permanent", "agent.d/trust.json", "binds nothing", "repository.")


def test_explain_says_who_may_say_what_and_who_has(
    instance: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer
) -> None:
    fixes(instance, git, repo)
    metadata.service = Ec2(b'{"role": "base"}')
    done = instance.bootwright("explain")
    assert done.returncode == 0, done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["repository.url", "image"] in lines
    assert ["health.checks.command", "image,", "proven,", "root"] in lines
    assert ["repository.mirrors", "image,", "proven,", "root"] in lines
    assert ["role", "base", "from", "user-data", "(anyone)"] in lines
    assert not any(line[:1] == ["health.timeout"] and "image" in line for line in lines)
    shown = json.loads(instance.bootwright("explain", "--json").stdout)
    assert {"key": "repository.revision", "may_be_said_by": "image"} in shown["keys"]
    assert {value["path"]: value["speaker"] for value in shown["role_config"]}["repository.url"] == "image"
