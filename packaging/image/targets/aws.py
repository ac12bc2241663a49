"""An image (AMI) in one region of Amazon EC2, by Amazon's program `aws`.

https://docs.aws.amazon.com/vm-import/latest/userguide/vmimport-import-snapshot.html
https://docs.aws.amazon.com/cli/latest/reference/ec2/register-image.html, copy-image.html, describe-import-snapshot-tasks.html
"""

from __future__ import annotations

import json
from typing import Any

from publishing.problem import Problem, shown
from publishing.progress import Region
from publishing.release import File, Release
from publishing.target import Found, Target, flat_name, note, noted_digest

from targets.s3 import S3

_ARCHITECTURES = {"amd64": "x86_64", "i386": "i386", "arm64": "arm64"}
_FORMATS = {"raw": "RAW", "vmdk": "VMDK", "vhd": "VHD"}
_HOURS = 3600.0


class Aws(Target):
    kind = "aws"
    keys = {
        "region": "as Amazon calls it: eu-central-1",
        "bucket": "for what is imported, in the same region; the role vmimport may read it",
        "prefix": "a folder in the bucket",
        "profile": "of ~/.aws/credentials and ~/.aws/config, instead of the environment",
        "copy_of": "another target, whose image is copied to this region by Amazon, instead of `bucket`",
        "boot_mode": "legacy-bios, uefi or uefi-preferred; without it Amazon's choice for the architecture",
    }
    required = frozenset({"region"})
    formats = ("raw", "vmdk", "vhd")

    def find(self, release: Release, artifact: File) -> Found | None:
        image = self._image(release)
        if not image:
            return None
        failed = "" if image["State"] in ("available", "pending") else f"its state is {image['State']}"
        return Found(flat_name(release), image["ImageId"], noted_digest(image.get("Description", "")), failed)

    def copy(self, release: Release, artifact: File, region: Region) -> None:
        if source := self.settings.get("source"):
            self._copy_image(release, artifact, source["region"], region)
        elif "bucket" in self.settings:
            self._import(release, artifact, region)
        else:
            raise Problem(f"target {self.name} has neither `bucket` nor `copy_of`", "Say where its image comes from")

    def prove(self, release: Release, artifact: File, found: Found, region: Region) -> str:
        """Amazon gives no digest of an image. What it was given was read back by copy(); the rest is its word."""
        region.step("waiting until the image is available")

        def available() -> bool:
            state = (self._image(release) or {}).get("State")
            if state not in ("pending", "available"):
                raise Problem(
                    f"{found.image_id} in {self.region} became {state}",
                    f"Look at it, then `aws --region {self.region} ec2 deregister-image --image-id {found.image_id}`, and publish again",
                )
            return state == "available"

        self.wait_until(available, f"{found.image_id} in {self.region}", seconds=3 * _HOURS)
        if "source" in self.settings:
            return "Amazon's copy of an image; its note names the sha256"
        return "sha256 of what Amazon imported, read back before; the image's note names it"

    def versions(self, release: Release) -> list[str]:
        start = flat_name(release, "*")[:-1]
        said = self._aws("ec2", "describe-images", "--owners", "self", "--filters", f"Name=name,Values={start}*", pretend={"Images": []})
        return [image["Name"][len(start) :] for image in said["Images"] if image["Name"].startswith(start)]

    def delete(self, release: Release, version: str) -> None:
        """The image, and its snapshots, without which it is not."""
        name = flat_name(release, version)
        said = self._aws("ec2", "describe-images", "--owners", "self", "--filters", f"Name=name,Values={name}", pretend={"Images": []})
        for image in said["Images"]:
            self._aws("ec2", "deregister-image", "--image-id", image["ImageId"])
            for disk in image.get("BlockDeviceMappings", []):
                if snapshot := disk.get("Ebs", {}).get("SnapshotId"):
                    self._aws("ec2", "delete-snapshot", "--snapshot-id", snapshot)

    def _import(self, release: Release, artifact: File, region: Region) -> None:
        settings = {key: self.settings[key] for key in ("bucket", "prefix", "region", "profile") if key in self.settings}
        store = S3(self.name, settings, self.dry)
        key = store.key(release, artifact)
        if not store.find(release, artifact):
            store.upload(key, artifact, region)
        if not self.dry:
            store.read_back(key, artifact, region)
        snapshot = self._snapshot(release, artifact, key, region)
        disk = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot, "DeleteOnTermination": True, "VolumeType": "gp3"}}
        boot_mode = ("--boot-mode", self.settings["boot_mode"]) if "boot_mode" in self.settings else ()
        region.step("registering the image")
        self._aws(
            "ec2", "register-image", "--name", flat_name(release), "--description", note(release, artifact),
            "--architecture", _ARCHITECTURES[release.architecture], "--virtualization-type", "hvm", "--ena-support", *boot_mode,
            "--root-device-name", disk["DeviceName"], "--block-device-mappings", json.dumps([disk]),
        )  # fmt: skip

    def _snapshot(self, release: Release, artifact: File, key: str, region: Region) -> str:
        """Of an import, which is not begun again while one of the same bytes is at work or done."""
        region.step("importing", 100)
        what = note(release, artifact)
        tasks = self._aws("ec2", "describe-import-snapshot-tasks", pretend={"ImportSnapshotTasks": []})["ImportSnapshotTasks"]
        same = [task for task in tasks if task.get("Description") == what and task["SnapshotTaskDetail"].get("Status") in ("active", "completed")]
        if same:
            task = same[-1]["ImportTaskId"]
        else:
            container = {"Description": what, "Format": _FORMATS[artifact.format], "UserBucket": {"S3Bucket": self.settings["bucket"], "S3Key": key}}
            task = self._aws(
                "ec2", "import-snapshot", "--description", what, "--disk-container", json.dumps(container), pretend={"ImportTaskId": "IMPORT-TASK"}
            )["ImportTaskId"]
        detail: dict[str, Any] = {}

        def completed() -> bool:
            nonlocal detail
            pretended = {"ImportSnapshotTasks": [{"SnapshotTaskDetail": {"Status": "completed", "SnapshotId": "SNAPSHOT"}}]}
            said = self._aws("ec2", "describe-import-snapshot-tasks", "--import-task-ids", task, pretend=pretended)
            detail = said["ImportSnapshotTasks"][0]["SnapshotTaskDetail"]
            if detail["Status"] not in ("active", "completed"):
                raise Problem(
                    f"Amazon's import {task} became {detail['Status']}: {shown(detail.get('StatusMessage', ''), 300)}",
                    "Mend what it says; publishing again begins another import",
                )
            if str(detail.get("Progress", "")).isdigit():
                region.at(int(detail["Progress"]))
            return bool(detail["Status"] == "completed")

        self.wait_until(completed, f"Amazon's import {task}", seconds=6 * _HOURS)
        return str(detail["SnapshotId"]) if detail else ""

    def _copy_image(self, release: Release, artifact: File, source: str, region: Region) -> None:
        image = self._image(release, source) or {"ImageId": "IMAGE", "State": "available"}
        if not self.dry and (image["ImageId"] == "IMAGE" or noted_digest(image.get("Description", "")) != artifact.sha256):
            raise Problem(f"{flat_name(release)} in {source} is not there, or is another image", "Publish to the region it is copied from first")
        region.step(f"copying {image['ImageId']} from {source}")
        self._aws(
            "ec2", "copy-image", "--source-region", source, "--source-image-id", image["ImageId"],
            "--name", flat_name(release), "--description", note(release, artifact),
        )  # fmt: skip

    def _image(self, release: Release, region: str = "") -> Any:
        filters = f"Name=name,Values={flat_name(release)}"
        said = self._aws("ec2", "describe-images", "--owners", "self", "--filters", filters, region=region, pretend={"Images": []})
        return said["Images"][0] if said["Images"] else None

    def _aws(self, *arguments: str, region: str = "", pretend: Any = None) -> Any:
        profile = ("--profile", self.settings["profile"]) if "profile" in self.settings else ()
        # In the environment what would be an option that version 1 does not know.
        aws = self.tool("aws", "--region", region or self.region, "--output", "json", *profile, env={"AWS_PAGER": ""})
        return aws.ask(arguments, pretend=pretend)
