"""The record of copies, MANIFEST.copies.json: beside the manifest, since a signed file does not change (decision 0040)."""

from __future__ import annotations

import fcntl
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from contents import write_whole

from .problem import Problem
from .release import Release

_LARGEST_RECORD = 4 << 20


@dataclass(frozen=True)
class Copy:
    target: str
    kind: str
    region: str
    format: str
    #: Where it lies: a URL, or what the cloud calls a name
    location: str
    #: What an instance is launched with; empty in a store
    image_id: str
    sha256: str
    #: How it was proven, in words
    verified: str
    #: UTC, ISO 8601
    at: str


class Record:
    def __init__(self, manifest: Path, release: Release) -> None:
        """Throws Problem where a record is damaged, or of another manifest or a later version."""
        self.path = manifest.with_name(manifest.name + ".copies.json")
        self._release = release
        self._mutex = threading.Lock()
        self._copies = self._read()

    def find(self, target: str, format_: str) -> Copy | None:
        return self._copies.get((target, format_))

    def targets(self) -> list[str]:
        return sorted({target for target, _ in self._copies})

    def put(self, copy: Copy) -> None:
        """On disk when it returns, as a whole."""
        with self._mutex:
            self._copies[copy.target, copy.format] = copy
            self._write()

    def _read(self) -> dict[tuple[str, str], Copy]:
        try:
            with self.path.open("rb") as file:
                text = file.read(_LARGEST_RECORD + 1)
        except FileNotFoundError:
            return {}
        try:
            if len(text) > _LARGEST_RECORD:
                raise ValueError("it is too large")
            said = json.loads(text)
            if said["schema"] != 1:
                raise ValueError(f"its schema is {said['schema']!r}, and only 1 is known here")
            names = [field.name for field in fields(Copy)]
            copies = [Copy(**{name: str(one[name]) for name in names}) for one in said["copies"]]
            of = said["manifest_sha256"]
        except (ValueError, KeyError, TypeError) as reason:
            raise Problem(f"{self.path} cannot be read: {reason!r}", "Move it away; publishing again finds the copies and records them") from reason
        if of != self._release.manifest.sha256:
            raise Problem(
                f"{self.path} is of another manifest (sha256 {of})",
                "A release does not change once it has copies: build the next version. If nothing was released yet, move the record away",
            )
        return {(copy.target, copy.format): copy for copy in copies}

    def _write(self) -> None:
        release = self._release
        text = json.dumps(
            {
                "schema": 1,
                "name": release.name,
                "version": release.version,
                "architecture": release.architecture,
                "manifest_sha256": release.manifest.sha256,
                "copies": [asdict(copy) for _, copy in sorted(self._copies.items())],
            },
            indent=2,
        )
        write_whole(self.path, text + "\n")


@contextmanager
def alone(manifest: Path) -> Iterator[None]:
    """Throws Problem while another program publishes the same release from this machine."""
    with manifest.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem(f"another publish is at work on {manifest}", "Wait for its end") from None
        yield
