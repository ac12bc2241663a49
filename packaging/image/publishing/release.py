"""A release as its manifest describes it, and the files beside it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contents import digest_of

from .problem import Problem

_LARGEST_MANIFEST = 64 << 20
# What becomes a part of paths, names of objects and options of programs. No ".." and no leading dash or dot.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,199}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class File:
    path: Path
    size: int
    sha256: str
    #: tar, raw, qcow2, vhd, vmdk or oci; empty for a document
    format: str = ""


@dataclass(frozen=True)
class Release:
    name: str
    version: str
    #: Debian's name: amd64, i386, arm64
    architecture: str
    manifest: File
    artifacts: tuple[File, ...]
    #: The SBOM and the signature; the manifest comes after them, since nothing of a release is complete without it
    documents: tuple[File, ...]

    @property
    def folder(self) -> str:
        """Of this release in a store."""
        return f"{self.family}/{self.version}"

    @property
    def family(self) -> str:
        """What all versions of this image have in common."""
        return f"{self.name}/{self.architecture}"

    @property
    def documents_in_order(self) -> tuple[File, ...]:
        return (*self.documents, self.manifest)

    def manifest_of(self, version: str) -> str:
        """The name of another version's manifest, which differs in the version."""
        return self.manifest.path.name.replace(self.version, version)

    def artifact(self, format_: str) -> File:
        for artifact in self.artifacts:
            if artifact.format == format_:
                return artifact
        made = ", ".join(sorted(artifact.format for artifact in self.artifacts)) or "none"
        raise Problem(
            f"the manifest has no artifact of the format {format_}, only {made}",
            "Build the release with that format, or ask for another one by `formats` of the target",
        )


def read_release(path: Path) -> Release:
    """Throws Problem unless each file is there and is what the manifest says. Reads all of them."""
    path = path.absolute()
    text = _content(path)
    try:
        said = json.loads(text)
        if said["schema"] != 1:
            raise Problem(f"{path} has schema {said['schema']!r}, and only 1 is known here", "Publish with the version that built it")
        artifacts = [_file(path.parent, one, one["format"]) for one in said["artifacts"]]
        documents = [_file(path.parent, said["sbom"])] if said.get("sbom") else []
        words = [_word(said[key], key) for key in ("name", "version", "architecture")]
    except (ValueError, KeyError, TypeError) as reason:
        raise Problem(f"{path} is not a manifest of an image: {reason!r}", "Give MANIFEST as packaging/image/build has written it") from reason
    signature = path.with_name(path.name + ".sig")
    if signature.exists():
        documents.append(_measured(signature))
    return Release(*words, _measured(path), tuple(artifacts), tuple(documents))


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_MANIFEST + 1)
    except OSError as reason:
        raise Problem(f"{path} cannot be read: {reason.strerror}", "Give the path of a manifest") from reason
    if len(text) > _LARGEST_MANIFEST:
        raise Problem(f"{path} is larger than {_LARGEST_MANIFEST} bytes", "Give the path of a manifest")
    return text


def _word(value: Any, key: str) -> str:
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise ValueError(f"{key} is {value!r}, and may hold letters, digits and . _ + ~ - only")
    return value


def _file(folder: Path, said: dict[str, Any], format_: str = "") -> File:
    path = folder / _word(said["file"], "file")
    if not _DIGEST.fullmatch(said["sha256"]):
        raise ValueError(f"the sha256 of {path.name} is no digest")
    if not path.is_file():
        raise Problem(f"{path}, which the manifest lists, is not a file there", "Keep the files of a release in one folder with its manifest")
    found = File(path, path.stat().st_size, digest_of(path), format_)
    if found.sha256 != said["sha256"] or found.size != said.get("size", found.size):
        raise Problem(f"{path} is not what the manifest says: it has sha256 {found.sha256}", "Build the release again; nothing was copied")
    return found


def _measured(path: Path) -> File:
    return File(path, path.stat().st_size, digest_of(path))
