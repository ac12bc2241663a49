"""A second repository, which holds the configuration."""

from __future__ import annotations

import json
from typing import Any

import pytest
import shapes
from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from on_disk import STATE, assert_sound, checkouts, fails_with, quick, repositories, runs
from roles import IMPATIENT, role_config
from servers import GitServer
from shapes import ShapedRepo
from world import World


def second(repo: ControlRepo | ShapedRepo, config: ControlRepo | ShapedRepo, path: str = "", **more: Any) -> bytes:
    configuration = {"url": config.url(), "revision": config.head, **({"path": path} if path else {}), **more}
    return role_config(repo, configuration=configuration)


@pytest.fixture
def configurations(git: GitServer, world: World) -> Any:
    made = ShapedRepo(git, world.new_folder("configurations").name)
    yield made
    made.remove()


def test_the_role_config_may_lie_in_a_repository_of_its_own(
    quick_instance: Instance, metadata: MetadataServer, repo: ControlRepo, configurations: ShapedRepo, git: GitServer
) -> None:
    document = {"role": "web", "facts": {"site": "home", "rack": "b"}, "repository": {"url": repo.url(), "revision": repo.first}}
    configurations.commit({"instances/web.json": json.dumps(document).encode()})
    asked = {"url": configurations.url(), "revision": configurations.head, "path": "instances/web.json"}
    # User-data lies above it, and need not say the rest.
    metadata.service = Ec2(json.dumps({"configuration": asked, "facts": {"rack": "c"}}).encode())
    run = runs(quick_instance)
    assert run["role"] == "web"
    assert run["revision"] == {"asked": repo.first, "resolved": repo.first}
    assert run["configuration"] == {"asked": configurations.head, "resolved": configurations.head}
    kept = json.loads(quick_instance.read(f"{STATE}/runs/000001/report.json"))
    assert kept["configuration"]["resolved"] == configurations.head
    accepted = json.loads(quick_instance.read(f"{STATE}/runs/000001/role_config.json"))
    assert accepted["config"]["facts"] == {"site": "home", "rack": "c"}
    origin = f"instances/web.json of the configuration repository at {configurations.head}"
    assert accepted["origins"]["facts.site"] == origin and accepted["origins"]["facts.rack"] == "user-data"
    assert_sound(quick_instance)
    assert len(repositories(quick_instance)) == 2
    # Both are on disk.
    git.stop()
    assert runs(quick_instance)["configuration"] == run["configuration"]


def test_a_second_repository_of_data_is_reached_at_one_path(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo, configurations: ShapedRepo
) -> None:
    """By the real Puppet: a layer of Hiera that lies in it."""
    instance.configure(IMPATIENT)
    hierarchy = (
        "version: 5\nhierarchy:\n  - name: data of its own\n    datadir: /var/lib/bootwright/configuration/current\n"
        "    path: common.yaml\n    data_hash: yaml_data\n"
    )
    repo.commit({"hiera.yaml": hierarchy})
    repo.commit_class("said", "file { '/etc/said': content => lookup('said') }")
    for said in ("first", "second"):
        configurations.commit({"common.yaml": f"said: {said}\n".encode()})
        document = json.loads(second(repo, configurations))
        metadata.service = Ec2(json.dumps({**document, "classes": ["role::said"]}).encode())
        run = runs(instance)
        assert run["configuration"]["resolved"] == configurations.head
        assert instance.read("/etc/said") == said


def test_a_file_that_is_not_in_the_second_repository(
    quick_instance: Instance, metadata: MetadataServer, repo: ControlRepo, configurations: ShapedRepo
) -> None:
    configurations.commit({"a.json": b"{}\n", "link.json": shapes.link("/etc/passwd"), "folder": shapes.link("/etc")})
    for path in ("b.json", "a.json/b", "link.json", "folder/passwd"):
        metadata.service = Ec2(second(repo, configurations, path))
        done = quick_instance.bootwright("run")
        error = quick_instance.status()["run"]["error"]
        assert done.returncode == 1 and error["kind"] == "permanent" and path in error["message"], error
        assert "root:" not in done.stdout + done.stderr
    configurations.commit({"bad.json": b'{\n  "role": 7\n}'})
    metadata.service = Ec2(second(repo, configurations, "bad.json"))
    fails_with(quick_instance, "role.invalid", "bad.json", ":2", stage="role")
    metadata.service = Ec2(second(repo, configurations, "a.json"))
    runs(quick_instance)


def test_the_two_repositories_are_pruned_each_by_itself(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo, configurations: ShapedRepo
) -> None:
    quick(instance, {"repository": {"keep": 2}})
    pins, data = [], []
    for number in range(4):
        configurations.commit({"common.yaml": f"number: {number}\n".encode()})
        data.append(configurations.head)
        if number % 2 == 0:
            pins.append(repo.commit({"number.txt": str(number)}))
        metadata.service = Ec2(second(repo, configurations))
        runs(instance)
    assert checkouts(instance) == set(pins)
    # That of the last good run before stays besides, as it does of the other one.
    assert checkouts(instance, "configuration") == set(data[1:])
    current = instance.path(f"{STATE}/configuration/current", follow=False)
    assert current.is_symlink() and current.readlink().name == data[-1]
    assert_sound(instance)


def test_the_second_repository_has_mirrors_too(
    quick_instance: Instance, metadata: MetadataServer, repo: ControlRepo, configurations: ShapedRepo, git: GitServer
) -> None:
    configurations.commit({"common.yaml": b"a: b\n"})
    metadata.service = Ec2(second(repo, configurations, url=git.url("no-such"), mirrors=[configurations.url()]))
    run = runs(quick_instance)
    assert run["configuration"]["resolved"] == configurations.head
    said = {place["place"]: place["said"] for place in run["places"]}
    assert said[configurations.url()] == "gave it" and "git.no_repository" in said[git.url("no-such")]
