"""packaging/image/publish and the clouds' own programs, of which these are fakes: vendor_tools.py."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from publishing import publish as publishing
from publishing.check import check
from publishing.copies import Record
from publishing.problem import Problem
from publishing.progress import Progress
from publishing.prune import prune
from publishing.release import read_release
from publishing.target import Target, kinds
from releases import copies, digest, make_release
from targets.s3 import S3
from vendor_tools import VendorTools

TARGETS = {
    "frankfurt": {"kind": "aws", "region": "eu-central-1", "bucket": "images-frankfurt"},
    "ireland": {"kind": "aws", "region": "eu-west-1", "copy_of": "frankfurt"},
    "google": {"kind": "gce", "project": "tests", "region": "eu", "bucket": "images"},
    "azure": {"kind": "azure", "resource_group": "images", "region": "westeurope", "storage_account": "images", "container": "vhds"},
    "openstack": {"kind": "openstack", "region": "RegionOne"},
}
NAME = "base-amd64-2026.4"


class Case:
    """A release, the vendors' programs, and how it went."""

    def __init__(self, folder: Path, tools: VendorTools, capsys: pytest.CaptureFixture[str]) -> None:
        self.manifest = make_release(folder / "release")
        self.release = read_release(self.manifest)
        self.tools, self._capsys = tools, capsys
        known = kinds()
        self.targets: dict[str, Target] = {name: known[entry["kind"]](name, entry, None) for name, entry in TARGETS.items()}
        self.targets["ireland"].settings = {**TARGETS["ireland"], "source": TARGETS["frankfurt"]}

    def sha256(self, format_: str) -> str:
        return digest(self.manifest, format_)

    def note(self, format_: str) -> str:
        return f"{NAME} sha256={self.sha256(format_)}"

    def publish(self, *names: str, patience: float = 60) -> tuple[list[str], str]:
        """Who failed, and what was said."""
        targets = [self.targets[name] for name in names]
        failed = publishing.publish(self.release, targets, Record(self.manifest, self.release), Progress(list(names)), patience)
        return failed, self._capsys.readouterr().out

    def check(self, name: str) -> str:
        record = Record(self.manifest, self.release)
        return check(self.release, [self.targets[name]], record, Progress([name]).region, False)[0][2]

    def ami(self, region: str, image: str, state: str, *, sha256: str = "", again: bool = False) -> None:
        note = f"{NAME} sha256={sha256 or self.sha256('raw')}"
        disks = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": f"snap-{image}"}}]
        images = [{"ImageId": image, "Name": NAME, "State": state, "Description": note, "BlockDeviceMappings": disks}]
        self.tools.reply(f"aws {region} describe-images", {"Images": images}, again=again)

    def task(self, status: str, **detail: str) -> dict[str, Any]:
        return {"ImportTaskId": "import-snap-1", "Description": self.note("raw"), "SnapshotTaskDetail": {"Status": status, **detail}}


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Case:
    tools = VendorTools(tmp_path / "programs")
    monkeypatch.setenv("PATH", str(tools.folder), prepend=os.pathsep)
    monkeypatch.setattr(Target, "poll_seconds", 0.0)
    monkeypatch.setattr(publishing, "_FIRST_PAUSE", 0.0)
    # A store is asked in test/integration/test_publish_stores.py; here it is there, and good.
    monkeypatch.setattr(S3, "find", lambda *_: None)
    monkeypatch.setattr(S3, "upload", lambda *_: None)
    monkeypatch.setattr(S3, "read_back", lambda *_: "")
    return Case(tmp_path, tools, capsys)


def test_amazon_imports_registers_and_copies(case: Case) -> None:
    tools = case.tools
    tools.reply("aws eu-central-1 describe-images", {"Images": []})
    tools.reply("aws describe-import-snapshot-tasks --import-task-ids", {"ImportSnapshotTasks": [case.task("active", Progress="42")]})
    completed = case.task("completed", SnapshotId="snap-1")
    tools.reply("aws describe-import-snapshot-tasks --import-task-ids", {"ImportSnapshotTasks": [completed]})
    tools.reply("aws describe-import-snapshot-tasks", {"ImportSnapshotTasks": []})
    tools.reply("aws import-snapshot", case.task("active"))
    tools.reply("aws register-image", {"ImageId": "ami-1"})
    case.ami("eu-central-1", "ami-1", "pending")
    case.ami("eu-central-1", "ami-1", "available", again=True)
    tools.reply("aws eu-west-1 describe-images", {"Images": []})
    tools.reply("aws eu-west-1 copy-image", {"ImageId": "ami-2"})
    case.ami("eu-west-1", "ami-2", "available", again=True)
    failed, said = case.publish("ireland", "frankfurt")
    assert (failed, tools.unused()) == ([], []), said
    register = tools.calls("register-image")[0]
    assert register[register.index("--architecture") + 1] == "x86_64"
    assert '"SnapshotId": "snap-1"' in register[register.index("--block-device-mappings") + 1]
    copy = tools.calls("copy-image")[0]
    assert copy[copy.index("--source-region") + 1 : copy.index("--name")] == ["eu-central-1", "--source-image-id", "ami-1"]
    record = copies(case.manifest)
    assert [(record[name]["region"], record[name]["image_id"]) for name in ("frankfurt", "ireland")] == [
        ("eu-central-1", "ami-1"), ("eu-west-1", "ami-2"),
    ]  # fmt: skip
    assert (case.check("frankfurt"), case.check("ireland")) == ("same", "same")


def test_an_import_at_amazon_is_waited_for_and_not_begun_again(case: Case) -> None:
    case.tools.reply("aws describe-images", {"Images": []})
    case.tools.reply(
        "aws describe-import-snapshot-tasks", {"ImportSnapshotTasks": [case.task("completed", SnapshotId="snap-1")]}, again=True
    )
    case.tools.reply("aws register-image", {"ImageId": "ami-1"})
    case.ami("eu-central-1", "ami-1", "available", again=True)
    assert case.publish("frankfurt")[0] == []
    assert not case.tools.calls("import-snapshot")


def test_an_import_that_amazon_gave_up_is_told(case: Case) -> None:
    case.tools.reply("aws describe-images", {"Images": []})
    gone = case.task("deleted", StatusMessage="ClientError: Disk validation failed")
    case.tools.reply("aws --import-task-ids", {"ImportSnapshotTasks": [gone]})
    case.tools.reply("aws describe-import-snapshot-tasks", {"ImportSnapshotTasks": [gone]})
    case.tools.reply("aws import-snapshot", case.task("active"))
    failed, said = case.publish("frankfurt")
    assert failed == ["frankfurt"]
    assert "became deleted: ClientError: Disk validation failed" in said


def test_a_busy_cloud_is_asked_again_and_a_full_patience_ends(case: Case) -> None:
    case.tools.fail("aws describe-images", "An error occurred (RequestLimitExceeded) when calling the DescribeImages operation")
    case.ami("eu-central-1", "ami-1", "available", again=True)
    failed, said = case.publish("frankfurt")
    assert (failed, "RequestLimitExceeded" in said, said.count("again in")) == ([], True, 1)
    failed, said = case.publish("openstack", patience=0)
    assert (failed, "no reply was recorded" in said) == (["openstack"], True)


def test_an_image_of_other_bytes_is_drift_and_never_replaced(case: Case) -> None:
    case.ami("eu-central-1", "ami-9", "available", sha256="9" * 64, again=True)
    failed, said = case.publish("frankfurt")
    assert (failed, "ami-9 is another image" in said) == (["frankfurt"], True)
    assert case.check("frankfurt").startswith("another image")
    assert {call[5] for call in case.tools.calls("aws", "ec2")} <= {"ec2"} and not case.tools.calls("deregister-image")


def test_an_image_that_somebody_replaced_is_drift(case: Case) -> None:
    case.ami("eu-central-1", "ami-1", "available")
    case.ami("eu-central-1", "ami-1", "available")
    assert case.publish("frankfurt")[0] == []
    case.tools.forget()
    case.ami("eu-central-1", "ami-7", "available")
    assert case.check("frankfurt") == "ami-7, and recorded is ami-1"
    case.tools.forget()
    case.ami("eu-central-1", "ami-1", "failed")
    assert case.check("frankfurt") == "of no use: its state is failed"


def test_pruning_at_amazon_takes_the_snapshots_along(case: Case) -> None:
    names = {"Images": [{"ImageId": f"ami-{version}", "Name": f"base-amd64-{version}"} for version in ("2026.1", "2026.4", "2026.3", "2027.1")]}
    case.tools.reply("aws Name=name,Values=base-amd64-*", names, again=True)
    targets = [case.targets["frankfurt"]]
    assert prune(case.release, targets, 2, False) == [("frankfurt", "2026.1"), ("frankfurt", "2026.3")]
    assert not case.tools.calls("deregister-image")
    for version in ("2026.1", "2026.3"):
        disks = [{"Ebs": {"SnapshotId": f"snap-{version}"}}]
        images = [{"ImageId": f"ami-{version}", "BlockDeviceMappings": disks}]
        case.tools.reply(f"aws Name=name,Values=base-amd64-{version}", {"Images": images})
        case.tools.reply(f"aws deregister-image ami-{version}")
        case.tools.reply(f"aws delete-snapshot snap-{version}")
    prune(case.release, targets, 2, True)
    assert case.tools.unused() == []


def google_image(case: Case) -> list[dict[str, str]]:
    link = "https://www.googleapis.com/compute/v1/projects/tests/global/images/base-amd64-2026-4-eu"
    return [{"name": "base-amd64-2026-4-eu", "selfLink": link, "status": "READY", "description": case.note("raw")}]


@pytest.fixture
def packed(case: Case, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """The MD5 that Google's store says of what it got, once it has got it."""
    from targets import gce

    seen: list[str] = []
    pack = gce._pack

    def remembered(artifact: Any, to: Path, region: Any) -> None:
        pack(artifact, to, region)
        seen.append(base64.b64encode(hashlib.md5(to.read_bytes()).digest()).decode())
        case.tools.reply("gcloud objects describe", {"name": to.name, "md5Hash": seen[0] if len(seen) > 1 else "d3Jvbmc="})

    monkeypatch.setattr(gce, "_pack", remembered)
    return lambda: seen[0]


def test_google_imports_what_its_store_has_whole(case: Case, packed: Callable[[], str]) -> None:
    case.tools.reply("gcloud storage cp", again=True)
    case.tools.reply("gcloud compute images list", [])
    case.tools.reply("gcloud compute images list", [])
    case.tools.reply("gcloud compute images create", google_image(case))
    case.tools.reply("gcloud compute images list", google_image(case), again=True)
    failed, said = case.publish("google")
    # The first time the store says another MD5: it is copied again, and the image is made of the second.
    assert (failed, "md5Hash d3Jvbmc=" in said, len(case.tools.calls("storage", "cp"))) == ([], True, 2), said
    create = case.tools.calls("images", "create")
    assert len(create) == 1 and packed()
    assert create[0][create[0].index("--storage-location") + 1] == "eu"
    assert copies(case.manifest)["google"]["image_id"] == "base-amd64-2026-4-eu"
    assert not list(case.manifest.parent.glob("bootwright-publish-*")), "what was packed is gone"


def test_googles_tar_has_the_disk_and_is_the_same_each_time(case: Case, tmp_path: Path) -> None:
    import tarfile

    from targets.gce import _pack

    raw = case.release.artifact("raw")
    region = Progress(["google"]).region("google")
    for name in ("one.tar.gz", "two.tar.gz"):
        _pack(raw, tmp_path / name, region)
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "one.tar.gz") as tar:
        assert tar.getnames() == ["disk.raw"]
        disk = tar.extractfile("disk.raw")
        assert disk and disk.read() == raw.path.read_bytes()


def test_azure_is_given_no_image_of_a_blob_that_is_not_whole(case: Case, tmp_path: Path) -> None:
    vhd = case.release.artifact("vhd").path
    (tmp_path / "cut").write_bytes(vhd.read_bytes()[:-1])
    identity = "/subscriptions/0/resourceGroups/images/providers/Microsoft.Compute/images/" + NAME
    image = {"name": NAME, "id": identity, "location": "westeurope", "provisioningState": "Succeeded", "tags": {"bootwright_sha256": case.sha256("vhd")}}
    case.tools.reply("az image list", [])
    case.tools.reply("az image list", [])
    case.tools.reply("az storage blob upload", {"etag": "1"}, again=True)
    case.tools.reply("az storage blob download", sends=str(tmp_path / "cut"))
    case.tools.reply("az storage blob download", sends=str(vhd))
    case.tools.reply("az image create", image)
    case.tools.reply("az image list", [image], again=True)
    failed, said = case.publish("azure")
    assert (failed, "of images has sha256" in said, len(case.tools.calls("blob", "upload")), case.tools.unused()) == ([], True, 2, []), said
    assert copies(case.manifest)["azure"]["image_id"] == identity
    assert case.check("azure") == "same"


@pytest.mark.parametrize("good", [True, False])
def test_openstack_is_asked_for_its_own_digest(case: Case, good: bool) -> None:
    value = hashlib.sha512(case.release.artifact("qcow2").path.read_bytes()).hexdigest() if good else "0" * 128
    listed = {"ID": "b1f4", "Name": NAME, "Status": "active"}
    shown = {"id": "b1f4", "properties": {"bootwright_sha256": case.sha256("qcow2"), "os_hash_algo": "sha512", "os_hash_value": value}}
    case.tools.reply("openstack list", [{**listed, "ID": "half", "Status": "queued"}])
    case.tools.reply("openstack list", [{**listed, "ID": "half", "Status": "queued"}])
    case.tools.reply("openstack delete half")
    case.tools.reply("openstack create", {"id": "b1f4", "status": "queued"})
    case.tools.reply("openstack list", [listed], again=True)
    case.tools.reply("openstack show b1f4", shown, again=True)
    failed, said = case.publish("openstack")
    assert (failed, case.tools.unused()) == ([] if good else ["openstack"], []), said
    assert ("and base-2026.4-amd64.qcow2 has another" in said) is not good


def test_what_a_program_says_is_told_without_control_characters_and_secrets(case: Case) -> None:
    case.tools.fail("openstack image list", "\x1b]0;x\x07denied for token=gAAAAAB-of-the-tests \u202etxt")
    failed, said = case.publish("openstack", patience=0)
    assert failed == ["openstack"]
    assert "denied for token=…" in said and "\x1b" not in said and "\u202e" not in said and "gAAAA" not in said


def test_a_program_that_is_not_there_is_named(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    failed, said = case.publish("azure")
    assert failed == ["azure"]
    assert "az cannot be started: No such file or directory. Install it" in said


def test_a_program_that_hangs_is_ended(case: Case) -> None:
    (case.tools.folder / "az").write_text("#!/bin/sh\nsleep 60\n")
    with pytest.raises(Problem, match=r"`az image list` did not end within 0 s"):
        case.targets["azure"].tool("az").run(["image", "list"], seconds=0.2)
