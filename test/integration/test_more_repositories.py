"""Repositories beside the control repository: data, secrets and modules, each with its own pin."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from on_disk import STATE, assert_sound, checkouts, fails_with, quick, repositories
from roles import IMPATIENT, merged, role_config
from runs import run_once
from servers import GitServer
from shapes import ShapedRepo
from test_eyaml import PRIVATE, PUBLIC, encrypted, make_keys
from world import World

Make = Callable[..., ShapedRepo]


@pytest.fixture
def make(git: GitServer, world: World) -> Iterator[Make]:
    """Makes a repository with these files."""
    made: list[ShapedRepo] = []

    def one(files: dict[str, str]) -> ShapedRepo:
        repo = ShapedRepo(git, world.new_folder("beside").name)
        made.append(repo)
        repo.commit({name: text.encode() for name, text in files.items()})
        return repo

    yield one
    for repo in made:
        repo.remove()


def beside(**named: ShapedRepo) -> list[dict[str, Any]]:
    return [{"name": name, "url": repo.url(), "revision": repo.head} for name, repo in named.items()]


def asks(metadata: MetadataServer, repo: ControlRepo, **more: Any) -> None:
    metadata.service = Ec2(role_config(repo, **more))


def current(instance: Instance, name: str) -> str:
    return instance.path(f"{STATE}/repositories/{name}/current", follow=False).readlink().name


HIERA = """version: 5
hierarchy:
  - name: private
    datadir: ../../hieradata
    path: common.yaml
    data_hash: yaml_data
  - name: secrets
    datadir: ../../secrets
    path: secrets.eyaml
    lookup_key: eyaml_lookup_key
    options:
      pkcs7_private_key: /etc/puppetlabs/puppet/eyaml/private_key.pkcs7.pem
      pkcs7_public_key: /etc/puppetlabs/puppet/eyaml/public_key.pkcs7.pem
"""
MODULES = {"shared/manifests/init.pp": "class shared { file { '/etc/shared': content => lookup('said') } }\n"}


@pytest.mark.parametrize("environment", ["", "staging"])
def test_data_secrets_and_modules_are_where_a_server_has_them(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo, make: Make, environment: str
) -> None:
    """Three repositories, and a control repository that says nothing of bootwright."""
    make_keys(impatient)
    impatient.configure(merged(IMPATIENT, {"puppet": {"eyaml": {"private_key": {"file": PRIVATE}, "public_key": {"file": PUBLIC}}}}))
    data = make({"common.yaml": "said: by the data\n"})
    secrets = make({"secrets.eyaml": f"secret: {encrypted(impatient)}\n"})
    modules = make(MODULES)
    site = "include shared\nfile { '/etc/secret': content => lookup('secret'), mode => '0600' }\n"
    root = f"environments/{environment}/" if environment else ""
    repo.commit({f"{root}hiera.yaml": HIERA, f"{root}manifests/site.pp": site, f"{root}environment.conf": ""})
    given = json.loads(role_config(repo, repositories=beside(hieradata=data, secrets=secrets, modules=modules)))
    given["repository"]["environment"] = environment
    metadata.service = Ec2(json.dumps(given).encode())
    run = run_once(impatient, "changed")
    assert impatient.read("/etc/shared") == "by the data" and impatient.read("/etc/secret") == "the word that nobody reads"
    named = {"hieradata": data, "secrets": secrets, "modules": modules}
    assert run["repositories"] == {name: {"asked": each.head, "resolved": each.head} for name, each in named.items()}
    shown = impatient.bootwright("status").stdout
    assert all(each.head[:12] in shown for each in named.values())
    assert_sound(impatient)


def test_a_newer_revision_of_data_counts_and_a_bad_one_is_taken_back(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo, make: Make, git: GitServer
) -> None:
    data = make({"common.yaml": "said: first\n"})
    repo.commit({"hiera.yaml": HIERA.partition("  - name: secrets")[0]})
    repo.commit_class("said", "file { '/etc/said': content => lookup('said') }")
    more = {"classes": ["role::said"], "puppet": {"on_failure": "last_good"}}
    asks(metadata, repo, repositories=beside(hieradata=data), **more)
    run_once(impatient, "changed")
    first = data.head
    data.commit({"common.yaml": b"other: nothing\n"})
    asks(metadata, repo, repositories=beside(hieradata=data), **more)
    run = run_once(impatient, "compile_failed")
    assert run["instead"]["outcome"] == "unchanged" and current(impatient, "hieradata") == first
    data.commit({"common.yaml": b"said: second\n"})
    asks(metadata, repo, repositories=beside(hieradata=data), **more)
    git_is_asked = run_once(impatient, "changed")
    assert git_is_asked["repositories"]["hieradata"]["resolved"] == data.head
    assert impatient.read("/etc/said") == "second" and current(impatient, "hieradata") == data.head
    # All of it is on disk.
    git.stop()
    run_once(impatient, "unchanged")


def test_each_is_pruned_by_itself_and_goes_when_it_is_no_longer_named(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo, make: Make
) -> None:
    quick(instance, {"repository": {"keep": 1}})
    one, other = make({"a": "1"}), make({"a": "2"})
    heads = []
    for number in range(3):
        one.commit({"a": f"{number}".encode()})
        heads.append(one.head)
        asks(metadata, repo, repositories=beside(one=one, other=other))
        assert instance.bootwright("run").returncode == 0
    assert checkouts(instance, "repositories/one") == set(heads[-2:])  # and that of the last good run
    assert checkouts(instance, "repositories/other") == {other.head}
    assert len(repositories(instance)) == 3
    asks(metadata, repo, repositories=beside(one=one))
    assert instance.bootwright("run").returncode == 0
    assert not instance.exists(f"{STATE}/repositories/other") and instance.exists(f"{STATE}/repositories/one")
    repo.commit({"a": "new"})
    asks(metadata, repo, repositories=beside(one=one))
    assert instance.bootwright("run").returncode == 0
    assert len(repositories(instance)) == 2
    assert_sound(instance)


def test_the_global_layer_of_hiera_may_be_in_any_of_them(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo, make: Make
) -> None:
    layer = "version: 5\ndefaults: {data_hash: yaml_data, datadir: all}\nhierarchy: [{name: one, path: common.yaml}]\n"
    data = make({"hiera.yaml": layer, "all/common.yaml": "said: globally\n"})
    repo.commit_class("said", "file { '/etc/said': content => lookup('said') }")
    repo.commit({"data/common.yaml": "said: by the environment\nprofile::base::contact: x\n"})
    more = {"classes": ["role::said"], "repositories": beside(private=data)}
    asks(metadata, repo, puppet={"hiera_config": "private/hiera.yaml"}, **more)
    run_once(impatient, "changed")
    assert impatient.read("/etc/said") == "globally"
    asks(metadata, repo, puppet={"hiera_config": "private/hiera.yaml"}, data={"said": "by the role config"}, **more)
    run_once(impatient, "changed")
    assert impatient.read("/etc/said") == "by the role config"
    asks(metadata, repo, puppet={"hiera_config": "private/none.yaml"}, **more)
    fails_with(impatient, "puppet.hiera_config", "private/none.yaml", stage="puppet")


def test_a_module_path_may_lead_into_them_and_nowhere_else(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo, make: Make
) -> None:
    modules = make({f"modules/{name}": text.replace("lookup('said')", "'x'") for name, text in MODULES.items()})
    repo.commit({"environment.conf": "modulepath = $codedir/extra/modules\n", "manifests/site.pp": "include shared\n"})
    asks(metadata, repo, repositories=beside(extra=modules))
    run_once(impatient, "changed")
    impatient.run(["mkdir", "-p", "/srv/modules"], check=True)
    repo.commit({"environment.conf": "modulepath = $codedir/extra/modules:/srv/modules\n"})
    asks(metadata, repo, repositories=beside(extra=modules))
    run = run_once(impatient, "compile_failed")
    assert "leads to /srv/modules" in run["error"]["message"]


@pytest.mark.parametrize("name", ["..", "../checkout", "environments", "a/b", "", "A"])
def test_a_name_that_is_no_folder_s_is_refused(
    quick_instance: Instance, metadata: MetadataServer, repo: ControlRepo, make: Make, name: str
) -> None:
    asks(metadata, repo, repositories=[{**beside(x=make({"a": "b"}))[0], "name": name}])
    fails_with(quick_instance, "role.invalid", "repositories.0.name", stage="role")


def test_two_of_one_name_are_refused(quick_instance: Instance, metadata: MetadataServer, repo: ControlRepo, make: Make) -> None:
    asks(metadata, repo, repositories=beside(x=make({"a": "b"})) * 2)
    fails_with(quick_instance, "role.invalid", "a second repository of this name", stage="role")


def test_a_name_that_the_control_repository_has_is_refused(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo, make: Make
) -> None:
    repo.commit({"environments/staging/manifests/site.pp": "notify { 'x': }\n"})
    given = json.loads(role_config(repo, repositories=beside(manifests=make({"a": "b"}))))
    given["repository"]["environment"] = "staging"
    metadata.service = Ec2(json.dumps(given).encode())
    fails_with(impatient, "puppet.name_taken", "the control repository itself has manifests", stage="puppet")


def test_a_stranger_s_repository_is_not_taken_where_the_image_demands_anything(
    quick_instance: Instance, metadata: MetadataServer, repo: ControlRepo, make: Make
) -> None:
    """A fixed revision proves the control repository wherever it comes from, but no module beside it."""
    quick(quick_instance, {"fixed": ["repository.revision"], "role_config": {"repository": {"url": repo.url(), "revision": repo.head}}})
    strangers = make(MODULES)
    metadata.service = Ec2(json.dumps({"role": "base", "repositories": beside(modules=strangers)}).encode())
    fails_with(quick_instance, "role.not_trusted", "repositories", stage="role")
    pinned = {"repository": {"url": repo.url(), "revision": repo.head}, "repositories": beside(modules=strangers)}
    quick(quick_instance, {"fixed": ["repository.revision", "repositories"], "role_config": pinned})
    metadata.service = Ec2(json.dumps({"role": "base"}).encode())
    assert quick_instance.bootwright("run").returncode == 0
    assert current(quick_instance, "modules") == strangers.head


def test_a_repository_that_is_not_signed_is_not_used(
    quick_instance: Instance, metadata: MetadataServer, repo: ControlRepo, make: Make
) -> None:
    quick_instance.write("/etc/bootwright/allowed_signers", "")
    everything = {"repository": {"url": repo.url(), "revision": repo.head}, "repositories": beside(data=make({"a": "b"}))}
    quick(quick_instance, {"repository": {"verify": "commit"}, "role_config": everything})
    metadata.service = Ec2(json.dumps({"role": "base"}).encode())
    fails_with(quick_instance, "repository.signature_missing")
    assert not quick_instance.exists(f"{STATE}/repositories/data/current")
    assert checkouts(quick_instance, "repositories/data") == set()
