"""Puppet that was loaded ahead does what one does that is started when it is needed; and where it cannot, that one is started."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from roles import IMPATIENT, merged, role_config
from warm import RENAMED, WARM, library, prepare, rename, set_version

# A module with all that modules bring: facts, functions of both kinds, a type with a provider, and a feature.
MODULE: dict[str, str | bytes | None] = {
    "modules/own/lib/facter/own.rb": "Facter.add(:own) { setcode { Facter.value('os.family') + ' ' + Facter.value(:kernel) } }\n",
    "modules/own/lib/facter/virtual.rb": "Facter.add(:virtual, weight: 1000) { setcode { 'overridden' } }\n",
    "modules/own/facts.d/given.json": '{"given": {"by": "file"}}\n',
    "modules/own/lib/puppet/functions/own/twice.rb": "Puppet::Functions.create_function(:'own::twice') do\n"
    "  dispatch(:twice) { param 'Integer', :n }\n  def twice(n)\n    n * 2\n  end\nend\n",
    "modules/own/lib/puppet/parser/functions/own_old.rb": "module Puppet::Parser::Functions\n"
    "  newfunction(:own_old, type: :rvalue) { |args| args[0].reverse }\nend\n",
    "modules/own/lib/puppet/type/own_line.rb": "Puppet::Type.newtype(:own_line) do\n  ensurable\n  newparam(:path, namevar: true)\n  newparam(:line)\nend\n",
    "modules/own/lib/puppet/provider/own_line/ruby.rb": "Puppet::Type.type(:own_line).provide(:ruby) do\n"
    "  def exists?\n    File.exist?(resource[:path])\n  end\n"
    "  def create\n    File.write(resource[:path], resource[:line])\n  end\n"
    "  def destroy\n    File.delete(resource[:path])\n  end\nend\n",
    "modules/own/lib/puppet/feature/own_feature.rb": "Puppet.features.add(:own_feature) { true }\n",
    "modules/own/files/data": "from the module\n",
    "modules/own/lib/puppet/datatypes/pair.rb": "Puppet::DataTypes.create_type('Pair') do\n  interface <<-PUPPET\n"
    "    attributes => { left => Integer, right => Integer }\n  PUPPET\nend\n",
    "data/common.yaml": "profile::base::contact: somebody\nown::number: 21\n",
    # Every fact as the catalog saw it, and the processes as an exec sees them.
    "site-modules/role/manifests/all.pp": """\
class role::all {
  include profile::base
  $number = lookup('own::number')
  file { '/etc/own':
    content => "${own::twice($number)} ${own_old('abc')} ${facts['own']} ${facts['given']['by']} ${facts['virtual']} ${Pair(1, 2).left}\\n",
  }
  file { '/etc/own.facts': content => inline_template("<%= require 'json'; JSON.pretty_generate(scope['facts']) %>\\n") }
  file { '/etc/own.data': source => 'puppet:///modules/own/data' }
  own_line { '/etc/own.line': line => 'once' }
  exec { 'environment':
    command => '/usr/bin/env > /etc/own.environment; pwd >> /etc/own.environment; umask >> /etc/own.environment; grep -E "Sig[BIC]|Groups" /proc/self/status >> /etc/own.environment; ls /proc/self/fd >> /etc/own.environment',
    creates => '/etc/own.environment',
    provider => shell,
  }
  package { 'bash': ensure => installed }
  group { 'own': ensure => present, gid => 4711 }
  user { 'own': ensure => present, uid => 4711, gid => 'own', require => Group['own'] }
  notify { "hello from ${facts['role']}": }
  tidy { '/srv/old': age => '1d', recurse => true }
  warning('a warning')
}
""",
    "site-modules/role/manifests/failing.pp": "class role::failing {\n  include profile::base\n  exec { '/bin/false': }\n"
    "  file { '/etc/after': content => 'x', require => Exec['/bin/false'] }\n  file { '/no/such/folder/x': content => 'y' }\n}\n",
    "site-modules/role/manifests/broken.pp": "class role::broken {\n  fail('broken on purpose')\n}\n",
    "site-modules/role/manifests/unknown.pp": "class role::unknown {\n  no_such_type { 'x': }\n}\n",
    "site-modules/role/manifests/empty.pp": "class role::empty {\n}\n",
    "site-modules/role/manifests/raising.pp": "class role::raising {\n  file { '/etc/x': content => inline_template('<%= nil.nothing %>') }\n}\n",
}

# What differs from run to run on the same machine. Flags: an address of IPv6 is tentative for its first second.
_VOLATILE = re.compile(r"uptime|memory|swap|load_averages|available|used|free|mtu_|timestamp|hardware.*|sshfp|capacity|mountpoints|^flags$")


def _without_volatile(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_volatile(item) for key, item in value.items() if not _VOLATILE.search(key)}
    return [_without_volatile(item) for item in value] if isinstance(value, list) else value


def _text(instance: Instance, path: str) -> str:
    """Without what tells one run from another: times, durations, transactions."""
    text = instance.read(path) if instance.exists(path) else ""
    text = re.sub(r"\d{4}-\d\d-\d\d[T ][0-9:.]+(Z| ?[+-][0-9:]+)?", "TIME", text)
    text = re.sub(r"(in |: )\d+\.\d+(e-\d+)?( seconds|$)", r"\1SECONDS", text, flags=re.M)
    text = re.sub(r"'?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}'?", "UUID", text)
    text = re.sub(r"\d{8}-\d+-\w+\.lock", "LOCK", text)
    return text


def _outcome(instance: Instance) -> dict[str, Any]:
    """All that a run leaves, but for how long it took."""
    run = instance.status()["run"]
    number = f"{run['number']:06d}"
    folder = f"/var/lib/bootwright/runs/{number}"
    summary = _text(instance, f"{folder}/last_run_summary.yaml").split("\ntime:")[0]
    report = _text(instance, "/var/lib/bootwright/puppet/var/state/last_run_report.yaml")
    report = re.sub(r"metrics:.*?\nresource_statuses", "resource_statuses", report, flags=re.S)
    shown = json.loads(re.sub(r"\d{8}-\d+-\w+\.lock", "LOCK", json.dumps(run)))
    report = " ".join(report.split())  # a name of another length breaks lines elsewhere
    found = {
        "run": {key: shown[key] for key in ("outcome", "error", "resources", "failed_resources", "warnings", "puppet_version")},
        "log": _text(instance, f"{folder}/puppet.jsonl"),
        "summary": summary,
        "report": report,
        "resources": _text(instance, f"{folder}/resources.txt"),
        "classes": _text(instance, f"{folder}/classes.txt"),
    }
    catalog = instance.path(f"{folder}/catalog.json.gz")
    if catalog.exists():
        found["catalog"] = gzip.decompress(catalog.read_bytes()).decode()
    for name in ("own", "own.data", "own.line", "own.environment"):
        found[name] = _text(instance, f"/etc/{name}")
    if instance.exists("/etc/own.facts"):
        found["facts"] = _without_volatile(json.loads(instance.read("/etc/own.facts")))
        found.pop("log")  # the content of that file differs
        found.pop("report")
        found.pop("catalog", None)
    return found


Change = Callable[[Instance], None]


def _apply(
    new_instance: Callable[..., Instance], warm: bool, times: int, prepared: bool, change: Change
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    instance = new_instance()
    change(instance)
    if prepared:
        prepare(instance)
    instance.configure(merged(IMPATIENT, {"puppet": {"warm": warm}}))
    instance.write(WARM, instance.read(WARM).replace("!called? && ", ""))  # all that it can load, however soon it is called
    runs, outcomes = [], []
    for _ in range(times):
        instance.bootwright("run")
        runs.append(instance.status()["run"])
        outcomes.append(_outcome(instance))
    instance.power_off()
    return runs, outcomes


def _compare(
    new_instance: Callable[..., Instance],
    times: int = 1,
    warm: bool = True,
    prepared: bool = True,
    change: Change = lambda instance: None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first run, warm and cold."""
    ahead, left_ahead = _apply(new_instance, True, times, prepared, change)
    cold, left_cold = _apply(new_instance, False, times, False, change)
    assert [run["puppet_start"] for run in ahead] == ["warm" if warm else "cold"] * times, ahead[0]["puppet_cold_because"]
    assert [run["puppet_start"] for run in cold] == ["cold"] * times
    assert "puppet.warm" in cold[0]["puppet_cold_because"]
    for number in range(times):
        for what, left in left_cold[number].items():
            assert left_ahead[number][what] == left, f"{what} of run {number + 1}"
    return ahead[0], cold[0]


@pytest.mark.parametrize("prepared", [True, False])
def test_a_warm_puppet_does_what_a_cold_one_does(
    new_instance: Callable[..., Instance], metadata: MetadataServer, repo: ControlRepo, prepared: bool
) -> None:
    repo.commit(MODULE)
    metadata.service = Ec2(role_config(repo, "all", facts={"datacenter": "here"}))
    warm, _ = _compare(new_instance, times=2, prepared=prepared)
    assert warm["outcome"] == "changed"


CASES = {
    "failing": ({}, "changed_with_failures"),
    "broken": ({}, "compile_failed"),
    "base": ({"puppet": {"noop": True}}, "noop_drift"),
    "unknown": ({}, "compile_failed"),
    "empty": ({}, "unchanged"),
    "raising": ({}, "compile_failed"),
    "web": ({}, "changed"),
    "no_such_role": ({}, "compile_failed"),
}


@pytest.mark.parametrize("role", CASES)
def test_also_where_it_fails(
    new_instance: Callable[..., Instance], metadata: MetadataServer, repo: ControlRepo, role: str
) -> None:
    more, outcome = CASES[role]
    repo.commit(MODULE)
    metadata.service = Ec2(role_config(repo, role, **more))
    warm, _ = _compare(new_instance)
    if role != "empty":
        assert warm["outcome"] == outcome


OVERRIDES = {
    "a type": {"modules/other/lib/puppet/type/notify.rb": "Puppet::Type.newtype(:notify) do\n  newparam(:name, namevar: true)\nend\n"},
    "a provider": {
        "modules/other/lib/puppet/provider/user/other.rb": "Puppet::Type.type(:user).provide(:other, parent: :useradd) do\n"
        "  defaultfor kernel: 'Linux'\n  def create\n    super\n    File.write('/etc/own.line', 'by the other')\n  end\nend\n"
    },
    "a file of Facter's": {"modules/other/lib/facter/resolvers/augeas.rb": "raise 'not to be loaded'\n"},
}


@pytest.mark.parametrize("what", OVERRIDES)
def test_a_module_that_replaces_what_is_loaded_makes_it_cold(
    new_instance: Callable[..., Instance], metadata: MetadataServer, repo: ControlRepo, what: str
) -> None:
    repo.commit({**MODULE, **OVERRIDES[what]})
    repo.commit_class("user", "user { 'own': ensure => present }\n  notify { 'x': }")
    metadata.service = Ec2(role_config(repo, "user"))
    ahead, _ = _compare(new_instance, warm=False)
    assert ahead["puppet_start"] == "cold"
    assert next(iter(OVERRIDES[what])) in ahead["puppet_cold_because"]


def _behind_a_link(instance: Instance) -> None:
    """As where a folder of the system has been moved to another disk."""
    folder = library(instance, "facter")
    instance.run(["sh", "-euc", f"cp -a {folder} /srv/ruby; rm -rf {folder}; ln -s /srv/ruby {folder}"], check=True)


def test_what_is_replaced_is_also_seen_behind_a_link(
    new_instance: Callable[..., Instance], metadata: MetadataServer, repo: ControlRepo
) -> None:
    module = OVERRIDES["a file of Facter's"]
    repo.commit({**MODULE, **module})
    metadata.service = Ec2(role_config(repo))
    ahead, _ = _compare(new_instance, warm=False, change=_behind_a_link)
    assert next(iter(module)) in ahead["puppet_cold_because"]


# Other Puppets.


def test_a_version_that_nobody_has_seen_is_warm_where_its_inside_is_known(
    new_instance: Callable[..., Instance], metadata: MetadataServer, repo: ControlRepo
) -> None:
    repo.commit(MODULE)
    metadata.service = Ec2(role_config(repo, "all"))
    warm, cold = _compare(new_instance, times=2, change=lambda instance: set_version(instance, "99.1.0"))
    assert (warm["puppet_version"], cold["puppet_version"]) == ("99.1.0", "99.1.0")


@pytest.mark.parametrize("method", RENAMED)
def test_a_known_version_is_cold_where_its_inside_is_another(
    new_instance: Callable[..., Instance], metadata: MetadataServer, repo: ControlRepo, method: str
) -> None:
    repo.commit(MODULE)
    metadata.service = Ec2(role_config(repo, "all"))
    ahead, _ = _compare(new_instance, warm=False, prepared=False, change=lambda instance: rename(instance, method))
    assert ahead["outcome"] == "changed" and method in ahead["puppet_cold_because"]


_AS_GEMS = """
cd "$(mktemp -d)"
rm -f /usr/share/rubygems-integration/all/specifications/facter-* /usr/share/rubygems-integration/all/specifications/puppet-*
rm -f /usr/share/rubygems-integration/all/specifications/open*
for gem in facter puppet; do
    mkdir -p $gem/lib $gem/bin
    eval "library=\\$$gem"
    mv "$library/$gem" "$library/$gem"*.rb $gem/lib/
    [ $gem = facter ] || mv "$library"/hiera* $gem/lib/
    mv /usr/bin/$gem $gem/bin/
    cat >$gem/$gem.gemspec <<END
Gem::Specification.new do |spec|
  spec.name, spec.version, spec.summary, spec.authors = '$gem', '1.0.0', 'the package as a gem', ['nobody']
  spec.files = Dir.glob('lib/**/*').select { |file| File.file?(file) }
  spec.bindir, spec.executables = 'bin', ['$gem']
  spec.add_dependency 'facter', '> 0' if spec.name == 'puppet'
end
END
    cd $gem
    gem build --silent $gem.gemspec
    gem install --local --no-document --bindir /usr/local/bin $gem-1.0.0.gem
    cd ..
done
"""


def _as_gems(instance: Instance) -> None:
    """Takes Puppet and Facter out of their packages, and installs them by RubyGems."""
    libraries = {name: library(instance, name) for name in ("puppet", "facter")}
    instance.run(["env", *(f"{name}={folder}" for name, folder in libraries.items()), "sh", "-euc", _AS_GEMS], check=True)
    assert not instance.exists("/usr/bin/puppet")


def test_a_puppet_that_is_a_gem_does_the_same(
    new_instance: Callable[..., Instance], metadata: MetadataServer, repo: ControlRepo
) -> None:
    repo.commit(MODULE)
    metadata.service = Ec2(role_config(repo, "all"))
    _compare(new_instance, times=2, change=_as_gems)
