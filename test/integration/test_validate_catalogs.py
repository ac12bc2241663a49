"""`bootwright validate --repository` compiles from a working copy what a run would, with the facts that `bootwright capture --facts` has
taken from a machine; and does nothing else."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from control_repo import EXAMPLE, ControlRepo
from instance import Instance
from machine import Process
from metadata_server import MetadataServer
from metadata_services import Ec2
from planted import PLANTED, planted_in
from real_machine import wait_for
from roles import IMPATIENT, merged, role_config

COPY = "/srv/control"
FACTS = "/srv/facts.json"
#: As of a machine that is none of these.
CAPTURED: dict[str, Any] = {
    "os": {"name": "Debian", "family": "Debian", "release": {"major": "12"}},
    "rack": "b7", "role": "base", "clientcert": "web-7.example.com", "cloud": {"region": "eu-west-9"},
}  # fmt: skip


@pytest.fixture
def laptop(instance: Instance) -> Instance:
    """A machine without a configuration, a working copy and the facts of another machine."""
    for file in EXAMPLE.rglob("*"):
        if file.is_file():
            instance.write(f"{COPY}/{file.relative_to(EXAMPLE)}", file.read_bytes())
    write_facts(instance, CAPTURED)
    return instance


def write_facts(instance: Instance, facts: dict[str, Any]) -> None:
    instance.write(FACTS, json.dumps({"bootwright_facts": 1, "run": 1, "facts": facts, "order": []}))


def write_role(instance: Instance, body: str, name: str = "mine") -> None:
    instance.write(f"{COPY}/site-modules/role/manifests/{name}.pp", f"class role::{name} {{\n{body}\n}}\n")


def tree(instance: Instance, folder: str) -> dict[str, Any]:
    paths = sorted(instance.path(folder).rglob("*"))
    return {str(path): (path.lstat().st_mode, path.lstat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in paths}


def work_folders(instance: Instance) -> list[str]:
    return [path.name for path in instance.path("/tmp").iterdir() if path.name.startswith("bootwright-work")]


def validated(instance: Instance, *arguments: str, user: str = "0") -> subprocess.CompletedProcess[str]:
    """As a user of that id. Nothing is left, and nothing is changed where the agent and the developer have their own."""
    folders = (COPY, "/etc/bootwright", "/var/lib/bootwright", "/var/lib/puppet", "/run/bootwright")
    before = [tree(instance, folder) for folder in folders]
    words = ["setpriv", f"--reuid={user}", "--clear-groups", "bootwright", "validate", "--repository", COPY, *arguments]
    done = instance.run(words, timeout=120)
    assert [tree(instance, folder) for folder in folders] == before
    assert work_folders(instance) == []
    return done


def catalog(instance: Instance, *arguments: str) -> dict[str, Any]:
    done = validated(instance, "--json", *arguments)
    document = json.loads(done.stdout)
    assert done.returncode == (0 if document["good"] else 1), done
    found: dict[str, Any] = document["files"][-1]["catalog"]
    assert found["good"] == document["good"]
    return found


@pytest.mark.parametrize("user", ["0", "65534"])
def test_a_working_copy_that_compiles(laptop: Instance, user: str) -> None:
    laptop.write("/srv/web.yaml", "role: web\ndata: {profile::web::port: 8080}\n")
    done = validated(laptop, "--part", "/srv/web.yaml", "--role", "base", "--facts", FACTS, user=user)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout == (
        "/srv/web.yaml: good (user-data)\n"
        "/srv/web.yaml: its catalog compiles: 10 resources, 0 warnings\n"
        "role base: its catalog compiles: 4 resources, 0 warnings\n"
    )


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("  file { '/x' ensure => file }", "puppet.compile_failed", "site-modules/role/manifests/mine.pp, line: 2"),
        ("  include no::such", "puppet.compile_failed", "site-modules/role/manifests/mine.pp, line: 2"),
        ("  file { '/x': nonsense => 1 }", "puppet.compile_failed", "no parameter named 'nonsense' (file: site-modules/role/manifests/mine.pp, line: 2)"),
        ("\n  file { '/x': mode => 'rwxr' }", "puppet.compile_failed", "(file: site-modules/role/manifests/mine.pp, line: 3)"),
        ("  $x = lookup('no::such')", "puppet.compile_failed", "the key no::such was looked up in the role config's data, data/role/mine.yaml (not there)"),
        ("", "puppet.nothing_applied", "no resource is in"),
    ],
)  # fmt: skip
def test_what_does_not_compile_is_said_as_in_a_run(laptop: Instance, body: str, code: str, said: str) -> None:
    write_role(laptop, body)
    error = catalog(laptop, "--role", "mine", "--facts", FACTS)["error"]
    assert error["code"] == code and said in error["message"] and error["advice"], error
    done = validated(laptop, "--role", "mine", "--role", "base", "--facts", FACTS)
    assert done.returncode == 1 and f"({code})" in done.stdout and "role base: its catalog compiles" in done.stdout


def test_a_role_that_no_class_takes(laptop: Instance) -> None:
    laptop.write(f"{COPY}/manifests/site.pp", "if $facts['role'] == 'web' { include role::web }\n")
    assert catalog(laptop, "--role", "web", "--facts", FACTS)["good"]
    error = catalog(laptop, "--role", "wbe", "--facts", FACTS)["error"]
    assert error["code"] == "puppet.nothing_applied" and 'no class took this role "wbe"' in error["message"]


def test_a_module_of_the_puppetfile_that_is_not_there(laptop: Instance) -> None:
    laptop.write(f"{COPY}/Puppetfile", "mod 'puppet/nginx', '5.0.0'\nmod 'puppetlabs/ntp', '9.0.0'\n")
    write_role(laptop, "  include nginx")
    error = catalog(laptop, "--role", "mine", "--facts", FACTS)["error"]
    assert "the Puppetfile declares the module nginx (line 1), not in this folder" in error["message"]
    assert "r10k puppetfile install" in error["advice"]
    laptop.write(f"{COPY}/modules/nginx/manifests/init.pp", "class nginx { notify { 'nginx': } }\n")
    good = catalog(laptop, "--role", "mine", "--facts", FACTS)
    assert good["resources"] == 1
    assert [warning for warning in good["warnings"] if "not in this folder: ntp (line 2);" in warning]


def test_captured_facts_choose_data_and_branches(laptop: Instance) -> None:
    laptop.write(f"{COPY}/hiera.yaml", 'version: 5\nhierarchy:\n  - {name: Rack, path: "racks/%{facts.rack}.yaml"}\n')
    laptop.write(f"{COPY}/data/racks/b7.yaml", "where: seventh\n")
    write_role(laptop, "  $x = lookup('where')\n  fail(\"$x $trusted ${facts['cloud']['region']} ${facts['role']} ${facts['extra']}\")")
    laptop.write("/srv/mine.yaml", "role: mine\nfacts: {extra: more}\n")
    message = catalog(laptop, "--part", "/srv/mine.yaml", "--facts", FACTS)["error"]["message"]
    for said in ("seventh", "web-7.example.com", "external => {cloud => {region => eu-west-9}}", "eu-west-9 mine more"):
        assert said in message, message
    # Without them, this machine's own.
    message = catalog(laptop, "--part", "/srv/mine.yaml")["error"]["message"]
    assert "the key where was looked up" in message


def test_nothing_is_applied_and_no_deferred_function_called(laptop: Instance) -> None:
    touch = "Deferred('generate', ['/usr/bin/touch', '/srv/deferred'])"
    write_role(
        laptop,
        f"""  file {{ '/srv/applied': content => 'x' }}
  exec {{ '/usr/bin/touch /srv/executed': onlyif => '/usr/bin/touch /srv/asked' }}
  exec {{ 'later': command => {touch}, noop => false }}
  file {{ '/srv/deep': content => [{touch}] }}
  user {{ 'mine': password => Sensitive({touch}) }}
  resources {{ 'user': purge => true }}
  file {{ '/srv/forced': ensure => file, noop => false }}""",
    )
    before = set(laptop.path("/srv").iterdir())
    assert catalog(laptop, "--role", "mine", "--facts", FACTS)["resources"] == 7
    assert set(laptop.path("/srv").iterdir()) == before


def test_repositories_beside_and_an_environment_inside(laptop: Instance) -> None:
    laptop.write(f"{COPY}/environments/live/manifests/site.pp", "notify { lookup('kept'): }\nfile { '/x': }\n")
    laptop.write("/srv/data/hiera.yaml", "version: 5\ndefaults: {datadir: ., data_hash: yaml_data}\n")
    laptop.write("/srv/data/common.yaml", "kept: beside\n")
    role = {
        "role": "web", "puppet": {"hiera_config": "data-of-all/hiera.yaml"},
        "repository": {"environment": "live"},
        "repositories": [{"name": "data-of-all", "url": "https://git.test/data", "revision": "0" * 40}],
    }  # fmt: skip
    laptop.write("/etc/bootwright/role.json", json.dumps(role))
    asked = ("--part", "/etc/bootwright/role.json", "--facts", FACTS)
    error = catalog(laptop, *asked)["error"]
    assert error["code"] == "validate.no_repository" and "--beside data-of-all=FOLDER" in error["advice"]
    assert catalog(laptop, *asked, "--beside", "data-of-all=/srv/data")["resources"] == 2
    role["repository"]["environment"] = "dead"
    laptop.write("/etc/bootwright/role.json", json.dumps(role))
    assert catalog(laptop, *asked, "--beside", "data-of-all=/srv/data")["error"]["code"] == "puppet.no_environment"


def sleeping(instance: Instance) -> list[int]:
    return instance.processes("sleep 4711")


def test_a_catalog_that_takes_too_long(laptop: Instance) -> None:
    write_role(laptop, "  generate('/bin/sleep', '4711')")
    error = catalog(laptop, "--role", "mine", "--facts", FACTS, "--timeout", "8s")["error"]
    assert error["code"] == "puppet.timeout" and "--timeout" in error["advice"]
    assert sleeping(laptop) == []


def test_ctrl_c_leaves_nothing(laptop: Instance) -> None:
    write_role(laptop, "  generate('/bin/sleep', '4711')")
    asked: Process = laptop.start_bootwright("validate", "--repository", COPY, "--role", "mine", "--facts", FACTS)
    wait_for(lambda: sleeping(laptop), "the function", 60)
    asked.signal(2)
    assert asked.wait() == 1
    assert sleeping(laptop) == [] and work_folders(laptop) == []


def test_no_secret_of_the_role_config_is_shown(laptop: Instance) -> None:
    secrets = {place: PLANTED[place] for place in ("text in data", "lines in data", "list in data")}
    laptop.write("/srv/mine.json", json.dumps({"role": "mine", "data": {f"a::k{n}": text for n, text in enumerate(secrets.values())}}))
    write_role(laptop, "  warning(lookup('a::k0'))\n  fail(\"${lookup('a::k1')} ${lookup('a::k2')}\")")
    for more in ([], ["--json"]):
        done = validated(laptop, *more, "--part", "/srv/mine.json", "--facts", FACTS)
        assert done.returncode == 1 and "[redacted]" in done.stdout
        assert planted_in((done.stdout + done.stderr).encode(), secrets) == []


def test_what_is_no_use_is_refused(laptop: Instance) -> None:
    def asked(*arguments: str) -> tuple[int, str]:
        done = laptop.bootwright("validate", *arguments)
        return done.returncode, done.stdout + done.stderr

    assert asked("--role", "web")[0] == 2
    assert asked("--repository", COPY)[0] == 2
    assert asked("--repository", "/srv/none", "--role", "web")[0] == 2
    assert asked("--repository", COPY, "--role", "web", "--timeout", "soon")[0] == 2
    assert asked("--repository", COPY, "--role", "web", "--beside", "data")[0] == 2
    for text in ("{}", "[]", '{"bootwright_facts": 1, "facts": {}}', '{"bootwright_facts": 2, "facts": {"a": 1}}', '{"a": 1'):
        laptop.write(FACTS, text)
        status, said = asked("--repository", COPY, "--role", "web", "--facts", FACTS)
        assert status == 1 and "(facts.invalid)" in said, said
        assert ("its format is 2" in said) == ("_facts\": 2" in text)


def test_facts_of_one_machine_give_its_catalog_on_another(
    new_instance: Callable[..., Instance], metadata: MetadataServer, repo: ControlRepo
) -> None:
    """Also where a manifest walks through facts in their own order."""
    machine = new_instance()
    machine.configure(merged(IMPATIENT, {"role_config": {"facts": {"zone": "z", "api_token": "hunter2hunter2"}}}))
    files: dict[str, str | bytes | None] = {
        "site-modules/role/lib/facter/walked.rb": "Facter.add(:walked) { setcode { { 'z' => { 'b' => 1, 'a' => 2 }, 'a' => 'https://u:hunter2@h/' } } }\n",
        "site-modules/role/manifests/walks.pp": "class role::walks {\n  include profile::base\n"
        "  $facts['walked']['z'].each |$key, $value| { notify { \"${key} ${value}\": } }\n"
        "  notify { \"${facts['zone']} ${trusted['certname']} ${trusted['external']['cloud']['region']} ${facts['os']}\": }\n}\n",
    }  # fmt: skip
    repo.commit(files)
    metadata.service = Ec2(role_config(repo, "walks", data={"profile::base::contact": "somebody"}))
    assert machine.bootwright("capture", "--facts", FACTS).returncode == 1
    assert "(capture.no_facts)" in machine.bootwright("capture", "--facts", FACTS).stderr
    assert machine.bootwright("run").returncode == 0
    digest = json.loads(machine.read("/var/lib/bootwright/runs/000001/report.json"))["catalog_digest"]
    done = machine.bootwright("capture", "--facts", FACTS)
    assert done.returncode == 0 and "of run 1 in " + FACTS in done.stdout, done
    carried = machine.read(FACTS)
    assert machine.path(FACTS).stat().st_mode & 0o777 == 0o600
    assert "hunter2" not in carried and json.loads(carried)["facts"]["api_token"] == "removed"
    captured = json.loads(carried)["facts"]
    assert captured["role"] == "walks" and captured["cloud"]["platform"] == "ec2" and captured["kernel"] == "Linux"
    machine.power_off()

    other = new_instance()
    for path in sorted(Path(repo.work).rglob("*")):
        name = path.relative_to(repo.work)
        if path.is_file() and name.parts[0] != ".git":
            other.write(f"{COPY}/{name}", path.read_bytes())
    other.write(FACTS, carried)
    other.write("/srv/walks.yaml", "role: walks\ndata: {profile::base::contact: somebody}\n")
    found = catalog(other, "--part", "/srv/walks.yaml", "--facts", FACTS)
    assert found["good"] and found["digest"] == digest, found
    other.write("/srv/walks.yaml", "role: walks\n")
    assert catalog(other, "--part", "/srv/walks.yaml", "--facts", FACTS)["digest"] != digest
