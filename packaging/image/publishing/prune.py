"""Which versions are old, and their deletion."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .release import Release
from .target import Target


def old_versions(release: Release, target: Target, keep: int) -> list[str]:
    """All but the newest `keep`, oldest first. The release itself, and what is newer, is never among them."""
    versions = sorted({version for version in target.versions(release) if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+~-]*", version)}, key=_order)
    return [version for version in versions[: max(0, len(versions) - keep)] if _order(version) < _order(release.version)]


def prune(release: Release, targets: Sequence[Target], keep: int, delete: bool) -> list[tuple[str, str]]:
    """Pairs of target and version: what would be deleted, or was. Throws Problem at the first that cannot be."""
    old = [(target, version) for target in targets for version in old_versions(release, target, keep)]
    if delete:
        for target, version in old:
            target.delete(release, version)
    return [(target.name, version) for target, version in old]


def _order(version: str) -> list[Any]:
    """Numbers by their value: 2026.10 comes after 2026.4. A pre-release, 2026.4~rc1, comes before."""
    return [_piece(piece) for piece in re.findall(r"\d+|\D", version)] + [(1, 0, "")]


def _piece(piece: str) -> tuple[int, int, str]:
    if piece == "~":
        return (0, 0, "")
    return (3, int(piece), "") if piece.isdigit() else (2, 0, piece)
