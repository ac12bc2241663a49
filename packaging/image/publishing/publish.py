"""Copies a release to several targets at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from .copies import Copy, Record
from .problem import Problem, Stopped
from .progress import Progress, Region
from .release import File, Release
from .target import Found, Target
from .tool import stopping

_AT_ONCE = 8
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


def publish(release: Release, targets: Sequence[Target], record: Record, progress: Progress, patience: float) -> list[str]:
    """The names of those that failed, each of which has said why. patience: seconds in which what passes is tried again."""
    failed: list[str] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # Images that are copied from other regions come after these.
        for wave in ([one for one in targets if not one.copy_of], [one for one in targets if one.copy_of]):
            regions = [(target, progress.region(target.name)) for target in wave]
            done = pool.map(lambda one: _publish_one(release, one[0], record, one[1], patience), regions)
            failed += [target.name for target, good in zip(wave, done, strict=True) if not good]
            for _, region in regions:
                region.close()
    return failed


def show_commands(release: Release, targets: Sequence[Target], region: Callable[[str], Region]) -> None:
    """As if nothing of the release were there."""
    for target in targets:
        print(f"# {target.name}: {target.kind} in {target.region or target.settings.get('host', '')}")
        for artifact in target.wanted(release):
            target.find(release, artifact)
            target.copy(release, artifact, region(target.name))
        target.finish(release, region(target.name))


def _publish_one(release: Release, target: Target, record: Record, region: Region, patience: float) -> bool:
    end, pause = time.monotonic() + patience, _FIRST_PAUSE
    while True:
        try:
            for artifact in target.wanted(release):
                _copy(release, target, artifact, record, region)
            target.finish(release, region)
            region.step("done")
            return True
        except Problem as problem:
            if not problem.passing or time.monotonic() + pause >= end:
                region.say(f"FAILED: {problem}")
                return False
            region.say(f"again in {pause:.0f} s: {problem}")
        except OSError as reason:
            region.say(f"FAILED: {reason.filename or 'this machine'}: {reason.strerror}. Make room, or mend what it says, and publish again")
            return False
        except Stopped:
            region.say("stopped; publish again, which goes on from here")
            return False
        stopping.wait(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _copy(release: Release, target: Target, artifact: File, record: Record, region: Region) -> None:
    region.step(f"looking for {artifact.path.name}")
    found, recorded = target.find(release, artifact), record.find(target.name, artifact.format)
    if found:
        _must_be(artifact, found)
        if recorded and (recorded.location, recorded.image_id, recorded.sha256) == (found.location, found.image_id, found.sha256):
            region.say(f"{found.image_id or found.location} is there since {recorded.at}")
            return
    else:
        target.copy(release, artifact, region)
        found = target.find(release, artifact)
        if not found:
            raise Problem(f"{artifact.path.name} was copied, and is not there", "It is looked for again", passing=True)
        _must_be(artifact, found)
    proof = target.prove(release, artifact, found, region)
    record.put(
        Copy(
            target=target.name, kind=target.kind, region=target.region, format=artifact.format, location=found.location,
            image_id=found.image_id, sha256=artifact.sha256, verified=proof, at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
    )  # fmt: skip
    region.say(f"{found.image_id or found.location}: verified by {proof}")


def _must_be(artifact: File, found: Found) -> None:
    what = found.image_id or found.location
    if found.failed:
        raise Problem(f"{what} is of no use: {found.failed}", "Look at it, delete it, and publish again")
    if found.sha256 != artifact.sha256:
        raise Problem(
            f"{what} is another image: its sha256 is {found.sha256 or 'not said'}, and {artifact.path.name} has {artifact.sha256}",
            "A release does not change: publish the next version, or delete what is there",
        )
