"""Data that hiera-eyaml decrypts: the real one, with the real Puppet."""

from __future__ import annotations

import json
from typing import Any

import public_clouds
import pytest
from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from public_clouds import PublicClouds, ec2_role
from real_machine import wait_for
from roles import IMPATIENT, merged, role_config
from runs import fails, nowhere, report, run_once
from servers import GitServer
from test_credentials import overheard

SECRET = "the word that nobody reads"
KEYS = "/etc/bootwright/eyaml"
HANDED_OVER = "/run/bootwright/eyaml"
PRIVATE, PUBLIC = f"{KEYS}/private.pem", f"{KEYS}/public.pem"

#: As repositories have it: the keys are where Puppet's servers keep them, or in a variable of theirs.
HIERA = """version: 5
hierarchy:
  - name: secrets
    lookup_key: eyaml_lookup_key
    path: secrets.eyaml
    options:
      pkcs7_private_key: /etc/puppetlabs/puppet/eyaml/private_key.pkcs7.pem
      pkcs7_public_key: /etc/puppetlabs/puppet/eyaml/public_key.pkcs7.pem
"""
HIERA_WITH_VARIABLES = HIERA.replace(
    "pkcs7_private_key: /etc/puppetlabs/puppet/eyaml/private_key.pkcs7.pem", "pkcs7_private_key_env_var: EYAML_PRIVATE_KEY"
).replace("pkcs7_public_key: /etc/puppetlabs/puppet/eyaml/public_key.pkcs7.pem", "pkcs7_public_key_env_var: EYAML_PUBLIC_KEY")

#: More than one value: with a wrong key, one value of 256 seems to be decrypted.
ROLE = """$all = ['a', 'b', 'c'].map |$key| { lookup("secret::${key}") }
  file { '/root/secret': content => $all[0], mode => '0600' }
  exec { '/usr/bin/stat -c "%a %U %n" /run/bootwright/eyaml /run/bootwright/eyaml/* > /root/modes': provider => shell }
  exec { '/usr/bin/env > /root/environment': provider => shell }"""


def make_keys(instance: Instance, private: str = PRIVATE, public: str = PUBLIC) -> None:
    keys = (f"--pkcs7-private-key={private}", f"--pkcs7-public-key={public}")
    instance.run(["eyaml", "createkeys", *keys], check=True)


def encrypted(instance: Instance, text: str = SECRET) -> str:
    done = instance.run(["eyaml", "encrypt", "-o", "string", f"--pkcs7-public-key={PUBLIC}", "-s", text], check=True)
    return done.stdout.strip()


def configure(instance: Instance, *more: dict[str, Any], **eyaml: Any) -> None:
    instance.configure(merged(IMPATIENT, {"puppet": {"eyaml": eyaml}}, *more))


@pytest.fixture
def sealed(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> Instance:
    """An instance whose image has the keys, and whose repository has data that is encrypted for them."""
    make_keys(instance)
    configure(instance, private_key={"file": PRIVATE}, public_key={"file": PUBLIC})
    values = "".join(f"secret::{key}: {encrypted(instance)}\n" for key in "abc")
    repo.commit({"hiera.yaml": HIERA, "data/secrets.eyaml": values})
    repo.commit_class("sealed", ROLE)
    metadata.service = Ec2(role_config(repo, classes=["role::sealed"]))
    return instance


def key_of(instance: Instance) -> list[str]:
    """Lines of the private key, as nobody may find them."""
    return instance.read(PRIVATE).splitlines()[1:4]


@pytest.mark.parametrize("way", ["warm", "cold"])
def test_encrypted_data_is_decrypted_and_the_key_is_nowhere_afterwards(sealed: Instance, way: str) -> None:
    configure(sealed, {"puppet": {"warm": way == "warm"}}, private_key={"file": PRIVATE}, public_key={"file": PUBLIC})
    process = sealed.start_bootwright("run")
    heard = overheard(process)
    assert process.wait() == 0, process.output
    assert sealed.status()["run"]["puppet_start"] == way
    assert sealed.read("/root/secret") == SECRET
    modes = [line.split()[:2] for line in sealed.read("/root/modes").splitlines()]
    assert modes == [["700", "root"], ["400", "root"], ["400", "root"]]
    assert not sealed.exists(HANDED_OVER)
    nowhere(sealed, key_of(sealed), heard, process.output, sealed.read("/root/environment"))


def test_a_repository_that_names_its_keys_by_variables_works_as_it_is(sealed: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    repo.commit({"hiera.yaml": HIERA_WITH_VARIABLES})
    metadata.service = Ec2(role_config(repo, classes=["role::sealed"]))
    run_once(sealed, "changed")
    assert sealed.read("/root/secret") == SECRET


def test_the_keys_of_hiera_yaml_itself_count_where_agent_json_names_none(sealed: Instance) -> None:
    folder = "/etc/puppetlabs/puppet/eyaml"
    sealed.write(f"{folder}/private_key.pkcs7.pem", sealed.read(PRIVATE), 0o600)
    sealed.write(f"{folder}/public_key.pkcs7.pem", sealed.read(PUBLIC))
    configure(sealed)
    sealed.run(["mkdir", "-p", HANDED_OVER], check=True)  # what a killed run has left
    run_once(sealed, "changed_with_failures")  # the exec that looks at the keys finds none
    assert sealed.read("/root/secret") == SECRET


@pytest.mark.parametrize("source", ["credential", "aws_secret"])
def test_a_key_may_come_from_elsewhere(
    sealed: Instance, metadata: MetadataServer, clouds: MetadataServer, git: GitServer, source: str
) -> None:
    public_clouds.lead_to(sealed)
    metadata.service.files |= ec2_role()
    service = PublicClouds()
    clouds.service = service
    service.secrets["eyaml/key"] = sealed.read(PRIVATE)
    sealed.write("/run/credentials/bootwright.service/eyaml.key", sealed.read(PRIVATE), 0o400)
    sealed.write("/etc/bootwright/ca.pem", git.ca_file.read_bytes())
    where = {"credential": "eyaml.key", "aws_secret": "eyaml/key"}[source]
    configure(sealed, {"repository": {"ca_file": "/etc/bootwright/ca.pem"}}, private_key={source: where}, public_key={"file": PUBLIC})
    key = key_of(sealed)
    public = sealed.read(PUBLIC)
    sealed.remove(KEYS)
    sealed.write(PUBLIC, public)
    done = sealed.bootwright("run", env={"CREDENTIALS_DIRECTORY": "/run/credentials/bootwright.service"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert sealed.read("/root/secret") == SECRET and service.faults == []
    assert len(clouds.requests) == (1 if source == "aws_secret" else 0)
    assert not sealed.exists(HANDED_OVER)
    nowhere(sealed, key, done.stdout, done.stderr)


def is_not_given_up(instance: Instance) -> None:
    run = report(instance)
    assert run["bad"] is None
    assert not instance.exists("/var/lib/bootwright/bad_revisions.json")
    assert "ENC[PKCS7,MIIB" not in json.dumps(run).replace("ENC[PKCS7,MIIB…", "").replace("ENC[PKCS7,MIIBi", "")
    assert "push a new revision" not in run["error"]["advice"]


def test_a_key_that_is_missing_is_named_first_and_the_revision_is_tried_again(sealed: Instance) -> None:
    configure(sealed)
    run = fails(sealed, "puppet", "puppet.eyaml_key_missing", "permanent", "puppet.eyaml of agent.json", "secret::a in data/secrets.eyaml")
    assert run["outcome"] == "compile_failed"
    assert run["error"]["message"].startswith("there is no /etc/puppetlabs/puppet/eyaml/private_key.pkcs7.pem")
    is_not_given_up(sealed)
    configure(sealed, private_key={"file": f"{KEYS}/none"}, public_key={"file": PUBLIC})
    fails(sealed, "puppet", "puppet.eyaml_key_missing", "permanent", f"there is no {KEYS}/none")
    is_not_given_up(sealed)
    configure(sealed, private_key={"file": PRIVATE}, public_key={"file": PUBLIC})
    run_once(sealed, "changed")


def test_a_wrong_key_is_named_as_such(sealed: Instance) -> None:
    make_keys(sealed, f"{KEYS}/other.pem", f"{KEYS}/other.public.pem")
    configure(sealed, private_key={"file": f"{KEYS}/other.pem"}, public_key={"file": f"{KEYS}/other.public.pem"})
    run = fails(sealed, "puppet", "puppet.eyaml_not_decrypted", "permanent", "in data/secrets.eyaml")
    assert run["error"]["message"].startswith("the key of hiera-eyaml that this machine has does not decrypt the value of secret::")
    is_not_given_up(sealed)
    sealed.write(f"{KEYS}/rubbish", "rubbish", 0o600)
    configure(sealed, private_key={"file": f"{KEYS}/rubbish"}, public_key={"file": PUBLIC})
    fails(sealed, "puppet", "puppet.eyaml_not_decrypted", "permanent", "secret::a")
    assert not sealed.exists(HANDED_OVER)


def test_the_gem_that_gpg_needs_is_named(sealed: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    """It is not in Debian, so that it decrypts was not seen."""
    repo.commit({"data/secrets.eyaml": f"secret::a: ENC[GPG,{'hQEMA' * 200}]\n"})
    metadata.service = Ec2(role_config(repo, classes=["role::sealed"]))
    sealed.run(["mkdir", "-m", "700", f"{KEYS}/gnupg"], check=True)
    configure(sealed, gpg_home=f"{KEYS}/gnupg")
    fails(sealed, "puppet", "puppet.eyaml_gem_missing", "permanent", "the Ruby gem hiera-eyaml-gpg", "gem install hiera-eyaml-gpg")
    is_not_given_up(sealed)
    sealed.run(["chmod", "755", f"{KEYS}/gnupg"], check=True)
    fails(sealed, "puppet", "puppet.eyaml_key_exposed", "permanent", f"chmod 700 {KEYS}/gnupg")


def test_hiera_eyaml_itself_may_be_missing(sealed: Instance) -> None:
    gem = "/usr/share/rubygems-integration/all/gems/hiera-eyaml-3.3.0"
    found = sealed.run(["sh", "-c", "dpkg -L hiera-eyaml | grep 'lib/hiera/backend/eyaml/parser/parser.rb$'"]).stdout.strip()
    assert found.startswith(gem.rpartition("-")[0])
    sealed.remove(found)
    fails(sealed, "puppet", "puppet.eyaml_gem_missing", "permanent", "the Ruby gem hiera-eyaml is not on this machine")
    is_not_given_up(sealed)


@pytest.mark.parametrize("what", ["mode", "owner", "link"])
def test_a_key_that_others_may_read_is_not_used(sealed: Instance, what: str) -> None:
    change = {"mode": ["chmod", "640", PRIVATE], "owner": ["chown", "1000", PRIVATE], "link": ["ln", "-s", "open", f"{KEYS}/link"]}[what]
    sealed.write(f"{KEYS}/open", sealed.read(PRIVATE), 0o644)
    sealed.run(change, check=True)
    configure(sealed, private_key={"file": f"{KEYS}/link" if what == "link" else PRIVATE}, public_key={"file": PUBLIC})
    fails(sealed, "puppet", "puppet.eyaml_key_exposed", "permanent", "others may read or change")
    assert not sealed.exists(HANDED_OVER) and not sealed.exists("/root/secret")
    is_not_given_up(sealed)


def test_keys_that_a_killed_run_has_left_are_removed_by_the_next(sealed: Instance) -> None:
    process = sealed.start_bootwright("run")
    wait_for(lambda: sealed.exists(f"{HANDED_OVER}/pkcs7_private_key"), "the keys")
    process.kill()
    assert sealed.exists(f"{HANDED_OVER}/pkcs7_private_key")
    configure(sealed)
    sealed.bootwright("run")
    assert not sealed.exists(HANDED_OVER)
