"""What the instance's metadata does to a machine: facts, user-data in all its forms, changes while the daemon watches, a dead
service, a copied disk; and the commands that explain it."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import metadata_faults
import pytest
from control_repo import ControlRepo
from instance import Instance
from interruption import quick_puppet
from metadata_server import MetadataServer
from metadata_services import Ec2, Tree
from roles import IMPATIENT, merged, role_config

USER_DATA = "/latest/user-data"
TOKEN = "/latest/api/token"


def run_well(instance: Instance) -> dict[str, Any]:
    done = instance.bootwright("run")
    assert done.returncode == 0, done.stdout + done.stderr
    run: dict[str, Any] = instance.status()["run"]
    return run


def test_a_manifest_reads_the_cloud_as_one_fact(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    repo.commit_class(
        "where", "file { '/etc/where': content => \"${facts['cloud']['region']} ${facts['cloud']['tags']['team']}\" }"
    )
    metadata.service = Ec2(role_config(repo, classes=["role::where"]), tags={"team": "search"})
    run_well(instance)
    assert instance.read("/etc/where") == "eu-west-1 search"
    shown = instance.status()["run"]["instance"]
    assert shown["tags"] == {"team": "search"} and shown["addresses"] == ["10.99.0.10"]


def as_yaml(repo: ControlRepo) -> str:
    return f"role: base\nrepository:\n  url: {repo.url()}\n  revision: \"{repo.head}\"\n"


def as_mime(repo: ControlRepo) -> str:
    return (
        'Content-Type: multipart/mixed; boundary="MIMEBOUNDARY"\r\nMIME-Version: 1.0\r\n\r\n'
        "--MIMEBOUNDARY\r\nContent-Type: text/x-shellscript\r\n\r\n#!/bin/sh\r\n\r\n"
        "--MIMEBOUNDARY\r\nContent-Transfer-Encoding: base64\r\nContent-Type: text/x-bootwright\r\n\r\n"
        + base64.b64encode(as_yaml(repo).encode()).decode()
        + "\r\n--MIMEBOUNDARY--\r\n"
    )


def as_cloud_config(repo: ControlRepo) -> str:
    indented = "".join(f"  {line}\n" for line in as_yaml(repo).splitlines())
    return "#cloud-config\npackages: [nginx]\nbootwright:\n" + indented


def as_mime_of_terraform(repo: ControlRepo) -> str:
    """A part of type text/cloud-config whose content is yamlencode(…), which writes no first line; and a damaged one."""
    cloud_config = as_cloud_config(repo).removeprefix("#cloud-config\n")
    return (
        'Content-Type: multipart/mixed; boundary="MIMEBOUNDARY"\r\nMIME-Version: 1.0\r\n\r\n'
        "--MIMEBOUNDARY\r\nContent-Type: text/x-shellscript\r\nContent-Transfer-Encoding: base64\r\n\r\n%%%\r\n"
        f"--MIMEBOUNDARY\r\nContent-Type: text/cloud-config\r\nMIME-Version: 1.0\r\n\r\n{cloud_config}\r\n--MIMEBOUNDARY--\r\n"
    )


FORMS = [as_yaml, as_mime, as_mime_of_terraform, as_cloud_config]


@pytest.mark.parametrize("form", FORMS, ids=["yaml", "mime", "mime-of-terraform", "cloud-config"])
@pytest.mark.parametrize("encoded", [False, True], ids=["plain", "gzip-base64"])
def test_user_data_in_the_forms_that_people_pass(
    form: Callable[[ControlRepo], str], encoded: bool, instance: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    text = form(repo).encode()
    metadata.service = Ec2(base64.b64encode(gzip.compress(text)) if encoded else text)
    explained = json.loads(instance.bootwright("explain", "--json").stdout)
    assert explained["error"] is None
    values = {value["path"]: value["value"] for value in explained["role_config"]}
    assert values["role"] == "base" and values["repository.revision"] == repo.head


def test_tags_alone_configure_an_instance(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    tags = {"bootwright:role": "base", "bootwright:repository": repo.url(), "bootwright:revision": repo.head}
    metadata.service = Ec2(b"#!/bin/sh\necho for cloud-init\n", tags=tags)
    assert run_well(instance)["role"] == "base"


def test_a_changed_role_config_is_noticed_and_applied(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    instance.configure(merged(IMPATIENT, {"metadata": {"watch": "1s"}}))
    metadata.service = Ec2(role_config(repo))
    daemon = instance.start_bootwright("daemon")
    instance.wait_for_status(lambda status: status["configured"] and status["daemon"]["watching"], "a watching daemon")
    repo.commit_class("new", "file { '/etc/new': content => 'new' }")
    metadata.service = Ec2(role_config(repo, classes=["role::new"]))
    instance.wait_for_status(lambda status: status["configured"]["run"] == 2, "the second run", timeout=60)
    assert instance.read("/etc/new") == "new"
    assert "the instance's metadata has changed" in daemon.output
    assert daemon.stop() == 0


def test_a_bad_new_role_config_leaves_the_machine_on_the_old_one_until_it_is_mended(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    instance.configure(merged(IMPATIENT, {"metadata": {"watch": "1s"}}))
    repo.commit_class("old", "file { '/etc/old': content => 'old' }")
    metadata.service = Ec2(role_config(repo, classes=["role::old"]))
    daemon = instance.start_bootwright("daemon")
    instance.wait_for_status(lambda status: status["configured"] and status["daemon"]["watching"], "a watching daemon")
    instance.remove("/etc/old")
    metadata.service = Ec2(b'{\n"role": "base",\n"rol": 1}')
    status = instance.wait_for_status(
        lambda status: status["run"]["number"] == 2 and status["run"]["state"] == "finished", "the refusal", timeout=60
    )
    assert status["run"]["error"]["code"] == "role.invalid" and status["run"]["error"]["stage"] == "role"
    assert status["run"]["kept"]["because"]["message"].startswith("user-data:3: rol: unknown key")
    assert status["configured"]["run"] == 1
    assert instance.read("/etc/old") == "old"  # the old one is kept up
    shown = instance.bootwright("status")
    assert shown.returncode == 1
    assert "goes by   the role config accepted at " in shown.stdout and "user-data:3: rol: unknown key" in shown.stdout
    metadata.service = Ec2(role_config(repo))
    instance.wait_for_status(lambda status: status["configured"]["run"] == 3, "the mended one", timeout=60)
    assert daemon.stop() == 0


def test_a_rebooted_machine_with_a_dead_service_goes_by_what_it_was(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    instance.configure(merged(IMPATIENT, {"metadata": {"timeout": "500ms"}}))
    metadata.service = Ec2(role_config(repo))
    run_well(instance)
    instance.reboot()
    metadata.fault("*", metadata_faults.status(500))
    run = run_well(instance)
    assert run["kept"]["because"]["code"] == "platform.unexpected_answer" and run["role"] == "base"
    shown = instance.bootwright("status").stdout
    assert shown.startswith("configured: role base") and "goes by   the role config accepted at " in shown


def test_a_disk_that_was_copied_to_another_machine_starts_anew(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    instance.configure(IMPATIENT)
    metadata.service = Ec2(role_config(repo, data={"profile::base::secret": "hunter2"}))
    run_well(instance)
    for file in ("product_uuid", "product_serial", "board_asset_tag"):
        instance.sys_files[f"class/dmi/id/{file}"] = "ec2ffffff-0000-4000-8000-000000000002\n"
    instance.reboot()
    # While the service is dead, nothing of the other instance is run.
    metadata.fault("*", metadata_faults.status(500))
    assert instance.bootwright("run").returncode == 1
    assert instance.status()["run"]["outcome"] == "not_reached" and instance.status()["run"]["kept"] is None
    metadata.clear_faults()
    metadata.service = Ec2(role_config(repo), instance_id="i-0fedcba9876543210")
    run = run_well(instance)
    assert any("i-0123456789abcdef0" in warning for warning in run["warnings"])
    assert not instance.exists("/var/lib/bootwright/runs/000001")
    kept = json.loads(instance.read("/var/lib/bootwright/instance.json"))
    assert kept["instance"]["id"] == "i-0fedcba9876543210"
    assert "hunter2" not in json.dumps(kept)


def test_a_capture_of_a_live_machine_is_explained_elsewhere(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    metadata.service = Ec2(role_config(repo, data={"profile::base::secret": "hunter2"}), tags={"team": "search"})
    live = json.loads(instance.bootwright("explain", "--json").stdout)
    done = instance.bootwright("capture", "/root/captured")
    assert done.returncode == 0, done.stderr
    metadata.service = Tree([])  # what follows asks nobody
    there = json.loads(instance.bootwright("explain", "--json", "--root", "/root/captured").stdout)
    assert there["instance"] == live["instance"] and there["rules"] == live["rules"]
    assert there["role_config"] == live["role_config"]
    found = instance.run(["grep", "-r", "hunter2", "/root/captured"])
    assert found.returncode == 1 and found.stdout == ""
    assert instance.bootwright("capture", "/root/captured").returncode == 1


def test_no_credentials_of_a_seed_s_url_are_told(
    new_instance: Callable[..., Instance], metadata: MetadataServer
) -> None:
    seed = "ds=NoCloud;s=http://bob:hunter2@10.99.0.1:9/"  # misspelt, so that it stands in an error as what was seen
    instance = new_instance(sys_files={"class/dmi/id/product_serial": seed + "\n"}, cmdline=f"ro {seed} quiet")
    instance.configure(merged(IMPATIENT, {"retry": {"platform": {"attempts": 1}}}))
    metadata.service = Tree([])
    done = instance.bootwright("run")
    status = instance.status()
    assert status["run"]["error"]["code"] == "platform.not_recognised"
    explained = instance.bootwright("explain")
    for text in (done.stdout, done.stderr, json.dumps(status), explained.stdout):
        assert "hunter2" not in text
    assert "s=http://10.99.0.1:9/" in explained.stdout


def test_a_new_pin_that_is_nowhere_leaves_the_machine_on_the_old_one(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    instance.configure(merged(IMPATIENT, quick_puppet(instance, "unchanged")))
    metadata.service = Ec2(role_config(repo))
    assert instance.bootwright("run").returncode == 0
    metadata.service = Ec2(role_config(repo, revision=40 * "a"))
    for _ in range(2):  # the second time, it still is not what was accepted last
        assert instance.bootwright("run").returncode == 1
        run = instance.status()["run"]
        assert run["kept"]["because"]["code"] == "git.revision_not_found"
        assert run["error"]["code"] == "git.revision_not_found" and run["error"]["stage"] == "repository"
        assert run["revision"]["resolved"] == repo.head and run["outcome"] == "unchanged"
    assert "goes by" in instance.bootwright("status").stdout
    metadata.service = Ec2(role_config(repo))
    assert instance.bootwright("run").returncode == 0
    assert instance.status()["run"]["kept"] is None


def test_a_document_that_is_nested_too_deeply_is_refused(
    new_instance: Callable[..., Instance], metadata: MetadataServer
) -> None:
    instance = new_instance(sys_files={"class/dmi/id/product_name": "OpenStack Nova\n"})
    instance.configure(merged(IMPATIENT, {"retry": {"platform": {"attempts": 1}}}))
    deep = '{"uuid": "u", "meta": {"x": ' + 400000 * "[" + 400000 * "]" + "}}"
    metadata.service = Tree([{"path": "/openstack/latest/meta_data.json", "body": deep}])
    done = instance.bootwright("metadata")
    assert done.returncode == 1 and "platform.bad_document" in done.stderr
    assert instance.bootwright("capture", "/root/captured").returncode == 0


def test_one_value_for_scripts(instance: Instance, metadata: MetadataServer) -> None:
    assert instance.bootwright("metadata", "region").stdout == "eu-west-1\n"
    wrong = instance.bootwright("metadata", "regoin")
    assert wrong.returncode == 1 and 'did you mean "region"?' in wrong.stderr


class WaitingGce(Tree):
    """GCE's service, whose wait_for_change answers when something has changed, or soon."""

    def __init__(self, document: dict[str, Any], etag: str) -> None:
        headers = {"Metadata-Flavor": "Google", "ETag": etag, "Content-Type": "application/json"}
        super().__init__(
            [
                {"path": "/computeMetadata/v1/instance/?recursive=true", "headers": headers, "body": document},
                {"path": "/computeMetadata/v1/instance/attributes/", "headers": headers, "body": document["attributes"]},
                {"path": "/computeMetadata/v1/project/project-id", "headers": headers, "body": "project"},
            ]
        )


def test_google_s_service_says_itself_when_something_has_changed(
    new_instance: Callable[..., Instance], metadata: MetadataServer, repo: ControlRepo
) -> None:
    instance = new_instance(sys_files={"class/dmi/id/product_name": "Google Compute Engine\n"})
    instance.configure(merged(IMPATIENT, {"metadata": {"watch": "10m"}}))

    def service(user_data: bytes, etag: str) -> WaitingGce:
        return WaitingGce({"id": 7, "attributes": {"user-data": user_data.decode()}}, etag)

    metadata.service = service(role_config(repo), "e1")
    daemon = instance.start_bootwright("daemon")
    instance.wait_for_status(lambda status: status["configured"] and status["daemon"]["watching"], "a watching daemon")
    repo.commit_class("new", "file { '/etc/new': content => 'new' }")
    metadata.service = service(role_config(repo, classes=["role::new"]), "e2")
    instance.wait_for_status(lambda status: status["configured"]["run"] == 2, "the second run", timeout=60)
    waits = [request.query for request in metadata.requests if "wait_for_change=true" in request.query]
    assert waits and waits[0].endswith("last_etag=0")
    assert daemon.stop() == 0
