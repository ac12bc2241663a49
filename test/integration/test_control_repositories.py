"""What control repositories take for granted: names of the machine and of the environment, environment.conf, and a cause that is
named where nothing came of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from roles import IMPATIENT, merged, role_config
from runs import run_once

ASKS = """file { '/etc/asked':
  content => "${environment} ${trusted['certname']} ${facts['bootwright']['revision']} ${facts['data-center']}",
}
"""


def runs(instance: Instance, metadata: MetadataServer, user_data: bytes, outcome: str = "changed") -> dict[str, Any]:
    metadata.service = Ec2(user_data)
    return run_once(instance, outcome)


def test_the_environment_is_production_and_the_revision_a_fact(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    revision = repo.commit({"manifests/site.pp": ASKS})
    runs(impatient, metadata, role_config(repo, facts={"data-center": "a-1"}))
    certname = json.loads(impatient.read("/var/lib/bootwright/puppet/trusted.json"))["cloud"]["id"]
    assert impatient.read("/etc/asked") == f"production {certname} {revision} a-1"
    runs(impatient, metadata, role_config(repo, puppet={"environment_name": "testing"}, facts={"data-center": "b"}))
    assert impatient.read("/etc/asked") == f"testing {certname} {revision} b"


def test_an_environment_of_the_repository_lends_its_name(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    repo.commit({"environments/staging/manifests/site.pp": ASKS})
    given = json.loads(role_config(repo, facts={"data-center": "a"}))
    given["repository"]["environment"] = "staging"
    runs(impatient, metadata, json.dumps(given).encode())
    assert impatient.read("/etc/asked").startswith("staging ")
    given["repository"]["environment"] = "stagnig"
    run = runs(impatient, metadata, json.dumps(given).encode(), "not_reached")
    assert "in environments/ there is: staging" in run["error"]["message"]


def test_a_file_of_an_environment_is_named_from_the_repository_s_root(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    repo.commit({"environments/staging/manifests/site.pp": "\n\ninclude no::such\n"})
    given = json.loads(role_config(repo))
    given["repository"]["environment"] = "staging"
    run = runs(impatient, metadata, json.dumps(given).encode(), "compile_failed")
    assert "(file: environments/staging/manifests/site.pp, line: 3" in run["error"]["message"]


NODES = """node 'web1.shop.example' { notify { 'by name': } }
node /^db\\d/ { notify { 'by pattern': } }
node default { notify { 'by default': } }
"""


@pytest.mark.parametrize(
    ("pattern", "taken"), [("%{fqdn}", "by name"), ("db1-%{id}", "by pattern"), ("%{tag.Name}", "by name"), (None, "by default")]
)
def test_node_definitions_are_chosen_by_the_certname(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo, pattern: str | None, taken: str
) -> None:
    repo.commit({"manifests/site.pp": NODES})
    impatient.run(["hostname", "web1"], check=True)
    impatient.write("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 web1.shop.example web1\n")
    puppet = {"certname": pattern} if pattern else {}
    metadata.service = Ec2(role_config(repo, puppet=puppet), tags={"Name": "Web1.shop.example"})
    run = run_once(impatient, "changed")
    log = impatient.read("/var/lib/bootwright/runs/000001/puppet.jsonl")
    assert taken in log
    warned = [warning for warning in run["warnings"] if "node default" in warning]
    assert bool(warned) == (taken == "by default")
    assert all("web1.shop.example, /" in warning and "puppet.certname" in warning for warning in warned)


def test_a_certname_of_a_tag_that_is_missing_says_so(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    run = runs(impatient, metadata, role_config(repo, puppet={"certname": "%{tag.Nmae}"}), "not_reached")
    assert run["error"]["code"] == "puppet.certname" and "%{tag.Nmae}" in run["error"]["message"]


@pytest.mark.parametrize(
    "text",
    [
        'modulepath = "own:$basemodulepath"\nmanifest = "mani"\n',
        "modulepath=$codedir/environments/production/own\nmanifest = $codedir/environments/production/mani/a.pp\n",
        "modulepath = '$environmentpath/production/own'\nmanifest = ./mani/a.pp\n",
    ],
)
def test_environment_conf_is_read_as_puppet_reads_it(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo, text: str
) -> None:
    repo.commit({
        "environment.conf": text, "mani/a.pp": "include own\n", "own/own/manifests/init.pp": "class own { notify { 'own': } }\n",
    })  # fmt: skip
    runs(impatient, metadata, role_config(repo))


OUTSIDE = "/usr/local/share/modules"


def test_the_image_s_modules_count_where_agent_json_names_them(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    impatient.write(f"{OUTSIDE}/image/manifests/init.pp", "class image { notify { 'of the image': } }\n")
    repo.commit({"environment.conf": f"modulepath = site-modules:{OUTSIDE}\n", "manifests/site.pp": "include image\n"})
    run = runs(impatient, metadata, role_config(repo), "compile_failed")
    assert f"its modulepath leads to {OUTSIDE}" in run["error"]["message"]
    assert "puppet.modulepath" in run["error"]["message"]
    impatient.configure(merged(IMPATIENT, {"puppet": {"modulepath": [OUTSIDE]}}))
    runs(impatient, metadata, role_config(repo))


def test_a_manifest_outside_the_repository_does_not_count(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    impatient.write("/etc/site.pp", "notify { 'not pinned': }\n")
    (repo.work / "linked").symlink_to("/etc")
    for manifest in ("/etc/site.pp", "../../../../../../../etc/site.pp", "linked/site.pp"):
        repo.commit({"environment.conf": f"manifest = {manifest}\n"})
        run = runs(impatient, metadata, role_config(repo), "compile_failed")
        assert "its manifest leads to " in run["error"]["message"] and "/etc/site.pp" in run["error"]["message"]


EMPTY: dict[str, tuple[dict[str, str | bytes | None], str, str]] = {
    "a misspelt role": ({}, 'no class took this role "wbe"', "misspelling"),
    "an empty class": (
        {"manifests/site.pp": "include role::nothing\n", "site-modules/role/manifests/nothing.pp": "class role::nothing {}\n"},
        "no resource is in role::nothing, the class that was applied",
        "what the class is to do",
    ),
    "environments, none chosen": (
        {"manifests/site.pp": None, "environments/a/x": "", "environments/b/x": ""},
        "environments/ (a, b), and none of them was chosen",
        "repository.environment",
    ),
    "no manifest": ({"manifests/site.pp": None}, "has no manifest manifests", "environment.conf"),
    "an unusable manifest": ({"environment.conf": "manifest = mani\n"}, "has no manifest mani,", "environment.conf"),
}


@pytest.mark.parametrize("what", EMPTY)
def test_an_empty_catalog_has_its_cause_named(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo, what: str
) -> None:
    changes, said, advice = EMPTY[what]
    repo.commit({"manifests/site.pp": "if $facts['role'] == 'web' { notify { 'web': } }\n"})
    repo.commit(changes)
    run = runs(impatient, metadata, role_config(repo, role="wbe"), "nothing_applied")
    assert said in run["error"]["message"] and advice in run["error"]["advice"], run["error"]


def test_a_repository_of_environments_is_as_on_a_server(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    """Modules of all environments, and a manifest that they share."""
    shared = "class shared { notify { \"shared by ${environment}\": } }\n"
    repo.commit({
        "environments/staging/environment.conf": "manifest = ../../manifests\n", "manifests/site.pp": "include shared\n",
        "modules/shared/manifests/init.pp": shared,
    })  # fmt: skip
    given = json.loads(role_config(repo))
    given["repository"]["environment"] = "staging"
    runs(impatient, metadata, json.dumps(given).encode())
    assert "shared by staging" in impatient.read("/var/lib/bootwright/runs/000001/puppet.jsonl")
