"""A managed image in one region of Azure, by Microsoft's program `az`.

https://learn.microsoft.com/azure/virtual-machines/linux/create-upload-generic: a VHD of fixed size, as a page blob.
https://learn.microsoft.com/cli/azure/storage/blob and https://learn.microsoft.com/cli/azure/image
"""

from __future__ import annotations

from typing import Any

from contents import Digest
from publishing.problem import Problem
from publishing.progress import Region
from publishing.release import File, Release
from publishing.target import Found, Target, flat_name
from publishing.tool import Tool

_HOURS = 3600.0


class Azure(Target):
    kind = "azure"
    keys = {
        "resource_group": "of the image",
        "region": "as Azure calls it: westeurope",
        "storage_account": "for what is imported, in the same region",
        "container": "in the storage account",
        "subscription": "instead of the one that `az` is logged in to",
        "hyper_v_generation": "V1 for a BIOS, which is the default, or V2 for UEFI",
    }
    required = frozenset({"resource_group", "region", "storage_account", "container"})
    formats = ("vhd",)

    def find(self, release: Release, artifact: File) -> Found | None:
        for image in self._images():
            if image["name"] == flat_name(release) and image["location"] == self.region:
                state = image.get("provisioningState", "Succeeded")
                failed = "" if state in ("Succeeded", "Creating") else f"its state is {state}"
                return Found(flat_name(release), image["id"], (image.get("tags") or {}).get("bootwright_sha256", ""), failed)
        return None

    def copy(self, release: Release, artifact: File, region: Region) -> None:
        if release.architecture == "arm64":
            raise Problem("a managed image of Azure has no architecture arm64", "Put it into a compute gallery by hand: docs/publishing.md")
        blob = f"{release.folder}/{artifact.path.name}"
        region.step(f"uploading {artifact.path.name}")
        self._az(
            "storage", "blob", "upload", *self._place(blob), "--file", str(artifact.path), "--type", "page",
            "--validate-content", "--overwrite", "true", "--no-progress", seconds=6 * _HOURS,
        )  # fmt: skip
        self._read_back(blob, artifact, region)
        region.step("creating the image")
        self._az(
            "image", "create", "--resource-group", self.settings["resource_group"], "--name", flat_name(release), "--location", self.region,
            "--os-type", "Linux", "--hyper-v-generation", self.settings.get("hyper_v_generation", "V1"),
            "--source", f"https://{self.settings['storage_account']}.blob.core.windows.net/{self.settings['container']}/{blob}",
            "--tags", f"bootwright_sha256={artifact.sha256}", seconds=1 * _HOURS,
        )  # fmt: skip

    def prove(self, release: Release, artifact: File, found: Found, region: Region) -> str:
        """Azure gives no digest of an image. What it was given was read back by copy(); the rest is its word."""
        return "sha256 of what Azure imported, read back before; the image's tag names it"

    def versions(self, release: Release) -> list[str]:
        start = flat_name(release, "*")[:-1]
        return [image["name"][len(start) :] for image in self._images() if image["name"].startswith(start) and image["location"] == self.region]

    def delete(self, release: Release, version: str) -> None:
        self._az("image", "delete", "--resource-group", self.settings["resource_group"], "--name", flat_name(release, version))

    def _read_back(self, blob: str, artifact: File, region: Region) -> None:
        region.step(f"reading {artifact.path.name} back", artifact.size)
        made = Digest(report=region.at)
        # Without --file it writes to standard output.
        self._tool.run(["storage", "blob", "download", *self._place(blob), "--no-progress", *self._options("none")], seconds=6 * _HOURS, heard=made.take)
        if not self.dry and made.hexdigest() != artifact.sha256:
            raise Problem(f"{blob} of {self.settings['storage_account']} has sha256 {made.hexdigest()}", "It is copied again", passing=True)

    def _place(self, blob: str) -> tuple[str, ...]:
        return ("--account-name", self.settings["storage_account"], "--container-name", self.settings["container"], "--name", blob, "--auth-mode", "login")

    def _images(self) -> Any:
        return self._az("image", "list", "--resource-group", self.settings["resource_group"], pretend=[]) or []

    def _az(self, *arguments: str, pretend: Any = None, seconds: float = 300) -> Any:
        return self._tool.ask([*arguments, *self._options("json")], pretend=pretend, seconds=seconds)

    def _options(self, output: str) -> tuple[str, ...]:
        subscription = ("--subscription", self.settings["subscription"]) if "subscription" in self.settings else ()
        return ("--only-show-errors", "--output", output, *subscription)

    @property
    def _tool(self) -> Tool:
        return self.tool("az")
