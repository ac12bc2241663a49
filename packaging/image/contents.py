"""What is in files: digests of it, and writing it as a whole. For what builds a release and for what publishes it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

_BLOCK = 1 << 20


class Digest:
    """Of bytes that come piece by piece. report gets how many have come."""

    def __init__(self, algorithm: str = "sha256", report: Callable[[int], None] = lambda _: None) -> None:
        self._made = hashlib.new(algorithm)
        self._report = report
        self._done = 0

    def take(self, piece: bytes) -> None:
        self._made.update(piece)
        self._done += len(piece)
        self._report(self._done)

    def hexdigest(self) -> str:
        return self._made.hexdigest()


def digest_of(path: Path, algorithm: str = "sha256", report: Callable[[int], None] = lambda _: None) -> str:
    """In hexadecimal. report gets how many bytes are read."""
    made = Digest(algorithm, report)
    for block in blocks(path):
        made.take(block)
    return made.hexdigest()


def blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def write_whole(path: Path, text: str) -> None:
    """All of it is on disk when this returns, or what was there before stays."""
    draft = path.with_name(path.name + ".new")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
