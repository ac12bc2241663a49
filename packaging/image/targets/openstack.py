"""An image in one region of an OpenStack cloud, by OpenStack's program `openstack`.

https://docs.openstack.org/python-openstackclient/latest/cli/command-objects/image-v2.html
https://docs.openstack.org/glance/latest/user/signature.html: os_hash_algo and os_hash_value, which the service makes of what it got
"""

from __future__ import annotations

import hashlib
from typing import Any

from contents import digest_of
from publishing.problem import Problem
from publishing.progress import Region
from publishing.release import File, Release
from publishing.target import Found, Target, flat_name

_ARCHITECTURES = {"amd64": "x86_64", "i386": "i686", "arm64": "aarch64"}
_HOURS = 3600.0


class OpenStack(Target):
    kind = "openstack"
    keys = {"cloud": "of clouds.yaml, instead of the environment", "region": "as the cloud calls it"}
    required = frozenset({"region"})
    formats = ("qcow2", "raw", "vmdk", "vhd")

    def find(self, release: Release, artifact: File) -> Found | None:
        for image in self._images("--name", flat_name(release)):
            # What a killed upload has left never becomes active, and is no image.
            if image["Status"] not in ("queued", "saving"):
                failed = "" if image["Status"] == "active" else f"its status is {image['Status']}"
                return Found(flat_name(release), image["ID"], self._properties(image["ID"]).get("bootwright_sha256", ""), failed)
        return None

    def copy(self, release: Release, artifact: File, region: Region) -> None:
        """From the start: the service cannot go on with an upload that was cut off. What that has left goes first."""
        for image in self._images("--name", flat_name(release), "--property", f"bootwright_sha256={artifact.sha256}"):
            if image["Status"] in ("queued", "saving"):
                self._openstack("image", "delete", image["ID"], answers=False)
        region.step(f"uploading {artifact.path.name}")
        format_ = {"vhd": "vpc"}.get(artifact.format, artifact.format)
        self._openstack(
            "image", "create", flat_name(release), "--disk-format", format_, "--container-format", "bare", "--file", str(artifact.path), "--private",
            "--property", f"architecture={_ARCHITECTURES[release.architecture]}",
            "--property", f"bootwright_family={flat_name(release, '*')[:-2]}", "--property", f"bootwright_sha256={artifact.sha256}",
            seconds=6 * _HOURS,
        )  # fmt: skip

    def prove(self, release: Release, artifact: File, found: Found, region: Region) -> str:
        region.step(f"comparing {artifact.path.name}", artifact.size)
        properties = self._properties(found.image_id)
        algorithm, value = properties.get("os_hash_algo", ""), properties.get("os_hash_value", "")
        if algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
            raise Problem(f"the service says no digest of {found.image_id}", "Ask who runs it for Glance of 2018 (Rocky) or later")
        if digest_of(artifact.path, algorithm, region.at) != value:
            raise Problem(f"{found.image_id} has the {algorithm} {value[:16]}…, and {artifact.path.name} has another", "Delete the image, and publish again")
        return f"the service's own {algorithm} of what it keeps"

    def versions(self, release: Release) -> list[str]:
        start = flat_name(release, "*")[:-1]
        return [image["Name"][len(start) :] for image in self._family(release) if image["Name"].startswith(start)]

    def delete(self, release: Release, version: str) -> None:
        for image in self._family(release):
            if image["Name"] == flat_name(release, version):
                self._openstack("image", "delete", image["ID"], answers=False)

    def _family(self, release: Release) -> Any:
        return self._images("--property", f"bootwright_family={flat_name(release, '*')[:-2]}")

    def _images(self, *filters: str) -> Any:
        return self._openstack("image", "list", "--long", *filters, pretend=[]) or []

    def _properties(self, image: str) -> dict[str, Any]:
        """What the service itself says among them, too."""
        said = self._openstack("image", "show", image, pretend={})
        return {**said, **(said.get("properties") or {})}

    def _openstack(self, *arguments: str, pretend: Any = None, seconds: float = 300, answers: bool = True) -> Any:
        cloud = ("--os-cloud", self.settings["cloud"]) if "cloud" in self.settings else ()
        output = ("--format", "json") if answers else ()
        start = ("openstack", *cloud, "--os-region-name", self.region)
        return self.tool(*start).ask([*arguments, *output], pretend=pretend, seconds=seconds)
