"""What a hostile or broken server sends costs it its turn, and nobody else anything: no time, no disk, no other server's place."""

from __future__ import annotations

import json
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from hashlib import sha1
from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from lying_git_server import FLUSH, LyingGitServer, band, objects_of, packet
from lying_git_server import git as git_command
from metadata_server import MetadataServer
from metadata_services import Ec2
from real_machine import wait_for
from roles import role_config
from runs import CHECKOUTS, REPOSITORIES, converges, fails, has_checkout, is_sound, places, prepare
from servers import GitServer
from signing import asks, ready, signers, trusts  # noqa: F401  the fixtures
from static_server import StaticServer

KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
OFFSET_DELTA = 6

Lie = Callable[[bytes], Iterator[bytes]]


def header(kind: int, size: int) -> bytes:
    """Of an object of a pack: gitformat-pack(5)."""
    number, made = size >> 4, bytearray([(kind << 4) | (size & 15)])
    while number:
        made[-1] |= 0x80
        made.append(number & 0x7F)
        number >>= 7
    return bytes(made)


def pack_of(objects: list[tuple[str, bytes]], level: int = 1) -> bytes:
    pack = b"PACK" + (2).to_bytes(4, "big") + len(objects).to_bytes(4, "big")
    for kind, content in objects:
        pack += header(KINDS[kind], len(content)) + zlib.compress(content, level)
    return pack + sha1(pack).digest()


def id_of(kind: str, content: bytes) -> str:
    return sha1(f"{kind} {len(content)}\0".encode() + content).hexdigest()


def answers(pack: bytes) -> Lie:
    return lambda honest: iter([packet(b"packfile\n") + band(1, pack) + FLUSH])


def leads_to(commit: str) -> Lie:
    return lambda honest: iter([packet(f"{commit} refs/heads/main\n".encode()) + FLUSH])


GARBAGE = b"this is no tree at all"
#: A commit that is one, and its tree, which is none.
NO_TREE = (
    f"tree {id_of('tree', GARBAGE)}\nauthor a <a@b> 1767225600 +0000\ncommitter a <a@b> 1767225600 +0000\n\nx\n".encode(),
    GARBAGE,
)


def gives_no_tree(liar: LyingGitServer) -> None:
    commit, tree = NO_TREE
    liar.tell(leads_to(id_of("commit", commit)), "ls-refs")
    liar.tell(answers(pack_of([("commit", commit), ("tree", tree)])), "fetch")


def megabytes(instance: Instance, path: str = "/var/lib/bootwright") -> int:
    return int(instance.run(["du", "-sm", path], check=True).stdout.split()[0])


def peak_of_fetch(instance: Instance, run: Callable[[], Any]) -> int:
    """The most memory that root's program that fetches had meanwhile, in MiB."""
    peak, stop = [0], threading.Event()

    def watch() -> None:
        while not stop.is_set():
            for pid in instance.processes("bootwright-fetch"):
                try:
                    lines = (instance.path("/proc") / str(pid) / "status").read_text().splitlines()
                except OSError:
                    continue
                peak[0] = max([peak[0], *(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))])
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        run()
    finally:
        stop.set()
        watcher.join()
    return peak[0] // 1024


def wants(metadata: MetadataServer, repo: ControlRepo, *urls: str) -> None:
    config = json.loads(role_config(repo, url=urls[0]))
    config["repository"]["mirrors"] = list(urls[1:])
    metadata.service = Ec2(json.dumps(config).encode())


# Disk


def test_what_is_not_what_was_asked_for_fills_no_disk(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, liar: LyingGitServer, metadata: MetadataServer
) -> None:
    prepare(ready, git, stall="10s", timeout="100s")
    liar.tell(lambda honest: answers(pack_of([("blob", os.urandom(1 << 20)) for _ in range(10)], 0))(honest))  # each time another
    asks(repo.head, liar.url(repo))
    fails(ready, "repository", "repository.incomplete", "transient")
    before = megabytes(ready)
    for _ in range(3):
        fails(ready, "repository", "repository.incomplete", "transient")
    assert megabytes(ready) <= before + 1 and before < 10
    wants(metadata, repo, liar.url(repo), repo.url())
    converges(ready)
    is_sound(ready)
    assert megabytes(ready) < 10


def small_disk(instance: Instance) -> None:
    instance.run(["mkdir", "-p", "/var/lib/bootwright"], check=True)
    instance.run(["mount", "-t", "tmpfs", "-o", "size=60m,mode=700", "tmpfs", "/var/lib/bootwright"], check=True)


def test_a_disk_is_not_filled_by_a_pack_and_the_next_place_is_asked(
    instance: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer, liar: LyingGitServer
) -> None:
    prepare(instance, git, stall="10s", timeout="100s")
    small_disk(instance)
    liar.tell(answers(pack_of([("blob", os.urandom(1 << 20)) for _ in range(80)], 0)))
    wants(metadata, repo, liar.url(repo))
    run = fails(instance, "repository", "io.no_space", "transient", "/var/lib/bootwright", "MiB")
    assert run["error"]["message"].count("room for")
    assert megabytes(instance, REPOSITORIES) < 5
    wants(metadata, repo, liar.url(repo), repo.url())
    converges(instance)
    has_checkout(instance, repo, repo.head)
    assert "io.no_space" in places(instance)[0][1]


def test_a_download_that_runs_ahead_of_its_reader_leaves_room_on_the_disk(
    instance: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer, liar: LyingGitServer
) -> None:
    prepare(instance, git, stall="10s", timeout="100s")
    small_disk(instance)
    is_reader_stopped = threading.Event()
    ballast = pack_of([("blob", os.urandom(1 << 20)) for _ in range(80)], 0)

    def lie(honest: bytes) -> Iterator[bytes]:
        is_reader_stopped.wait(30)
        yield from answers(ballast)(honest)

    liar.tell(lie)
    wants(metadata, repo, liar.url(repo))
    agent = instance.start([Instance.BINARY, "run"])
    wait_for(lambda: instance.processes(Instance.DOWNLOAD), "the download program")
    readers = [str(pid) for pid in instance.processes(Instance.FETCH)]
    instance.run(["kill", "-STOP", *readers], check=True)
    is_reader_stopped.set()
    wait_for(lambda: not instance.processes(Instance.DOWNLOAD), "the end of the download")
    free = instance.run(["stat", "-f", "-c", "%a %S", "/var/lib/bootwright"], check=True).stdout.split()
    instance.run(["kill", "-CONT", *readers], check=True)
    assert agent.wait() == 1, agent.output
    assert int(free[0]) * int(free[1]) > 7 << 20
    error = instance.status()["run"]["error"]
    assert (error["code"], error["kind"]) == ("io.no_space", "transient"), error
    assert "has room for 7 MiB" in error["message"]


def test_what_comes_beside_what_was_asked_for_goes_after_a_good_run(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, liar: LyingGitServer
) -> None:
    prepare(ready, git, stall="10s", timeout="100s")

    objects = []
    for name in objects_of(repo.bare, repo.head):
        kind = git_command(repo.bare, "cat-file", "-t", name).decode().strip()
        objects.append((kind, git_command(repo.bare, "cat-file", kind, name)))
    liar.tell(answers(pack_of([*objects, *(("blob", os.urandom(1 << 20)) for _ in range(80))], 0)))
    asks(url=liar.url(repo))
    converges(ready)
    has_checkout(ready, repo, repo.head)
    assert megabytes(ready) < 10
    is_sound(ready)


# Memory


def varint(number: int) -> bytes:
    made = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        made.append(low | (0x80 if number else 0))
        if not number:
            return bytes(made)


def offset(number: int) -> bytes:
    made, number = [number & 0x7F], number >> 7
    while number:
        number -= 1
        made.insert(0, 0x80 | (number & 0x7F))
        number >>= 7
    return bytes(made)


def bomb(mebibytes: int, links: int) -> bytes:
    """A blob of zeros, and a chain of deltas, each of which copies what it is made of and appends a digit."""
    size = mebibytes << 20
    deflate = zlib.compressobj(9)
    content = b"".join(deflate.compress(bytes(1 << 20)) for _ in range(mebibytes)) + deflate.flush()
    pack = bytearray(b"PACK" + (2).to_bytes(4, "big") + (1 + links).to_bytes(4, "big"))
    base = len(pack)
    pack += header(KINDS["blob"], size) + content
    for link in range(links):
        delta = varint(size) + varint(size + 1)
        for at in range(0, size, 0xFFFFFF):
            delta += b"\xff" + at.to_bytes(4, "little") + min(0xFFFFFF, size - at).to_bytes(3, "little")
        delta += b"\1" + str(link % 10).encode()
        here = len(pack)
        pack += header(OFFSET_DELTA, len(delta)) + offset(here - base) + zlib.compress(delta)
        base, size = here, size + 1
    return bytes(pack) + sha1(pack).digest()


@pytest.mark.parametrize(("mebibytes", "links"), [(200, 1), (200, 4), (120, 4), (600, 0)])
def test_a_small_pack_does_not_unpack_into_all_memory(
    ready: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer, liar: LyingGitServer, mebibytes: int, links: int
) -> None:  # fmt: skip
    prepare(ready, git, stall="30s", timeout="200s")
    liar.tell(answers(bomb(mebibytes, links)))
    wants(metadata, repo, liar.url(repo), repo.url())
    peak = peak_of_fetch(ready, lambda: converges(ready))
    assert 0 < peak < 330
    code = "git.too_much_memory" if links and mebibytes > 128 else "repository.incomplete"
    assert code in places(ready)[0][1]
    assert megabytes(ready) < 10


def test_a_file_that_is_too_large_is_named_and_no_damage(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any
) -> None:
    """GitHub's limit is 100 MiB, ours 128."""
    prepare(ready, git, stall="30s", timeout="200s")
    converged = repo.head
    asks()
    converges(ready)
    (repo.work / "large").write_bytes(bytes(129 << 20))
    repo._commit("too large")
    asks()
    peak = peak_of_fetch(ready, lambda: fails(ready, "repository", "git.too_much_memory", "permanent", "large"))
    assert 0 < peak < 330
    assert ready.exists(f"{CHECKOUTS}/{converged}")
    assert not list(ready.path(REPOSITORIES).glob("*.damaged"))
    (repo.work / "large").write_bytes(bytes(100 << 20))
    repo._commit("as large as GitHub has it")
    asks()
    peak = peak_of_fetch(ready, lambda: converges(ready))
    assert 0 < peak < 330
    assert ready.path(f"{CHECKOUTS}/{repo.head}/large").stat().st_size == 100 << 20


# The place of others


@pytest.mark.parametrize("has_tree", [True, False])
@pytest.mark.parametrize("verify", ["none", "tag"])
def test_a_malformed_tag_beside_the_pin_is_no_damage_of_ours(
    ready: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer, static: StaticServer, signers: Any,
    has_tree: bool, verify: str,
) -> None:  # fmt: skip
    prepare(ready, git, verify=verify)
    ann = signers["ssh", "ann"]
    trusts(ready, ann)
    first = ann.commit(repo)
    ann.tag(repo, "v1")
    wants(metadata, repo, repo.url())
    converges(ready)
    pin = ann.commit(repo)
    ann.tag(repo, "v2")
    garbage = b"garbage that is no tag"
    tag = id_of("tag", garbage)
    objects = [("tag", garbage)]
    for name in objects_of(repo.bare, pin) if has_tree else [pin]:
        kind = git_command(repo.bare, "cat-file", "-t", name).decode().strip()
        objects.append((kind, git_command(repo.bare, "cat-file", kind, name)))
    start = f"# v2 git bundle\n{pin} refs/bootwright/snapshot/{pin}\n{tag} refs/bootwright/tag/{tag}\n\n".encode()
    static.put(f"{pin}.bundle", start + pack_of(objects))
    wants(metadata, repo, static.url("{revision}.bundle"), repo.url())
    converges(ready)
    has_checkout(ready, repo, pin)
    assert ready.exists(f"{CHECKOUTS}/{first}")
    assert not list(ready.path(REPOSITORIES).glob("*.damaged"))
    if verify == "tag":
        assert "git.object_invalid" in places(ready)[0][1] and places(ready)[1][1] == "gave it"


def test_a_stranger_s_commit_that_was_offered_once_locks_nobody_out(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, signers: Any
) -> None:
    ann, stranger = signers["ssh", "ann"], signers["ssh", "stranger"]
    prepare(ready, git, verify="commit", allow_branches_and_tags=True)
    trusts(ready, ann)
    first = ann.commit(repo)
    asks("main")
    converges(ready)
    strange = stranger.commit(repo)
    for _ in range(2):
        done = ready.bootwright("run")
        assert done.returncode == 1 and ready.status()["run"]["error"]["code"] == "repository.signature_untrusted"
    kept = ready.run(["sh", "-c", f"cd {REPOSITORIES}/*.git; cat ../*.followed.json; git for-each-ref; git cat-file -t {strange}"])
    assert first in kept.stdout and strange not in kept.stdout and "commit" not in kept.stdout.splitlines()[-1].split()[0]
    repo.rewind(first)
    second = ann.commit(repo)
    converges(ready)
    assert ready.status()["run"]["revision"]["resolved"] == second
    is_sound(ready)


def test_of_several_mirrors_of_a_branch_the_one_that_is_signed_counts(
    ready: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer, liar: LyingGitServer, signers: Any
) -> None:
    ann, stranger = signers["ssh", "ann"], signers["ssh", "stranger"]
    prepare(ready, git, verify="commit", allow_branches_and_tags=True)
    trusts(ready, ann)
    first = ann.commit(repo)
    strange = stranger.commit(repo)
    git_command(repo.bare, "update-ref", "refs/heads/stranger", strange)
    repo.rewind(first)
    good = ann.commit(repo)
    liar.tell(leads_to(strange), "ls-refs")
    config = json.loads(role_config(repo, url=liar.url(repo), revision="main"))
    config["repository"]["mirrors"] = [repo.url()]
    metadata.service = Ec2(json.dumps(config).encode())
    converges(ready)
    assert ready.status()["run"]["revision"]["resolved"] == good
    assert "repository.signature_untrusted" in places(ready)[0][1]


# The past of a branch


@pytest.mark.parametrize("verify", ["none", "commit"])
def test_a_rewritten_branch_is_not_let_in_by_damage_that_its_server_made(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, liar: LyingGitServer, signers: Any, verify: str
) -> None:
    """Back to an older commit, which is signed, and over to another one."""
    ann = signers["ssh", "ann"]
    prepare(ready, git, allow_branches_and_tags=True, verify=verify, insecure=["10.99.0.1"])
    trusts(ready, ann)
    old = ann.commit(repo)
    new = ann.commit(repo)
    asks("main", liar.url(repo))
    converges(ready)
    assert ready.status()["run"]["revision"]["resolved"] == new
    repo.rewind(old)
    other = old if verify == "commit" else repo.commit({"other": "x"})
    refused = "repository.mirror_behind" if other == old else "repository.branch_rewritten"

    def is_refused(code: str) -> None:
        done = ready.bootwright("run")
        assert done.returncode == 1 and ready.status()["run"]["error"]["code"] == code, done.stdout
        assert other == old or not ready.exists(f"{CHECKOUTS}/{other}")

    is_refused(refused)
    gives_no_tree(liar)
    is_refused("git.object_invalid")
    assert not list(ready.path(REPOSITORIES).glob("*.damaged"))
    liar.be_honest()
    is_refused(refused)
    # Even where the disk itself has lost it.
    ready.run(["sh", "-c", f"rm -r {REPOSITORIES}/*.git {CHECKOUTS}"], check=True)
    is_refused("repository.past_unknown")
    repo.rewind(new)
    converges(ready)
    assert ready.status()["run"]["revision"]["resolved"] == new
