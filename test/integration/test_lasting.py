"""What the repository stage keeps through crashes, full and failing disks, and time: each start repairs or replaces what it finds, and
ends with the right tree."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
import shapes
from control_repo import ControlRepo
from fault_proxy import FaultProxy
from instance import Instance
from interruption import kill_at_random, quick_puppet
from metadata_server import MetadataServer
from metadata_services import Ec2
from on_disk import STATE, assert_sound, by_git, checkout, checkouts, fails_with, has, quick, repositories, runs
from real_machine import command, make_read_only, wait_for
from roles import IMPATIENT, merged, role_config
from servers import GitServer
from shapes import files_of
from world import World

#: 200 rounds are what `BOOTWRIGHT_KILLS=200` asks for.
KILLS = int(os.environ.get("BOOTWRIGHT_KILLS", "40"))
SEED = int(os.environ.get("BOOTWRIGHT_SEED", "1"))


# Killed


def test_killed_at_any_moment(quick_instance: Instance, metadata: MetadataServer, shape: Any, world: World) -> None:
    """In turn: from nothing; from one revision to another; and with the old checkout touched."""
    repo = shape(shapes.wide, 1_000)
    revisions = [repo.head, repo.commit({f"modules/new/manifests/c{number}.pp": b"class x {}\n" * number for number in range(300)})]
    expected = {}
    for revision in revisions:
        with by_git(world, repo, revision) as files:
            expected[revision] = files
    rounds = itertools.count()
    wanted = ""

    def before() -> None:
        nonlocal wanted
        number = next(rounds)
        wanted = revisions[number % 2]
        metadata.service = Ec2(role_config(repo, revision=wanted))
        if number % 3 == 0:
            quick_instance.run(["rm", "-rf", STATE], check=True)
        elif number % 3 == 1:
            quick_instance.run(["rm", "-rf", f"{STATE}/checkout/{wanted}"], check=True)
        else:
            quick_instance.run(["sh", "-c", f"echo changed >> {STATE}/checkout/{wanted}/manifests/site.pp || :"], check=True)

    def check(moment: str) -> None:
        runs(quick_instance)
        assert files_of(checkout(quick_instance, wanted)) == expected[wanted], moment
        left = {entry.name for entry in quick_instance.path(f"{STATE}/checkout").iterdir()}
        assert left <= {name for revision in revisions for name in (revision, f"{revision}.seal")}, moment

    kills = kill_at_random(quick_instance, [Instance.BINARY, "run"], before=before, check=check, rounds=KILLS, seed=SEED)
    print(kills)
    assert len(kills.moments) > KILLS / 2
    assert_sound(quick_instance)


# A power cut


def test_what_counts_is_on_disk_before_it_is_seen(
    quick_instance: Instance, metadata: MetadataServer, shape: Any
) -> None:
    """After a power cut a rename may be there whose file is not, unless that was flushed before."""
    repo = shape(shapes.executables)
    metadata.service = Ec2(role_config(repo))
    traced = "openat,fsync,fdatasync,syncfs,rename,renameat,renameat2,link,linkat"
    quick_instance.run(
        ["strace", "-f", "-y", "-qq", "-o", "/root/trace", "-e", f"trace={traced}", Instance.BINARY, "run"], check=True, timeout=120
    )
    calls = [line.split(maxsplit=1)[1] for line in quick_instance.read("/root/trace").splitlines() if " = " in line and "ENOENT" not in line]

    def first(pattern: str, start: int = 0) -> int:
        found = [number for number, call in enumerate(calls) if number >= start and re.search(pattern, call)]
        assert found, f"no call matches {pattern}:\n" + "\n".join(calls)
        return found[0]

    # The pack and its index, before they get their names; then the folder.
    for kind in ("pack", "idx"):
        named = first(rf'^rename.*objects/pack/pack-\w+\.{kind}"')
        flushed = [call for call in calls[:named] if call.startswith(("fsync", "fdatasync", "syncfs"))]
        assert any(f".{kind}>" in call or "incoming" in call for call in flushed), calls[:named]
    folder = first(r"^fsync\(\d+<[^>]*objects/pack>")
    assert folder > first(r'^rename.*objects/pack/pack-\w+\.idx"')
    # The tree, before it appears; then the folder that it appears in; and its seal, which says that it is proven, last of all.
    appears = first(rf'^renameat2?\(.*\.new".*{repo.head}"')
    assert first(r"^syncfs") < appears
    assert first(r"^fsync\(\d+<[^>]*/checkout>", appears)
    assert first(rf'^rename.*{repo.head}\.seal"') > appears


def test_what_puppet_leaves_is_on_disk_before_it_is_seen(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    """Of the run's record: what was seen from within Puppet, its catalog, its facts."""
    metadata.service = Ec2(role_config(repo))
    strace = ["strace", "-f", "-y", "-qq", "--seccomp-bpf", "-o", "/root/trace", "-e", "trace=fsync,fdatasync,rename"]
    instance.run([*strace, Instance.BINARY, "run"], check=True, timeout=180)
    calls = [line.split(maxsplit=1)[1] for line in instance.read("/root/trace").splitlines() if " = 0" in line]
    seen = []
    for number, call in enumerate(calls):
        if found := re.match(r'rename\("[^"]*/runs/\d+/([^"/]+)\.new", ', call):
            seen.append(found[1])
            flushed = [before for before in calls[:number] if before.startswith(("fsync", "fdatasync")) and f"/{found[1]}.new>" in before]
            assert len(flushed) >= seen.count(found[1]), (call, calls[:number])
    assert {"observation.json", "catalog.json.gz"} <= set(seen)


# A full disk


@pytest.mark.parametrize("options", ["size=200k", "size=1m", "size=3m", "size=5m", "nr_inodes=12", "nr_inodes=40", "nr_inodes=70"])
def test_a_full_disk_is_survived(
    new_instance: Callable[..., Instance], metadata: MetadataServer, git: GitServer, world: World, shape: Any, options: str
) -> None:
    instance = new_instance(tmpfs={STATE: "mode=700," + options})
    quick(instance, {"retry": {"repository": {"attempts": 1}}})
    numbers = random.Random(1)
    repo = shape(shapes.plain)
    repo.commit({f"ballast/{number}.bin": numbers.randbytes(30_000) for number in range(60)})
    metadata.service = Ec2(role_config(repo))
    done = instance.bootwright("run")
    shown = done.stdout + done.stderr
    assert done.returncode == 1 and "io.no_space" in shown, shown
    assert not instance.exists(f"{STATE}/checkout/{repo.head}")
    grown = "size=100m" if "size" in options else "nr_inodes=10000"
    command("mount", "-o", f"remount,{grown}", instance.base / "volume-0")
    runs(instance)
    has(instance, world, repo)
    assert_sound(instance)


@pytest.mark.parametrize("lacks", ["bytes", "files"])
def test_a_full_disk_is_foreseen(
    new_instance: Callable[..., Instance], metadata: MetadataServer, world: World, shape: Any, lacks: str
) -> None:
    """The pack is small, and the tree is not: nothing of it is written, and the old checkout stays."""
    instance = new_instance(tmpfs={STATE: "mode=700,size=30m,nr_inodes=400"})
    quick(instance)
    repo = shape(shapes.plain)
    metadata.service = Ec2(role_config(repo))
    runs(instance)
    first = repo.head
    if lacks == "bytes":
        repo.commit({f"large/{number}": b"%d" % number + b"x" * 2_000_000 for number in range(20)})
    else:
        repo.commit({f"many/{number}": b"%d\n" % number for number in range(500)})
    metadata.service = Ec2(role_config(repo))
    said = fails_with(instance, "io.no_space", "the checkout needs", "has room for", f"{STATE}/checkout", "df", kind="transient")
    assert re.search(r"needs \d+ MiB and \d+ files, .* has room for \d+ MiB and \d+ files", said)
    assert checkouts(instance) == {first}
    has(instance, world, repo, first)
    command("mount", "-o", "remount,size=200m,nr_inodes=10000", instance.base / "volume-0")
    runs(instance)
    has(instance, world, repo)


# A failing disk


@pytest.mark.parametrize(
    ("call", "when"), [("syncfs", 1), *(("fsync", when) for when in range(17, 36, 3))]
)
def test_a_disk_that_does_not_flush(
    quick_instance: Instance, metadata: MetadataServer, shape: Any, world: World, call: str, when: int
) -> None:
    repo = shape(shapes.executables)
    metadata.service = Ec2(role_config(repo))
    trace = ["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={when}+"]
    done = quick_instance.run([*trace, Instance.BINARY, "run"], timeout=120)
    shown = done.stdout + done.stderr
    assert "Input/output error" in shown and "terminate" not in shown, shown
    if call == "syncfs":
        assert done.returncode == 1 and not quick_instance.exists(f"{STATE}/checkout/{repo.head}")
    runs(quick_instance)
    has(quick_instance, world, repo)
    assert_sound(quick_instance)


def test_a_file_system_that_is_read_only(
    new_instance: Callable[..., Instance], metadata: MetadataServer, world: World, shape: Any
) -> None:
    instance = new_instance(tmpfs={STATE: "mode=700"})
    quick(instance)
    repo = shape(shapes.executables)
    metadata.service = Ec2(role_config(repo))
    runs(instance)
    first, second = repo.head, repo.commit({"second": b"2\n"})
    metadata.service = Ec2(role_config(repo, revision=second))
    make_read_only(instance.base / "volume-0")
    done = instance.bootwright("run")
    shown = done.stdout + done.stderr
    assert done.returncode != 0 and "Read-only file system" in shown and STATE in shown, shown
    assert "terminate" not in shown
    command("mount", "-o", "remount,rw", instance.base / "volume-0")
    runs(instance)
    has(instance, world, repo, second)
    has(instance, world, repo, first)


# Time


def test_old_revisions_are_pruned_by_count_and_never_the_good_one(
    instance: Instance, metadata: MetadataServer, shape: Any
) -> None:
    keep = {"repository": {"keep": 2}}
    quick(instance, keep)
    repo = shape(shapes.plain)
    revisions = [repo.commit({"number": b"%d\n" % number}) for number in range(6)]
    metadata.service = Ec2(role_config(repo, revision=revisions[0]))
    runs(instance)
    # From now on nothing applies.
    instance.configure(merged(IMPATIENT, quick_puppet(instance, "changed_with_failures"), keep))
    for revision in revisions[1:]:
        metadata.service = Ec2(role_config(repo, revision=revision))
        assert instance.bootwright("run").returncode == 1
    assert checkouts(instance) == {revisions[0], *revisions[-2:]}
    (bare,) = repositories(instance)
    kept = instance.run(["git", "-C", bare, "for-each-ref", "--format=%(objectname)"], check=True).stdout.split()
    assert set(kept) == checkouts(instance)
    seals = {entry.name for entry in instance.path(f"{STATE}/checkout").glob("*.seal")}
    assert seals == {f"{revision}.seal" for revision in checkouts(instance)}
    assert_sound(instance)


def test_repositories_go_with_the_checkouts_that_need_them(instance: Instance, metadata: MetadataServer, shape: Any, world: World) -> None:
    quick(instance, {"repository": {"keep": 1}})
    tree, other = shape(shapes.with_submodules), shape(shapes.plain)
    metadata.service = Ec2(role_config(tree.parent))
    runs(instance)
    assert len(repositories(instance)) == 3
    # Configuration and control repository at one URL keep each other's commits.
    before = other.head
    other.commit({"later": b"x\n"})
    configuration = {"url": other.url(), "revision": before}
    metadata.service = Ec2(role_config(other, configuration=configuration))
    runs(instance)  # the checkout with modules is the last good one until this run has come to its end
    other.commit({"last": b"x\n"})
    metadata.service = Ec2(role_config(other, configuration=configuration))
    runs(instance)
    (bare,) = repositories(instance)
    kept = instance.run(["git", "-C", bare, "for-each-ref", "--format=%(objectname)"], check=True).stdout.split()
    assert {before, other.head} <= set(kept)
    has(instance, world, other)
    assert_sound(instance)


def test_a_changed_url_mixes_nothing(
    quick_instance: Instance, metadata: MetadataServer, shape: Any, world: World
) -> None:
    one, other = shape(shapes.plain), shape(shapes.executables)
    early = one.head
    one.commit({"later": b"x\n"})
    metadata.service = Ec2(role_config(one))
    runs(quick_instance)
    metadata.service = Ec2(role_config(other))
    runs(quick_instance)
    has(quick_instance, world, other)
    has(quick_instance, world, one)
    assert len(repositories(quick_instance)) == 2
    assert_sound(quick_instance)
    # What only the old place has is not found at the new one.
    metadata.service = Ec2(role_config(other, revision=early))
    fails_with(quick_instance, "git.revision_not_found", early)


def test_a_pin_that_was_pushed_away_works_from_disk(
    quick_instance: Instance, metadata: MetadataServer, repo: ControlRepo, world: World
) -> None:
    gone = repo.commit({"gone": "x\n"})
    metadata.service = Ec2(role_config(repo, revision=gone))
    runs(quick_instance)
    with by_git(world, repo, gone) as expected:
        pass
    repo.rewind(repo.first)
    command("git", "-C", repo.bare, "-c", "gc.reflogExpire=now", "gc", "-q", "--prune=now")
    runs(quick_instance)
    quick_instance.run(["rm", "-rf", f"{STATE}/checkout"], check=True)
    runs(quick_instance)
    assert files_of(checkout(quick_instance, gone)) == expected


def test_the_repository_does_not_grow_for_ever(
    instance: Instance, metadata: MetadataServer, shape: Any, world: World
) -> None:
    quick(instance, {"repository": {"keep": 2}})
    numbers = random.Random(3)
    repo = shape(shapes.plain)
    sizes = []
    for number in range(60):
        repo.commit({f"data/{number % 3}.bin": numbers.randbytes(50_000)})
        metadata.service = Ec2(role_config(repo))
        runs(instance)
        sizes.append(int(instance.run(["du", "-sk", f"{STATE}/repository"], check=True).stdout.split()[0]))
    has(instance, world, repo)
    assert_sound(instance)
    # What is kept takes some 300 KiB; the rest waits for the next repack, after twenty packs.
    assert max(sizes[40:]) <= max(sizes[20:40]) * 1.1 and max(sizes) < 2000, sizes


# Two at once


def test_two_fetches_never_write_at_once(
    quick_instance: Instance, metadata: MetadataServer, repo: ControlRepo, world: World, proxy: FaultProxy
) -> None:
    instance = quick_instance
    real = "/usr/lib/bootwright/real-fetch"
    instance.run(["mv", Instance.FETCH, real], check=True)
    instance.write(Instance.FETCH, f"#!/bin/sh\nexec tee /root/request | {real}\n".replace("exec tee", "tee"), 0o755)
    metadata.service = Ec2(role_config(repo, url=repo.url(port=proxy.port)))
    runs(instance)
    request = instance.read("/root/request")
    instance.run(["rm", "-rf", f"{STATE}/checkout", f"{STATE}/repository"], check=True)
    proxy.silence(times=1)
    before = proxy.connections
    first = instance.start(["sh", "-c", f"exec {real} < /root/request"])
    wait_for(lambda: proxy.connections > before, "the first one's connection")
    second = instance.run([real], input=request)
    error = json.loads(second.stdout.splitlines()[-1])["error"]
    assert (second.returncode, error["code"], error["kind"]) == (1, "repository.busy", "transient")
    first.stop()
    first.wait()
    done = instance.run([real], input=request)
    assert json.loads(done.stdout.splitlines()[-1])["checkout"]["revision"] == repo.head
    has(instance, world, repo)


def test_a_second_run_is_told_to_wait(
    quick_instance: Instance, metadata: MetadataServer, repo: ControlRepo, proxy: FaultProxy
) -> None:
    metadata.service = Ec2(role_config(repo, url=repo.url(port=proxy.port)))
    proxy.silence(times=1)
    first = quick_instance.start_bootwright("run")
    quick_instance.wait_for_status(lambda status: status["run"]["stage"] == "repository", "the repository stage")
    second = quick_instance.bootwright("run")
    assert second.returncode == 5 and "another run" in second.stderr
    assert first.wait() == 0, first.output


def test_a_history_of_large_records_keeps_its_reports(quick_instance: Instance, metadata: MetadataServer, shape: Any) -> None:
    """A run whose Puppet has much to say keeps megabytes: a hundred of them would fill a small disk."""
    metadata.service = Ec2(role_config(shape(shapes.plain)))
    for _ in range(3):
        runs(quick_instance)
    for number in (1, 2, 3):
        quick_instance.run(["truncate", "-s", "30M", f"{STATE}/runs/{number:06d}/puppet.jsonl"], check=True)
    runs(quick_instance)
    kept = {number: quick_instance.exists(f"{STATE}/runs/{number:06d}/puppet.jsonl") for number in (1, 2, 3)}
    assert kept == {1: False, 2: True, 3: True}
    assert all(quick_instance.exists(f"{STATE}/runs/{number:06d}/report.json") for number in (1, 2, 3, 4))
