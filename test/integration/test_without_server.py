"""What only a Puppet server with PuppetDB can do is said as soon as the catalog is compiled, with file and line."""

from __future__ import annotations

import pytest
from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from roles import IMPATIENT, merged, role_config
from runs import run_once

EXPORTS = """define exports() {
  @@file { "/etc/exported-${title}": ensure => file }
}
exports { ['a', 'b', 'c']: }
@@notify { 'exported': }
File <<| |>>
Notify <<| tag == 'other' |>>
exec { '/bin/sh -c "until test -e /root/go; do sleep 0.1; done; false"': timeout => 60 }
"""


@pytest.mark.parametrize("warm", [True, False])
def test_exported_resources_are_told_of_before_anything_is_applied(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo, warm: bool
) -> None:
    instance.configure(merged(IMPATIENT, {"puppet": {"warm": warm}, "retry": {"puppet": {"attempts": 2}}}))
    repo.commit({"manifests/site.pp": EXPORTS})
    metadata.service = Ec2(role_config(repo))
    process = instance.start_bootwright("run")
    status = instance.wait_for_status(lambda told: told["run"]["warnings"], "the warnings")
    assert status["run"]["state"] == "running" and status["run"]["stage"] == "puppet"
    instance.wait_for_status(lambda told: len(told["run"]["warnings"]) == 2, "both of them")
    instance.write("/root/go", "")
    assert process.wait() == 1, process.output()
    run = instance.status()["run"]
    assert run["attempt"] == 2 and run["outcome"] == "failed"
    exports, collectors = run["warnings"]
    assert "no other machine gets the exported resources (@@) of " in exports and "docs/moving.md" in exports
    assert exports.count("manifests/site.pp:2") == 1 and "manifests/site.pp:5" in exports
    assert "nothing was found by the collectors of exported resources (<<| |>>) of manifests/site.pp:6, manifests/site.pp:7: " in collectors
    assert not instance.exists("/etc/exported-a")


# As the module puppetdbquery and PuppetDB's own package begin.
QUERY = "require 'puppet/util/puppetdb'\nPuppet::Functions.create_function(:query_facts) do\nend\n"


@pytest.mark.parametrize(
    ("manifest", "modules", "said"),
    [
        ("$found = puppetdb_query('nodes {}')\n", {}, "'puppetdb_query'. (file: manifests/site.pp, line: 2"),
        ("$found = query_nodes('x')\n", {}, "'query_nodes'. (file: manifests/site.pp, line: 2"),
        (
            "$found = query_facts('x', ['a'])\n",
            {"modules/puppetdbquery/lib/puppet/functions/query_facts.rb": QUERY},
            "puppet/util/puppetdb (at modules/puppetdbquery/lib/puppet/functions/query_facts.rb:1)",
        ),
    ],
)
def test_a_question_to_puppetdb_says_what_to_do_without(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo, manifest: str, modules: dict[str, str | bytes | None], said: str
) -> None:
    repo.commit({"manifests/site.pp": f"\n{manifest}", **modules})
    metadata.service = Ec2(role_config(repo))
    error = run_once(impatient, "compile_failed")["error"]
    assert "only a Puppet server has PuppetDB" in error["advice"], error
    assert said in error["message"], error
