"""An image of Google Compute Engine, by Google's program `gcloud`.

https://cloud.google.com/compute/docs/import/import-existing-image: disk.raw in a tar of the old GNU format, compressed by gzip.
https://cloud.google.com/sdk/gcloud/reference/compute/images/create, .../storage/cp, .../storage/objects/describe
"""

from __future__ import annotations

import base64
import re
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from contents import digest_of
from publishing.problem import Problem
from publishing.progress import Region
from publishing.release import File, Release
from publishing.target import Found, Target, flat_name, note, noted_digest

# A 32-bit kernel runs on machines of the same kind as the 64-bit one.
_ARCHITECTURES = {"amd64": "X86_64", "i386": "X86_64", "arm64": "ARM64"}
_HOURS = 3600.0


class Gce(Target):
    kind = "gce"
    keys = {
        "project": "the project's id",
        "region": "where the image is kept: a region, or eu, us, asia",
        "bucket": "for what is imported",
        "prefix": "a folder in the bucket",
    }
    required = frozenset({"project", "region", "bucket"})
    formats = ("raw",)

    def find(self, release: Release, artifact: File) -> Found | None:
        for image in self._images(f"name={self._name(release)}"):
            failed = "" if image["status"] in ("READY", "PENDING") else f"its status is {image['status']}"
            return Found(image["selfLink"], image["name"], noted_digest(image.get("description", "")), failed)
        return None

    def copy(self, release: Release, artifact: File, region: Region) -> None:
        folder = self.settings.get("prefix", "").strip("/")
        name = artifact.path.with_suffix(".tar.gz").name
        place = "/".join(part for part in ("gs:/", self.settings["bucket"], folder, release.folder, name) if part)
        with tempfile.TemporaryDirectory(prefix="bootwright-publish-", dir=artifact.path.parent) as scratch:
            packed = Path(scratch) / name
            region.step(f"packing {artifact.path.name}", artifact.size)
            if not self.dry:
                _pack(artifact, packed, region)
            region.step(f"uploading {name}")
            # In one piece: of an object that was composed of several the store knows no MD5.
            self._gcloud("storage", "cp", str(packed), place, one_piece=True, seconds=6 * _HOURS)
            said = self._gcloud("storage", "objects", "describe", place, "--raw", pretend={})
            if not self.dry and said.get("md5Hash") != base64.b64encode(bytes.fromhex(digest_of(packed, "md5"))).decode():
                raise Problem(f"{place} has md5Hash {said.get('md5Hash')}, and {name} has another", "It is copied again", passing=True)
        region.step("creating the image")
        self._gcloud(
            "compute", "images", "create", self._name(release), "--project", self.settings["project"], "--source-uri", place,
            "--architecture", _ARCHITECTURES[release.architecture], "--storage-location", self.region, "--description", note(release, artifact),
            seconds=2 * _HOURS,
        )  # fmt: skip

    def prove(self, release: Release, artifact: File, found: Found, region: Region) -> str:
        """Google gives no digest of an image. What it was given was compared by copy(); the rest is its word."""
        region.step("waiting until the image is ready")
        name = self._name(release)
        self.wait_until(lambda: [image["status"] for image in self._images(f"name={name}")] == ["READY"], name, seconds=2 * _HOURS)
        return "the store's MD5 of what Google imported; the image's note names the sha256"

    def versions(self, release: Release) -> list[str]:
        """By the notes: a name has no dots and capitals any more."""
        pattern = re.compile(re.escape(flat_name(release, "*"))[:-2] + r"(\S+) sha256=")
        notes = (image.get("description", "") for image in self._images(f"name:{self._cloud_name(flat_name(release, '*')[:-1])}*"))
        return [match[1] for match in map(pattern.match, notes) if match]

    def delete(self, release: Release, version: str) -> None:
        self._gcloud("compute", "images", "delete", self._name(release, version), "--project", self.settings["project"])

    def _name(self, release: Release, version: str = "") -> str:
        """An image belongs to the whole project, so its name says where it is kept."""
        name = self._cloud_name(f"{flat_name(release, version)}-{self.region}")
        if len(name) > 63:
            raise Problem(f"{name} is too long for Google, which takes 63 characters", "Choose a shorter name or version for the image")
        return name

    @staticmethod
    def _cloud_name(name: str) -> str:
        return re.sub(r"[^a-z0-9-]", "-", name.lower())

    def _images(self, filter_: str) -> Any:
        images = self._gcloud(
            "compute", "images", "list", "--project", self.settings["project"], "--no-standard-images", "--filter", filter_, pretend=[]
        )
        return images or []

    def _gcloud(self, *arguments: str, pretend: Any = None, seconds: float = 300, one_piece: bool = False) -> Any:
        env = {"CLOUDSDK_STORAGE_PARALLEL_COMPOSITE_UPLOAD_ENABLED": "False"} if one_piece else {}
        return self.tool("gcloud", "--quiet", "--format=json", env=env).ask(arguments, pretend=pretend, seconds=seconds)


def _pack(artifact: File, to: Path, region: Region) -> None:
    class Counted:
        def __init__(self, file: BinaryIO) -> None:
            self._file, self._done = file, 0

        def read(self, size: int) -> bytes:
            piece = self._file.read(size)
            self._done += len(piece)
            region.at(self._done)
            return piece

    entry = tarfile.TarInfo("disk.raw")
    entry.size = artifact.size
    with _gzip(to) as out, tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT) as tar, artifact.path.open("rb") as file:
        tar.addfile(entry, Counted(file))  # type: ignore[arg-type]


@contextmanager
def _gzip(to: Path) -> Iterator[BinaryIO]:
    """Without name and time: the same bytes each time."""
    import gzip

    with to.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as out:
        yield out  # type: ignore[misc]
