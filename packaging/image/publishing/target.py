"""What a kind of target is. A file of ../targets has one class derived from Target, and nothing else needs to know it."""

from __future__ import annotations

import importlib
import json
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from .problem import Problem, Stopped
from .progress import Region
from .release import File, Release
from .tool import Tool, stopping

_LARGEST_TARGETS = 1 << 20
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# A value becomes a part of paths, URLs and options: nothing in it may start one, or leave a folder.
_VALUE = re.compile(r"(?!.*(?:^|/)\.\.(?:/|$))[A-Za-z0-9~/][A-Za-z0-9 ._+~/:@%?=&-]{0,499}")


@dataclass(frozen=True)
class Found:
    """What is there. sha256 is what the place says of it, empty where it says nothing. failed: why it is of no use, if so."""

    location: str
    image_id: str
    sha256: str
    failed: str = ""


class Target(ABC):
    """One place. Each call may be made again after it was cut off, and then does what is left.

    Throws Problem; what passes is tried again by the caller.
    """

    kind: ClassVar[str]
    #: What an entry may hold beside `kind`: its name and what it means..
    keys: ClassVar[Mapping[str, str]]
    required: ClassVar[frozenset[str]]
    #: Which artifacts it takes, the best one first; an entry's `formats` chooses among them
    formats: ClassVar[tuple[str, ...]]
    #: Between two looks at what takes its time
    poll_seconds = 10.0

    def __init__(self, name: str, settings: Mapping[str, Any], say: Callable[[str], None] | None) -> None:
        """say: set for a dry run, gets each command."""
        self.name = name
        self.settings = settings
        self.dry = say

    def wanted(self, release: Release) -> list[File]:
        """What of a release belongs here."""
        if chosen := self.settings.get("formats"):
            return [release.artifact(format_) for format_ in chosen]
        made = {artifact.format: artifact for artifact in release.artifacts}
        for format_ in self.formats:
            if format_ in made:
                return [made[format_]]
        return [release.artifact(self.formats[0])]

    @property
    def region(self) -> str:
        return str(self.settings.get("region", ""))

    @property
    def copy_of(self) -> str:
        """The target that has to be done first; empty for none."""
        return str(self.settings.get("copy_of", ""))

    @abstractmethod
    def find(self, release: Release, artifact: File) -> Found | None:
        """What is there under the name that it has here."""

    @abstractmethod
    def copy(self, release: Release, artifact: File, region: Region) -> None:
        """Makes it be there. Never called for what is."""

    @abstractmethod
    def prove(self, release: Release, artifact: File, found: Found, region: Region) -> str:
        """How it was proven that what is there is the artifact, in words. Throws Problem if it is not."""

    def finish(self, release: Release, region: Region) -> None:
        """Copies the documents, the manifest last; nothing where there is no place for them."""

    def lacking(self, release: Release) -> list[str]:
        """Names of the documents that finish() would copy, or would refuse to replace."""
        return []

    @abstractmethod
    def versions(self, release: Release) -> list[str]:
        """Those of the release's family that are there."""

    @abstractmethod
    def delete(self, release: Release, version: str) -> None:
        """All that is there of a version of the release's family."""

    def wait_until(self, done: Callable[[], bool], what: str, *, seconds: float) -> None:
        """Throws Problem at the deadline."""
        end = time.monotonic() + seconds
        while not done():
            if self.dry:
                return
            if time.monotonic() >= end:
                raise Problem(f"{what} was not done within {seconds / 60:.0f} minutes", "Publish again, which waits on", passing=True)
            if stopping.wait(self.poll_seconds):
                raise Stopped

    def tool(self, *start: str, env: Mapping[str, str] | None = None) -> Tool:
        return Tool(start, env=env, say=self.dry)


def flat_name(release: Release, version: str = "") -> str:
    """Of an image in a cloud, which has no folders: NAME-ARCHITECTURE-VERSION."""
    return f"{release.name}-{release.architecture}-{version or release.version}"


def note(release: Release, artifact: File) -> str:
    """The description of an image in a cloud; noted_digest() reads it."""
    return f"{flat_name(release)} sha256={artifact.sha256}"


def noted_digest(description: str) -> str:
    match = re.search(r"sha256=([0-9a-f]{64})", description)
    return match[1] if match else ""


def kinds() -> dict[str, type[Target]]:
    """Each file of ../targets."""
    found = {}
    for file in sorted((Path(__file__).resolve().parents[1] / "targets").glob("[a-z]*.py")):
        module = importlib.import_module(f"targets.{file.stem}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Target) and value.__module__ == module.__name__:
                found[value.kind] = value
    return found


def read_targets(path: Path, say: Callable[[str], None] | None) -> dict[str, Target]:
    """The file of targets: {NAME: {"kind": KIND, …}, …}. Throws Problem."""
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_TARGETS + 1)
        if len(text) > _LARGEST_TARGETS:
            raise ValueError("it is too large")
        said = json.loads(text)
        if not isinstance(said, dict):
            raise TypeError("it is no object")
    except OSError as reason:
        raise Problem(f"{path} cannot be read: {reason.strerror}", "Name the file of targets by --targets; docs/publishing.md has one") from reason
    except (ValueError, TypeError) as reason:
        raise Problem(f"{path} is no file of targets: {reason}", "docs/publishing.md has one") from reason
    known = kinds()
    targets = {name: _target(path, name, entry, known, say) for name, entry in said.items()}
    for target in targets.values():
        if target.copy_of and (target.copy_of not in targets or targets[target.copy_of].kind != target.kind or targets[target.copy_of].copy_of):
            raise Problem(f"{path}: `copy_of` of {target.name} names no {target.kind} target that has its own copy", "Correct it")
        if target.copy_of:
            target.settings = {**target.settings, "source": targets[target.copy_of].settings}
    return targets


def _target(path: Path, name: str, entry: Any, known: Mapping[str, type[Target]], say: Callable[[str], None] | None) -> Target:
    where = f"{path}: {name}"
    if not _NAME.fullmatch(name) or not isinstance(entry, dict) or entry.get("kind") not in known:
        raise Problem(f"{where} is no target with a `kind` among {', '.join(sorted(known))}", "docs/publishing.md has examples")
    kind = known[entry["kind"]]
    for key, value in entry.items():
        if key == "formats":
            if not isinstance(value, list) or not value or not set(value) <= set(kind.formats):
                raise Problem(f"{where}: `formats` may list {', '.join(kind.formats)}", "Correct it")
        elif key != "kind" and key not in kind.keys:
            raise Problem(f"{where}: the kind {kind.kind} has no key {key}", f"It has {', '.join(kind.keys)}")
        elif not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise Problem(f"{where}: the value of {key} is none", "It is text of letters, digits and . _ + ~ / : @ % ? = & -, and no `..`")
    if missing := sorted(kind.required - entry.keys()):
        raise Problem(f"{where}: {', '.join(missing)} is missing", f"{missing[0]}: {kind.keys[missing[0]]}")
    return kind(name, entry, say)
