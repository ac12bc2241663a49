"""Where two tars of a tree differ: what a person needs who has to find out why two builds are not the same."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path


def _members(file: Path) -> dict[str, tuple[object, ...]]:
    found = {}
    with tarfile.open(file) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            digest = hashlib.file_digest(content, "sha256").hexdigest() if content else member.linkname
            found[member.name] = (digest, member.type, member.mode, member.uid, member.gid, member.mtime, sorted(member.pax_headers.items()))
    return found


def different_members(first: Path, second: Path) -> list[str]:
    """The names of what is only in one, or of another content, kind, mode, owner or time."""
    before, after = _members(first), _members(second)
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
