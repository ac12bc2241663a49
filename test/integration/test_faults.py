"""What goes wrong, and what the operator reads then. Each fault ends in a clear error, loses nothing, and the same instance
converges once the fault is gone."""

from __future__ import annotations

from typing import Any

import metadata_faults
import pytest
from control_repo import ControlRepo
from instance import INSTANCE_ID, Instance
from metadata_faults import Fault
from metadata_server import MetadataServer
from metadata_services import Ec2
from real_machine import wait_for
from roles import IMPATIENT, role_config
from runs import converges, fails

IDENTITY = "/latest/dynamic/instance-identity/document"
USER_DATA = "/latest/user-data"
TOKEN = "PUT /latest/api/token"


# The metadata service


@pytest.mark.parametrize(
    ("pattern", "fault", "code", "kind"),
    [
        (USER_DATA, metadata_faults.status(500), "platform.unexpected_answer", "transient"),
        (USER_DATA, metadata_faults.status(400), "platform.unexpected_answer", "transient"),
        (USER_DATA, metadata_faults.redirect("http://10.99.0.1/"), "platform.unexpected_answer", "transient"),
        (USER_DATA, metadata_faults.truncated(5), "http.truncated", "transient"),
        (USER_DATA, metadata_faults.reset(), "http.truncated", "transient"),
        (USER_DATA, metadata_faults.not_http(), "http.unreachable", "transient"),
        (USER_DATA, metadata_faults.oversized(), "http.too_large", "permanent"),
        (USER_DATA, metadata_faults.oversized(announced=False), "http.too_large", "permanent"),
        (IDENTITY, metadata_faults.garbage(), "platform.bad_document", "transient"),
        (IDENTITY, metadata_faults.empty(), "platform.bad_document", "transient"),
        (TOKEN, metadata_faults.status(403), "platform.metadata_disabled", "permanent"),
        (TOKEN, metadata_faults.status(404), "platform.token_missing", "permanent"),
        (TOKEN, metadata_faults.status(500), "platform.unexpected_answer", "transient"),
        (TOKEN, metadata_faults.oversized(), "http.too_large", "permanent"),
    ],
)
def test_a_metadata_service_that_fails(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo, pattern: str, fault: Fault, code: str, kind: str
) -> None:
    metadata.service = Ec2(role_config(repo))
    metadata.fault(pattern, fault)
    fails(impatient, "platform", code, kind)
    assert metadata.count(pattern) == (3 if kind == "transient" else 1)
    metadata.clear_faults()
    converges(impatient)


def test_without_an_identity_document_the_instance_is_read_from_its_files(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    metadata.service = Ec2(role_config(repo))
    metadata.fault(IDENTITY, metadata_faults.status(404))
    metadata.fault("/latest/meta-data/instance-id", metadata_faults.status(404))
    fails(impatient, "platform", "platform.bad_document", "transient")
    metadata.clear_faults()
    metadata.fault(IDENTITY, metadata_faults.status(404))
    converges(impatient)
    assert impatient.status()["run"]["instance"]["id"] == INSTANCE_ID


def test_a_silent_metadata_service_is_left_at_the_deadline(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    instance.configure(IMPATIENT)
    metadata.service = Ec2(role_config(repo))
    metadata.fault(USER_DATA, metadata_faults.silence(), times=1)
    converges(instance)
    assert metadata.count(USER_DATA) == 2


def test_an_expired_token_is_renewed_once(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    metadata.service = Ec2(role_config(repo))
    metadata.fault(USER_DATA, metadata_faults.status(401))
    fails(impatient, "platform", "platform.token_refused", "transient")
    metadata.clear_faults()
    before = len(metadata.requests)
    metadata.fault(USER_DATA, metadata_faults.status(401), times=1)
    converges(impatient)
    asked = [str(request) for request in metadata.requests[before:]]
    first = asked.index(f"GET {USER_DATA}")
    assert asked[first : first + 3] == [f"GET {USER_DATA}", TOKEN, f"GET {USER_DATA}"]


def test_errors_that_pass_are_waited_through(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    metadata.service = Ec2(role_config(repo))
    metadata.fault(USER_DATA, metadata_faults.status(503, retry_after=1), times=1)
    metadata.fault(IDENTITY, metadata_faults.status(500), times=1)
    converges(impatient)


def test_version_1_only_where_the_image_allows_it(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    metadata.service = Ec2(role_config(repo), v1=True, v2=False)
    fails(instance, "platform", "platform.token_missing", "permanent", "ec2.allow_imdsv1")
    instance.configure({"ec2": {"allow_imdsv1": True}})
    converges(instance)


# User-data


@pytest.mark.parametrize(
    ("user_data", "code", "said"),
    [
        (None, "role.no_user_data", ["no user-data"]),
        (b"", "role.no_user_data", ["no user-data"]),
        (b"web", "role.invalid", ["user-data:1", "must be a JSON object or a YAML mapping, but it is string"]),
        (b"\x00\x01\xff" * 50, "role.user_data_not_ours", ["binary data of 150 bytes"]),
        (b"# web\nrole: caf\xe9\n", "role.user_data_damaged", ["not plain text in UTF-8: line 2"]),
        (b'{"role": "web",\n "repository": {"url": "http', "role.invalid", ["user-data:2", "not valid JSON"]),
        (b'{"role": 7}', "role.invalid", ["user-data:1: role:", "expected a string"]),
        (b'{\n"repository":\n {"revison": "x"}}', "role.invalid", ["user-data:3: repository.revison", 'did you mean "revision"']),
        (b"#!/bin/sh\necho hello\n", "role.user_data_not_ours", ["a script for cloud-init"]),
        (b"#cloud-config\n{}\n", "role.user_data_not_ours", ["cloud-config"]),
        (b'{"role": "web"}', "role.incomplete", ["repository.url"]),
    ],
)
def test_user_data_that_is_no_role_config(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo, user_data: bytes | None, code: str, said: list[str]
) -> None:
    metadata.service = Ec2(user_data)
    fails(impatient, "role", code, "permanent", *said)
    metadata.service = Ec2(role_config(repo))
    converges(impatient)


def test_ten_megabytes_of_user_data(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    metadata.service = Ec2(b'{"role": "' + b"x" * 10_000_000 + b'"}')
    fails(impatient, "platform", "http.too_large", "permanent", "1048576 bytes")
    metadata.service = Ec2(role_config(repo))
    converges(impatient)


def test_a_mistake_in_the_image_s_configuration(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    metadata.service = Ec2(role_config(repo))
    instance.write("/etc/bootwright/agent.json", '{\n  "puppet": {\n    "timeuot": "1h"\n  }\n}\n')
    fails(instance, "platform", "config.invalid", "permanent", "/etc/bootwright/agent.json:3: puppet.timeuot", "timeout")
    instance.configure({})
    converges(instance)


# The command line


@pytest.mark.parametrize(
    "arguments", [(), ("snapshot",), ("runn",), ("run", "status"), ("run", "now"), ("status", "--wait", "--timeout", "soon")], ids=" ".join
)
def test_a_wrong_command_line_is_refused_and_nothing_runs(instance: Instance, arguments: tuple[str, ...]) -> None:
    done = instance.bootwright(*arguments)
    assert done.returncode == 2 and done.stderr and not done.stdout, done.stdout + done.stderr
    assert not instance.exists("/run/bootwright/status.json")


# Puppet


def test_a_compile_error(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    good = repo.head
    repo.commit_compile_error()
    metadata.service = Ec2(role_config(repo))
    run = fails(impatient, "puppet", "puppet.compile_failed", "permanent", "no::such::class", "manifests/site.pp", "line: 2")
    assert run["outcome"] == "compile_failed" and run["resources"] is None
    metadata.service = Ec2(role_config(repo, revision=good))
    converges(impatient)


def test_an_unknown_role(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    metadata.service = Ec2(role_config(repo, role="wbe"))
    fails(impatient, "puppet", "puppet.compile_failed", "permanent", "Unknown role 'wbe'")


def test_an_empty_catalog_is_no_success(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    repo.commit({"manifests/site.pp": "node default { lookup('classes', Array, 'unique', []).include }\n"})
    metadata.service = Ec2(role_config(repo))
    run = fails(impatient, "puppet", "puppet.nothing_applied", "permanent")
    assert run["outcome"] == "nothing_applied"


def test_a_failed_resource_is_named_with_its_line(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    repo.commit_class("broken", "exec { '/bin/false': }\n  -> file { '/etc/after': ensure => file }")
    metadata.service = Ec2(role_config(repo, classes=["role::broken"]))
    run = fails(impatient, "puppet", "puppet.resources_failed", "transient", "Exec[/bin/false]")
    assert run["outcome"] == "changed_with_failures"
    assert run["resources"]["failed"] == 1 and run["resources"]["skipped"] == 1
    (failed,) = run["failed_resources"]
    assert (failed["resource"], failed["file"], failed["line"]) == ("Exec[/bin/false]", "site-modules/role/manifests/broken.pp", 2)
    assert not impatient.exists("/etc/after")
    metadata.service = Ec2(role_config(repo))
    converges(impatient)


def test_a_hanging_exec_ends_with_all_that_it_started(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    script = "#!/bin/sh\ntrap '' TERM\nsleep 1234 &\nwhile :; do sleep 1234; done\n"
    repo.commit_class("hang", f"file {{ '/usr/local/bin/hang': mode => '0755', content => @(END) }} -> exec {{ '/usr/local/bin/hang': timeout => 0 }}\n{script}| END")
    metadata.service = Ec2(role_config(repo, classes=["role::hang"], puppet={"timeout": "5s"}))
    run = fails(impatient, "puppet", "puppet.timeout", "transient")
    assert run["outcome"] == "timed_out"
    wait_for(lambda: not impatient.processes("sleep 1234"), "the end of the exec's children")
    assert not impatient.processes("puppet")
    metadata.service = Ec2(role_config(repo))
    converges(impatient)


def test_what_the_image_says_does_not_leak_into_the_run(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    impatient.write("/etc/puppet/puppet.conf", "[main]\nnoop = true\nmanifest = /nonexistent\n")
    impatient.write("/etc/puppet/code/modules/leak/manifests/init.pp", "class leak { }\n")
    impatient.write("/usr/share/puppet/modules/leak/manifests/init.pp", "class leak { }\n")
    metadata.service = Ec2(role_config(repo, classes=["leak"]))
    fails(impatient, "puppet", "puppet.compile_failed", "permanent", "leak")
    metadata.service = Ec2(role_config(repo))
    converges(impatient)
    assert impatient.status()["run"]["outcome"] == "changed"


def test_a_failing_config_version_does_not_fail_the_run(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    settings = "modulepath = site-modules:modules\nmanifest = manifests\nconfig_version = /srv/of/the/author.sh\n"
    repo.commit({"environment.conf": settings})
    metadata.service = Ec2(role_config(repo))
    converges(impatient)


def test_a_missing_puppet(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    metadata.service = Ec2(role_config(repo))
    impatient.run(["mv", "/usr/bin/puppet", "/usr/bin/puppet.gone"], check=True)
    fails(impatient, "puppet", "puppet.not_installed", "permanent", "puppet-agent")
    impatient.run(["mv", "/usr/bin/puppet.gone", "/usr/bin/puppet"], check=True)
    converges(impatient)


# The disk


@pytest.mark.parametrize("size", ["size=64k", "size=600k", "nr_inodes=30"])
def test_a_full_disk(new_instance: Any, metadata: MetadataServer, repo: ControlRepo, size: str) -> None:
    """Each size is full at another place: the fetch, Puppet's own state, and by inodes."""
    instance: Instance = new_instance(tmpfs={"/var/lib/bootwright": size})
    instance.configure(IMPATIENT)
    repo.commit_ballast(1) if size == "size=600k" else None
    metadata.service = Ec2(role_config(repo))
    done = instance.bootwright("run")
    assert done.returncode == 1
    error = instance.status()["run"]["error"]
    assert error["code"] in ("io.no_space", "puppet.no_summary", "puppet.run_failed"), error
    assert "df" in error["advice"], error
    instance.run(["mount", "-o", "remount,size=100m,nr_inodes=10000", "/var/lib/bootwright"], check=True)
    converges(instance)


def test_a_full_run_does_not_stop_the_configuration(new_instance: Any, metadata: MetadataServer, repo: ControlRepo) -> None:
    """The status cannot be written; the log says so, and the machine is configured all the same."""
    instance: Instance = new_instance(tmpfs={"/run/bootwright": "size=4k,nr_inodes=4"})
    instance.run(["sh", "-c", "cat /dev/zero > /run/bootwright/filler"])
    metadata.service = Ec2(role_config(repo))
    done = instance.bootwright("run")
    assert "status.json is not written" in done.stderr and "No space left" in done.stderr
    assert "Instance" in instance.read("/etc/motd") or instance.exists("/etc/sysctl.d/60-control-repo.conf")
