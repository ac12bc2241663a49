"""Tells drift: what a target has, beside what the manifest and the record of copies say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from .copies import Record
from .problem import Problem, Stopped
from .progress import Region
from .release import File, Release
from .target import Target

#: What a copy is, if it is no drift; of UNKNOWN the reason follows.
SAME, UNKNOWN = "same", "could not be asked"


def check(release: Release, targets: Sequence[Target], record: Record, region: Callable[[str], Region], deep: bool) -> list[tuple[str, str, str]]:
    """For each copy its target, its format, and SAME, UNKNOWN and why, or what differs. deep: proves each copy again."""
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda target: _check_one(release, target, record, region(target.name), deep), targets)
    return [row for rows in found for row in rows]


def _check_one(release: Release, target: Target, record: Record, region: Region, deep: bool) -> list[tuple[str, str, str]]:
    try:
        rows = [(target.name, artifact.format, _state(release, target, artifact, record, region, deep)) for artifact in target.wanted(release)]
        if lacking := target.lacking(release):
            rows.append((target.name, "", f"lacks {', '.join(lacking)}"))
        return rows
    except Problem as problem:
        return [(target.name, "", f"{UNKNOWN}: {problem}")]
    except Stopped:
        return [(target.name, "", f"{UNKNOWN}: stopped")]
    finally:
        region.close()


def _state(release: Release, target: Target, artifact: File, record: Record, region: Region, deep: bool) -> str:
    found, recorded = target.find(release, artifact), record.find(target.name, artifact.format)
    if not found:
        return "missing" if recorded else "missing, and never copied"
    if found.failed:
        return f"of no use: {found.failed}"
    if found.sha256 != artifact.sha256:
        return f"another image, sha256 {found.sha256 or 'not said'}"
    if not recorded:
        return f"not recorded: {found.image_id or found.location}"
    if recorded.image_id != found.image_id or recorded.location != found.location:
        return f"{found.image_id or found.location}, and recorded is {recorded.image_id or recorded.location}"
    if deep:
        try:
            target.prove(release, artifact, found, region)
        except Problem as problem:
            if problem.passing:
                raise
            return str(problem)
    return SAME
