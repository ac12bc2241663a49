"""A catalog that does not compile: what Puppet does not say of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from roles import IMPATIENT, merged, role_config
from runs import run_once

HIERA = """version: 5
defaults: {datadir: data, data_hash: yaml_data}
hierarchy:
  - {name: Nodes, path: "nodes/%{trusted.certname}.yaml"}
  - {name: Roles, glob: "roles/%{role}/*.yaml"}
  - {name: Common, paths: ["%{facts.kernel}.yaml", common.yaml]}
"""
FILES: Mapping[str, str] = {
    "hiera.yaml": HIERA, "data/common.yaml": "profile::web::site: web-number-one\n", "data/Linux.yaml": "other: 1\n",
    "site-modules/profile/manifests/web.pp": "class profile::web(String $site, Integer $port) { notify { $site: } }\n",
    "site-modules/profile/lib/puppet/functions/profile/odd.rb": "\nrequire 'no/such/library'\nPuppet::Functions.create_function(:'profile::odd') do\nend\n",
}  # fmt: skip

LOOKED_UP = "was looked up in the role config's data, data/nodes/ID.yaml (not there), Hierarchy entry \"Roles\" (no file), data/Linux.yaml, data/common.yaml"


def fails(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo, manifest: str, **more: Any
) -> dict[str, Any]:
    repo.commit({**FILES, "manifests/site.pp": f"\n{manifest}\n"})
    metadata.service = Ec2(role_config(repo, **more))
    error = run_once(instance, "compile_failed")["error"]
    certname = json.loads(instance.read("/var/lib/bootwright/puppet/trusted.json"))["cloud"]["id"]
    error["message"] = error["message"].replace(certname, "ID")
    assert not any("fully known" in warning for warning in instance.status()["run"]["warnings"])
    return dict(error)


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize(
    ("manifest", "key"),
    [
        ("$port = lookup('profile::web::port')", "profile::web::port"),
        ("$port = lookup(['gone', 'lost'])", "gone"),
        ("$port = hiera('deep.key')", "deep.key"),
        ("include profile::web", "profile::web::port"),
    ],
)
def test_a_failed_lookup_says_what_it_looked_through(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo, warm: bool, manifest: str, key: str
) -> None:
    instance.configure(merged(IMPATIENT, {"puppet": {"warm": warm}}))
    error = fails(instance, metadata, repo, manifest)
    assert f"; the key {key} {LOOKED_UP}" in error["message"], error
    assert re.search(r"line: 2|at manifests/site\.pp:2\)", error["message"]) and "web-number-one" not in error["message"]
    assert instance.status()["run"]["puppet_start"] == ("warm" if warm else "cold")


PUPPETFILE = """require 'yaml'
mod 'puppetlabs/stdlib', :latest
mod 'puppet/nginx', '5.0.0'
"""


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ("include nginx::server", "declares the module nginx (line 3)"),
        ("class { 'nginx': }", "declares the module nginx (line 3)"),
        ("nginx::site { 'a': }", "declares the module nginx (line 3)"),
        ("$ensured = nginx::ensure('a')", "declares the module nginx (line 3)"),
        ("ensure_packages(['a'])", "declares modules that may have it: stdlib (line 2), nginx (line 3)"),
        ("file_line { 'a': }", "declares modules that may have it: stdlib (line 2), nginx (line 3)"),
        ("include ngnix", ""),
    ],
)
def test_what_an_ignored_puppetfile_declares_is_named_where_it_is_missing(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo, warm: bool, manifest: str, said: str
) -> None:
    instance.configure(merged(IMPATIENT, {"puppet": {"warm": warm}, "repository": {"puppetfile": "ignore"}}))
    repo.commit({"Puppetfile": PUPPETFILE})
    error = fails(instance, metadata, repo, manifest)
    assert ("the ignored Puppetfile" in error["message"]) == bool(said) and said in error["message"], error
    assert ("repository.puppetfile" in error["advice"]) == bool(said) and "line: 2" in error["message"], error


def test_ruby_that_lacks_a_library_is_named(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    error = fails(impatient, metadata, repo, "$odd = profile::odd()")
    assert "no/such/library (at site-modules/profile/lib/puppet/functions/profile/odd.rb:2)" in error["message"], error
