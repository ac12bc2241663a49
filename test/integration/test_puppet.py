"""The truth about a run, as the real Puppet does it: what it did, what it kept, and what it only seems to have done."""

from __future__ import annotations

import gzip
import json
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from roles import IMPATIENT, merged, role_config
from runs import report, run_once

#: Where Debian's packages puppet-module-… put them.
MODULES = Path("/usr/share/puppet/modules")
RUN = "/var/lib/bootwright/runs/{:06d}"


def catalog(instance: Instance, number: int) -> dict[str, Any]:
    file = instance.path(RUN.format(number) + "/catalog.json.gz")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return dict(json.loads(gzip.decompress(file.read_bytes())))


def modules(*names: str) -> dict[str, str | bytes | None]:
    """Modules of Debian's packages, as files of a control repository."""
    files: dict[str, str | bytes | None] = {}
    for name in names:
        root = (MODULES / name).resolve()
        for file in root.rglob("*"):
            part = file.relative_to(root)
            if file.is_file() and part.parts[0] not in ("spec", "examples", "locales", "doc"):
                files[f"modules/{name}/{part}"] = file.read_bytes()
    return files


SECRETS = ("content-of-the-file", "word-of-the-command", "deep-in-an-array")

#: What goes well, and what does not. Lines are counted below.
TRUTH = f"""class role::truth(String $port = 'none') {{
  include role::base
  file {{ '/etc/motto': content => lookup('motto'), source_permissions => undef }}
  file {{ '/etc/secret': content => Sensitive('{SECRETS[0]}'), mode => '0600' }}
  exec {{ 'a secret command': command => Sensitive("/bin/sh -c 'exit 3 # {SECRETS[1]}'") }}
  exec {{ '/bin/false': }}
  -> file {{ '/etc/never': ensure => file }}
  exec {{ '/bin/sleep 1.1': }}
  notify {{ 'many': message => [Sensitive('{SECRETS[2]}')] }}
  @file {{ '/etc/virtual': ensure => file }}
  @@file {{ '/etc/exported': ensure => file }}
  File <<| tag == 'exported' |>>
  file {{ '/etc/from-puppet': source => 'puppet:///modules/role/plain' }}
  file {{ '/etc/told': content => to_json({{
    doubled => role::doubled(21), custom => $facts['custom'], cloud => $trusted['external']['cloud']['id'],
    deep => lookup('deep.inner'), interpolated => lookup('interpolated'), encrypted => lookup('encrypted'),
    ec2 => [$facts['ec2_metadata'], $facts['ec2_userdata']], zone => $facts['cloud']['zone'],
    augeas => $facts['augeas']['version'],
  }}) }}
}}
"""

TRUTH_FILES = {
    "site-modules/role/manifests/truth.pp": TRUTH.replace(", source_permissions => undef", ""),
    "site-modules/role/files/plain": "from the module\n",
    "site-modules/role/functions/doubled.pp": "function role::doubled(Integer $n) >> Integer { $n * 2 }\n",
    "site-modules/role/lib/puppet/functions/to_json.rb": "require 'json'\nPuppet::Functions.create_function(:to_json) do\n"
    "  dispatch :json do\n    param 'Any', :value\n  end\n  def json(value)\n    JSON.generate(value)\n  end\nend\n",
    "site-modules/role/lib/facter/custom.rb": "Facter.add(:custom) { setcode { sleep 0.6; 'a fact' } }\n",
    "site-modules/role/facts.d/broken.json": "{ broken\n",
    "data/common.yaml": "profile::base::contact: operations\ninterpolated: \"%{lookup('inner')}\"\ndeep: {inner: low}\n",
}


def eyaml(instance: Instance) -> tuple[str, str]:
    """Keys on the node, and a level of Hiera with a value that only they open."""
    instance.run(
        ["sh", "-c", "umask 077; mkdir -p /etc/eyaml; cd /etc/eyaml; eyaml createkeys --pkcs7-private-key=private.pem"
         " --pkcs7-public-key=public.pem"], check=True,
    )  # fmt: skip
    value = instance.run(
        ["eyaml", "encrypt", "--pkcs7-public-key=/etc/eyaml/public.pem", "--pkcs7-private-key=/etc/eyaml/private.pem", "-o",
         "string", "-s", "opened"], check=True,
    ).stdout.strip()  # fmt: skip
    level = (
        "  - name: Encrypted\n    lookup_key: eyaml_lookup_key\n    path: secret.eyaml\n"
        "    options: {pkcs7_private_key: /etc/eyaml/private.pem, pkcs7_public_key: /etc/eyaml/public.pem}\n"
    )
    return f"encrypted: {value}\n", level


def test_the_whole_truth_about_a_run(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    encrypted, level = eyaml(impatient)
    hiera = (repo.work / "hiera.yaml").read_text()
    repo.commit({**TRUTH_FILES, "data/secret.eyaml": encrypted, "hiera.yaml": hiera + level})
    data = {"motto": "festina-lente", "role::truth::prot": "8080", "deep": {"inner": "top"}, "inner": "from-data"}
    metadata.service = Ec2(role_config(repo, classes=["role::truth"], data=data))
    run = run_once(impatient, "changed_with_failures")

    # What failed, with its place; what did not because of it; and that there is no success behind exit status 6.
    failed = {resource["resource"]: resource for resource in run["failed_resources"]}
    assert set(failed) == {"Exec[/bin/false]", "Exec[a secret command]"}
    false = failed["Exec[/bin/false]"]
    assert (false["file"], false["line"]) == ("site-modules/role/manifests/truth.pp", 6)
    assert "returned 1 instead of one of [0]" in false["message"]
    assert (run["resources"]["failed"], run["resources"]["skipped"]) == (2, 1) and not impatient.exists("/etc/never")
    assert run["error"]["code"] == "puppet.resources_failed" and "2 of" in run["error"]["message"]

    # The slowest, the slow facts, and where the time went.
    assert run["slowest"][0]["resource"] == "Exec[/bin/sleep 1.1]" and run["slowest"][0]["seconds"] > 1
    assert [fact["fact"] for fact in run["slow_facts"]] == ["custom"] and run["slow_facts"][0]["seconds"] > 0.5
    assert {phase["phase"] for phase in run["phases"]} == {"facts", "compile", "apply"}
    began = {phase["phase"]: phase["from_s"] for phase in run["phases"]}
    stage = {step["what"]: step for step in run["steps"] if step["kind"] == "stage"}["puppet"]
    end = stage["from_s"] + stage["took_s"]
    assert stage["from_s"] < began["facts"] < began["compile"] < began["apply"] < run["slowest"][0]["from_s"] < end - 1
    drawn = ElementTree.fromstring(impatient.bootwright("timeline").stdout)
    assert any("Exec[/bin/sleep 1.1]" in (title.text or "") for title in drawn.iter("{http://www.w3.org/2000/svg}title"))
    assert re.search(r"\| +Exec\[/bin/sleep 1\.1\]", impatient.bootwright("timeline", "--text").stdout)
    shown = impatient.bootwright("status").stdout
    assert re.search(r"slow +Exec\[/bin/sleep 1\.1\]: 1", shown) and "site-modules/role/manifests/truth.pp:6" in shown
    assert run["puppet_version"].split(".")[0] in ("7", "8")

    # What is only a warning to Puppet, or nothing at all.
    warnings = "\n".join(run["warnings"])
    assert 'nothing looked up the key role::truth::prot of the role config\'s data; did you mean "role::truth::port"?' in warnings
    assert "broken.json" in warnings  # a malformed fact
    assert "exported resources (@@) of site-modules/role/manifests/truth.pp:11: " in warnings and not impatient.exists("/etc/exported")
    for key in ("motto", "deep", "inner"):
        assert f"key {key} " not in warnings
    assert "not fully known" not in warnings and "not seen" not in warnings

    # Role, facts, data, functions, files, trusted facts; and nothing of EC2's user-data.
    told = json.loads(impatient.read("/etc/told"))
    assert told.pop("augeas") == impatient.run(["facter", "augeas.version"], check=True).stdout.strip() != ""
    assert told == {
        "doubled": 42, "custom": "a fact", "cloud": "i-0123456789abcdef0", "deep": "top", "interpolated": "from-data",
        "encrypted": "opened", "ec2": [None, None], "zone": "eu-west-1a",
    }  # fmt: skip
    assert impatient.read("/etc/from-puppet") == "from the module\n" and impatient.read("/etc/motto") == "festina-lente"
    assert not any(request.by_facter for request in metadata.requests)

    # The catalog, without secrets, and its digest.
    kept = catalog(impatient, 1)
    resources = {f"{entry['type']}[{entry['title']}]": entry for entry in kept["resources"]}
    assert kept["digest"] == run["catalog_digest"] and re.fullmatch("[0-9a-f]{64}", kept["digest"])
    assert resources["File[/etc/secret]"]["parameters"]["content"] == "[redacted]"
    assert resources["File[/etc/secret]"]["line"] == 4
    assert "File[/etc/virtual]" not in resources and "File[/etc/exported]" not in resources
    told_by = gzip.decompress(impatient.path(RUN.format(1) + "/catalog.json.gz").read_bytes()).decode()
    assert not any(secret in told_by for secret in SECRETS)
    assert not any(secret in shown + json.dumps(report(impatient)) + json.dumps(run) for secret in SECRETS)

    # The same revision, role and facts: the same catalog, whatever was changed meanwhile.
    second = run_once(impatient, "changed_with_failures")
    assert second["catalog_digest"] == run["catalog_digest"]


def test_a_stale_success_is_never_read(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    """A run that fails to compile, and one that is killed, after a good one: neither says anything of the good one's."""
    metadata.service = Ec2(role_config(repo))
    good = run_once(impatient, "changed")
    assert good["catalog_digest"]
    pinned = repo.head
    repo.commit_compile_error()
    metadata.service = Ec2(role_config(repo))
    run = run_once(impatient, "compile_failed")
    assert run["resources"] is None and run["catalog_digest"] is None and run["slowest"] == []
    assert run["puppet_version"] == good["puppet_version"]
    assert not any("not seen" in warning for warning in run["warnings"])

    repo.commit({"manifests/site.pp": "exec { '/bin/sh -c \"kill -9 $PPID; sleep 5\"': provider => shell }\n"})
    metadata.service = Ec2(role_config(repo))
    run = run_once(impatient, "killed")
    assert run["error"]["code"] == "puppet.killed" and "signal 9" in run["error"]["message"]
    assert run["resources"] is None and run["puppet_version"] == good["puppet_version"]
    assert re.fullmatch("[0-9a-f]{64}", run["catalog_digest"] or "0" * 64)
    assert impatient.status()["configured"]["revision"] == pinned


def test_what_cannot_be_seen_is_said(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    """Another Puppet may look otherwise inside: the run is as good as before, and a warning says what is not known."""
    ruby = Instance.RUBY
    observer = impatient.read(f"{ruby}/observe.rb")
    impatient.write(f"{ruby}/observe.rb", observer.replace("def eval_resource(", "def eval_gone(").replace("catalog.edges", "catalog.gone"))
    metadata.service = Ec2(role_config(repo))
    run = run_once(impatient, "changed")
    warnings = "\n".join(run["warnings"])
    assert "Puppet has no Puppet::Transaction, eval_gone any more" in warnings and "NoMethodError" in warnings
    assert run["resources"]["changed"] > 0 and run["catalog_digest"] is None and run["error"] is None
    impatient.write(f"{ruby}/observe.rb", "ENV.delete('RUBYOPT')\n")
    run = run_once(impatient, "unchanged")
    assert "Puppet was not seen from within" in "\n".join(run["warnings"])


def test_an_image_that_wants_ec2_s_facts_gets_them(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    """Loaded into a process that has Puppet already: the hooks work the same."""
    impatient.write("/etc/facter/facter.conf", "facts : { blocklist : [ ] }\n")
    impatient.write(
        "/usr/local/bin/puppet",
        "#!/usr/bin/ruby\nobserver = ENV.delete('BOOTWRIGHT_LATER')\nrequire 'puppet'\nrequire 'puppet/util/command_line'\n"
        "require 'puppet/configurer'\nrequire 'puppet/transaction'\nrequire observer\nPuppet::Util::CommandLine.new.execute\n",
        0o755,
    )
    impatient.write(
        "/usr/local/bin/puppet-late",
        '#!/bin/sh\nBOOTWRIGHT_LATER="${RUBYOPT#-r}" RUBYOPT= exec /usr/local/bin/puppet "$@"\n', 0o755,
    )  # fmt: skip
    impatient.configure(merged(IMPATIENT, {"puppet": {"path": "/usr/local/bin/puppet-late"}}))
    repo.commit_class("late", "file { '/etc/zone': content => $facts['ec2_metadata']['placement']['availability-zone'] }")
    metadata.service = Ec2(role_config(repo, classes=["role::late"], data={"nobody::asks": 1}), v1=True)
    run = run_once(impatient, "changed")
    assert impatient.read("/etc/zone") == "eu-west-1a"
    assert any("nobody::asks" in warning for warning in run["warnings"])
    assert {phase["phase"] for phase in run["phases"]} == {"facts", "compile", "apply"} and run["catalog_digest"]
    assert not any("not fully known" in warning for warning in run["warnings"]), run["warnings"]


MANIFEST = """node default {
  file_line { 'host': path => '/etc/host.conf', line => 'reorder on' }
  concat { '/etc/joined': ensure => present }
  concat::fragment { 'one': target => '/etc/joined', content => "one\\n", order => '01' }
  concat::fragment { 'two': target => '/etc/joined', content => "two\\n", order => '02' }
  ini_setting { 'ini': ensure => present, path => '/etc/settings.ini', section => 'main', setting => 'port', value => '80' }
  class { 'ntp': package_manage => false, service_manage => false, servers => ['ntp.example.com'] }
  include apt
  apt::conf { 'ours': content => 'APT::Get::Assume-Yes "false";', notify_update => false }
  apt::pin { 'never': packages => 'no-such-package', priority => -1 }
}
"""


def test_modules_of_the_forge(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    """Their types, providers, templates and facts, from the repository alone; then a second time, and nothing is left to do."""
    names = ("stdlib", "concat", "inifile", "ntp", "apt")
    repo.commit({**modules(*names), "manifests/site.pp": MANIFEST})
    for name in names:  # the image's own do not count
        impatient.remove(str(MODULES / name))
    # The facts of the module apt look for upgrades, which takes long; and there is no server to ask.
    for place in ("/var/lib/apt/lists", "/etc/apt/sources.list", "/etc/apt/sources.list.d"):
        impatient.remove(place)
    metadata.service = Ec2(role_config(repo))
    first = run_once(impatient, "changed")
    assert impatient.read("/etc/joined") == "one\ntwo\n" and "ntp.example.com" in impatient.read("/etc/ntp.conf")
    assert "reorder on" in impatient.read("/etc/host.conf") and "port = 80" in impatient.read("/etc/settings.ini")
    assert impatient.exists("/etc/apt/apt.conf.d/50ours") and impatient.exists("/etc/apt/preferences.d/never.pref")
    second = run_once(impatient, "unchanged")
    assert second["catalog_digest"] == first["catalog_digest"]


def test_a_module_whose_package_is_not_to_be_had_is_looked_at_and_left(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    repo.commit({**modules("stdlib", "concat", "apache"), "manifests/site.pp": "node default {\n  class { 'apache': default_vhost => false }\n  apache::vhost { 'a.test': docroot => '/srv/a', port => 80 }\n}\n"})
    metadata.service = Ec2(role_config(repo, puppet={"noop": True}))
    run = run_once(impatient, "noop_drift")
    assert run["resources"]["failed"] == 0 and run["resources"]["out_of_sync"] > 20
    assert not impatient.exists("/etc/apache2/ports.conf") and not impatient.exists("/srv/a")


#: A type as concat's and others' are: it makes further resources, and fails at it.
BARREN = """Puppet::Type.newtype(:barren) do
  newparam(:name, namevar: true)
  def generate
    raise Puppet::Error, "nothing to generate from"
  end
end
"""


def test_what_puppet_counts_as_no_failure_is_one(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    repo.commit(
        {
            "site-modules/role/lib/puppet/type/barren.rb": BARREN,
            "site-modules/role/manifests/barren.pp": "class role::barren {\n  file { '/etc/made': content => 'x' }\n  barren { 'one': }\n}\n",
        }
    )
    metadata.service = Ec2(role_config(repo, classes=["role::barren"]))
    run = run_once(impatient, "changed_with_failures")
    assert run["error"]["message"].endswith("resources failed: Barren[one]")
    [failed] = run["failed_resources"]
    assert "nothing to generate from" in failed["message"] and failed["file"].endswith("barren.pp") and failed["line"] == 3
    assert run["resources"]["failed"] == 1


def test_a_log_level_is_no_verdict(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    manifest = "class role::loud {\n  file { '/etc/loud': content => 'x', loglevel => err }\n}\n"
    repo.commit({"site-modules/role/manifests/loud.pp": manifest})
    metadata.service = Ec2(role_config(repo, classes=["role::loud"]))
    run = run_once(impatient, "changed")
    assert run["failed_resources"] == []
    assert any("File[/etc/loud]" in warning for warning in run["warnings"])


def test_the_reason_of_a_failure_comes_from_the_log_where_the_report_has_none(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    manifest = "class role::pacman {\n  package { 'x': ensure => present, provider => 'pacman' }\n}\n"
    repo.commit({"site-modules/role/manifests/pacman.pp": manifest})
    metadata.service = Ec2(role_config(repo, classes=["role::pacman"]))
    run = run_once(impatient, "changed_with_failures")
    [failed] = run["failed_resources"]
    assert "Provider pacman is not functional" in failed["message"]


def test_what_noop_changes_all_the_same_is_told(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    manifest = """class role::half {
  file { '/etc/really': content => 'x', noop => false }
  file { '/etc/perhaps': content => 'x' }
}
"""
    repo.commit({"site-modules/role/manifests/half.pp": manifest})
    metadata.service = Ec2(role_config(repo, classes=["role::half"], puppet={"noop": True}))
    run = run_once(impatient, "noop_drift")
    assert impatient.exists("/etc/really") and not impatient.exists("/etc/perhaps")
    assert "4 resources out of sync, and noop changed nothing of that, but 1 resource with `noop => false`" in run["error"]["message"]  # 3 of role::base


def test_a_mount_that_loses_external_facts_is_named(
    new_instance: Callable[..., Instance], repo: ControlRepo, metadata: MetadataServer
) -> None:
    """Facter takes no program for one that cannot be executed, and says nothing."""
    fact = repo.work / "site-modules/role/facts.d/told.sh"
    fact.parent.mkdir(parents=True)
    fact.write_text("#!/bin/sh\necho told=yes\n")
    fact.chmod(0o755)
    repo.commit_class("told", "file { '/etc/told': content => \"told: ${facts['told']}\" }")
    metadata.service = Ec2(role_config(repo, classes=["role::told"]))
    for options, told, warns in (("", "yes", False), (",noexec", "", True)):
        instance = new_instance(tmpfs={"/var/lib/bootwright": f"size=50m,mode=700{options}"})
        instance.configure(IMPATIENT)
        run = run_once(instance, "changed")
        assert instance.read("/etc/told") == f"told: {told}"
        warnings = [text for text in run["warnings"] if "noexec" in text]
        assert bool(warnings) == warns, run["warnings"]
        if warns:
            (warning,) = warnings
            assert warning.startswith("/var/lib/bootwright is mounted noexec"), warning
            assert "1 external fact of the checkout" in warning and "site-modules/role/facts.d/told.sh" in warning, warning


CHATTER = """exec { 'chatter':
  command   => '/usr/bin/seq -f "line %.0f of what a rather chatty program says" 60000', # 3 MB
  logoutput => true,
}
-> notify { 'the last word': loglevel => warning }
"""


def test_a_chatty_run_keeps_less_than_was_said_and_is_read_to_its_end(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    """Each line of output takes eight times its size in Puppet's log."""
    repo.commit({"manifests/site.pp": CHATTER})
    metadata.service = Ec2(role_config(repo))
    run = run_once(impatient, "changed")
    folder = impatient.path(RUN.format(1))
    kept = {str(file.relative_to(folder)): file.stat().st_size for file in folder.rglob("*") if file.is_file()}
    assert sum(kept.values()) < 1_500_000 and "puppet.jsonl" not in kept, kept
    log = gzip.decompress((folder / "puppet.jsonl.gz").read_bytes()).decode().splitlines()
    assert len(log) > 60000 and all(json.loads(line)["message"] for line in log)
    assert any("the last word" in warning for warning in run["warnings"]), run["warnings"]
