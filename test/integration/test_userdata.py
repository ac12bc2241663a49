"""`bootwright userdata`: what it prints configures a machine, and Debian's own cloud-init has nothing against it."""

from __future__ import annotations

import json

import pytest
from cloud_init import CloudInit
from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from roles import role_config

THEIRS = "#cloud-config\nwrite_files:\n- path: /etc/theirs\n  content: grüße\n"
OURS = "/run/bootwright/role-config"

#: Forms that the agent reads, and cloud-init complains of.
OLD_FORMS = {
    "key": "#cloud-config\nbootwright:\n  role: web\n",
    "part": (
        'Content-Type: multipart/mixed; boundary="x"\nMIME-Version: 1.0\n\n'
        "--x\nContent-Type: text/x-bootwright\n\nrole: web\n--x--\n"
    ),
    "bare": '{"role": "web"}\n',
}


def userdata(instance: Instance, document: bytes | str, *options: str) -> str:
    instance.write("/root/web.json", document)
    instance.write("/root/theirs", THEIRS)
    done = instance.bootwright("userdata", "/root/web.json", "--for", "ec2", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_recommended_form_configures_a_machine(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    repo.commit_class("made", "file { '/etc/made': content => 'made' }")
    text = userdata(instance, role_config(repo, classes=["role::made"]))
    assert text.startswith("#cloud-config\n")
    metadata.service = Ec2(text.encode())
    done = instance.bootwright("run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert instance.read("/etc/made") == "made"
    explained = json.loads(instance.bootwright("explain", "--json").stdout)
    (role,) = (value for value in explained["role_config"] if value["path"] == "role")
    assert role["value"] == "base" and role["origin"] == f"user-data, {OURS}"


@pytest.mark.parametrize(
    "options",
    [
        ["--as", "plain"],
        ["--as", "mime"],
        ["--with", "/root/theirs"],
        ["--with", "/root/theirs", "--encoding", "gzip+base64"],
        ["--encoding", "base64"],
    ],
    ids=" ".join,
)
def test_each_form_is_read_from_the_metadata_service(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo, options: list[str]
) -> None:
    metadata.service = Ec2(userdata(instance, role_config(repo), *options).encode())
    explained = json.loads(instance.bootwright("explain", "--json").stdout)
    assert explained["error"] is None
    values = {value["path"]: value["value"] for value in explained["role_config"]}
    assert values["role"] == "base" and values["repository.revision"] == repo.head


@pytest.mark.parametrize("options", [[], ["--as", "mime"], ["--with", "/root/theirs"]], ids=["cloud-config", "mime", "with"])
def test_cloud_init_takes_what_is_printed_without_complaint(instance: Instance, repo: ControlRepo, options: list[str]) -> None:
    document = role_config(repo)
    text = userdata(instance, document, *options)
    cloud_init = CloudInit(instance)
    status = cloud_init.boot(text)
    assert (status["extended_status"], status["errors"], status["recoverable_errors"]) == ("done", [], {})
    assert "WARNING" not in instance.read("/var/log/cloud-init.log")
    system = cloud_init("schema", "--system")
    assert system.returncode == 0 and "Valid schema user-data" in system.stdout, system.stderr
    assert json.loads(instance.read(OURS)) == json.loads(document)
    assert instance.path(OURS).stat().st_mode & 0o777 == 0o600
    if "--with" in options:  # of two lists of files none is lost
        assert instance.read("/etc/theirs") == "grüße"
    if not options:
        check = cloud_init.schema(text)
        assert check.returncode == 0 and check.stdout.startswith("Valid schema"), check.stderr


@pytest.mark.parametrize("form", OLD_FORMS)
def test_cloud_init_complains_of_the_other_forms(instance: Instance, form: str) -> None:
    cloud_init = CloudInit(instance)
    check = cloud_init.schema(OLD_FORMS[form])
    assert check.returncode == 1 and "Cloud config schema errors" in check.stderr
    status = cloud_init.boot(OLD_FORMS[form])
    assert status["extended_status"] == "degraded done" and status["recoverable_errors"]["WARNING"]
