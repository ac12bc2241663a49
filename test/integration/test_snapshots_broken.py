"""An interrupted download is resumed, and a snapshot that is not right is left for the next mirror."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from control_repo import ControlRepo
from fault_proxy import FaultProxy
from instance import Instance
from runs import converges, fails, has_checkout, is_sound, places, prepare
from servers import GitServer
from snapshots import (
    asks,
    empty,
    flipped,
    garbage,
    giant_header,
    make,
    make_by_git,
    ready,
    snapshot_name,
    truncated,
    truncated_in_its_header,
    try_so_often,
    with_prerequisites,
)
from static_server import StaticServer
from world import World


# Resumption


@pytest.fixture
def heavy(world: World, ready: Instance, static: StaticServer, repo: ControlRepo) -> bytes:
    """A snapshot of two megabytes, which is served."""
    repo.commit_ballast(2)
    bundle = make(ready, "--repository", repo.url())
    static.put(f"snapshots/{repo.head}.bundle", bundle)
    return bundle


@pytest.mark.parametrize("how", ["reset", "close", "silence"])
@pytest.mark.parametrize("tenth", [1, 5, 9])
def test_what_came_before_a_break_is_not_asked_for_again(
    ready: Instance, git: GitServer, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any,
    heavy: bytes, tenth: int, how: str,
) -> None:  # fmt: skip
    try_so_often(ready, 2)
    cut = len(heavy) * tenth // 10
    proxies["static"].cut(cut, how, times=1)
    asks(static.url(snapshot_name(), port=proxies["static"].port))
    before = len(static.requests())
    converges(ready)
    has_checkout(ready, repo, repo.head)
    first, second = static.requests()[before:]
    etag = second["if_range"]
    assert (first["range"], second["status"]) == ("", 206) and etag.startswith('"')
    resumed_at = int(second["range"].removeprefix("bytes=").removesuffix("-"))
    assert 0 < resumed_at <= cut
    assert how == "reset" or resumed_at > cut - 1000  # less the head of the answer
    assert second["sent"] == len(heavy) - resumed_at


def test_each_break_brings_it_further(
    ready: Instance, git: GitServer, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any, heavy: bytes
) -> None:
    try_so_often(ready, 5)
    proxies["static"].cut(len(heavy) // 4, "close", times=4)
    asks(static.url(snapshot_name(), port=proxies["static"].port))
    before = len(static.requests())
    converges(ready)
    starts = [request["range"] for request in static.requests()[before:]]
    offsets = [int(text.removeprefix("bytes=").removesuffix("-") or 0) for text in starts]
    assert offsets == sorted(set(offsets)) and len(offsets) == 5


@pytest.mark.parametrize("at", ["no-range", "no-validator", "weak"])
def test_a_server_that_cannot_go_on_is_asked_anew(
    ready: Instance, git: GitServer, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any,
    heavy: bytes, at: str,
) -> None:  # fmt: skip
    try_so_often(ready, 2)
    proxies["static"].cut(len(heavy) // 2, "close", times=1)
    asks(static.url(snapshot_name(), at=at, port=proxies["static"].port))
    before = len(static.requests())
    converges(ready)
    has_checkout(ready, repo, repo.head)
    _, second = static.requests()[before:]
    assert bool(second["range"]) == (at == "no-range")
    assert (second["status"], second["sent"]) == (200, len(heavy))


def test_another_part_than_was_asked_for_is_not_put_together_with_the_first(
    ready: Instance, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any, heavy: bytes
) -> None:
    proxies["static"].cut(len(heavy) // 2, "close", times=1)
    asks(static.url(snapshot_name(), at="wrong-part", port=proxies["static"].port))
    before = len(static.requests())
    fails(ready, "repository", "server.unreachable", "transient")
    fails(ready, "repository", "server.protocol", "transient")
    converges(ready)  # from its beginning
    has_checkout(ready, repo, repo.head)
    assert [request["status"] for request in static.requests()[before:]] == [200, 206, 200]


def test_another_file_under_the_same_name_is_taken_from_its_beginning(
    world: World, ready: Instance, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any, heavy: bytes
) -> None:
    proxies["static"].cut(len(heavy) // 2, "close", times=1)
    asks(static.url(snapshot_name(), port=proxies["static"].port))
    fails(ready, "repository", "server.unreachable", "transient")
    other = make_by_git(world, repo.bare, repo.head)
    assert other != heavy
    static.put(f"snapshots/{repo.head}.bundle", other)
    converges(ready)
    has_checkout(ready, repo, repo.head)
    request = static.requests()[-1]
    assert request["range"] and request["if_range"] and (request["status"], request["sent"]) == (200, len(other))


def test_one_that_broke_off_is_gone_on_with_though_another_mirror_was_tried_since(
    ready: Instance, git: GitServer, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any, heavy: bytes
) -> None:
    try_so_often(ready, 2)
    proxies["static"].cut(len(heavy) // 2, "close", times=1)
    first = static.url(snapshot_name(), port=proxies["static"].port)
    asks(first, static.url(snapshot_name("nowhere")), repo.url(at="status/503"))
    before = len(static.requests())
    converges(ready)
    asked = [request for request in static.requests()[before:] if "nowhere" not in request["uri"]]
    assert [request["status"] for request in asked] == [200, 206]


# What is served instead


@dataclasses.dataclass(frozen=True)
class Wrong:
    """A file or an answer that is no snapshot of the revision, and what is said of it."""

    code: str
    file: Callable[[World, ControlRepo, bytes], bytes] | None = None
    at: str = ""
    status: int = 0

    def __str__(self) -> str:
        return self.at or str(self.status or getattr(self.file, "__name__", ""))


def of_another_revision(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    return make_by_git(world, repo.bare, repo.first)


def endless_line(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    return b"# v2 git bundle\n" + b"a" * 5_000_000


WRONG = [
    Wrong("git.revision_not_found", status=404),
    Wrong("git.revision_not_found", at="gone"),
    Wrong("server.access_denied", at="forbidden"),
    Wrong("server.access_denied", status=401),
    Wrong("server.error", status=500),
    Wrong("server.error", status=503),
    Wrong("server.protocol", at="html"),
    Wrong("server.redirects", at="loop"),
    Wrong("git.pack_damaged", truncated),
    Wrong("git.snapshot_invalid", truncated_in_its_header),
    Wrong("git.pack_damaged", flipped),
    Wrong("git.snapshot_invalid", empty),
    Wrong("git.snapshot_invalid", of_another_revision),
    Wrong("git.snapshot_invalid", with_prerequisites),
    Wrong("git.snapshot_invalid", giant_header),
    Wrong("git.snapshot_invalid", endless_line),
    Wrong("git.snapshot_invalid", garbage),
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_the_next_mirror_gives_what_this_one_does_not(
    world: World, ready: Instance, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any, wrong: Wrong
) -> None:
    repo.commit_class("second", "")
    bundle = make(ready, "--repository", repo.url())
    static.put(f"good/{repo.head}.bundle", bundle)
    static.put(f"bad/{repo.head}.bundle", wrong.file(world, repo, bundle) if wrong.file else bundle)
    if wrong.status:
        proxies["static"].answer(wrong.status)
    bad = static.url(snapshot_name("bad"), at=wrong.at, port=proxies["static"].port)
    good = static.url(snapshot_name("good"))
    asks(bad)
    kind = "transient" if wrong.code in ("server.error", "server.protocol", "git.pack_damaged") else "permanent"
    fails(ready, "repository", wrong.code, kind)
    assert not list(ready.path("/var/lib/bootwright/checkout").iterdir())
    asks(bad, good)
    converges(ready)
    (first, said), second = places(ready)
    assert first == bad and wrong.code in said and second == (good, "gave it")
    has_checkout(ready, repo, repo.head)
    is_sound(ready)


def test_a_flipped_bit_is_found_and_the_file_is_fetched_anew(
    ready: Instance, git: GitServer, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any, heavy: bytes
) -> None:
    try_so_often(ready, 2)
    proxies["static"].flip(len(heavy) // 2, times=1, in_body=True)
    asks(static.url(snapshot_name(), port=proxies["static"].port))
    before = len(static.requests())
    converges(ready)
    has_checkout(ready, repo, repo.head)
    assert [(request["range"], request["sent"]) for request in static.requests()[before:]] == [("", len(heavy))] * 2


def test_a_server_that_asks_to_come_back_is_asked_again(
    ready: Instance, git: GitServer, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any, heavy: bytes
) -> None:
    try_so_often(ready, 2)
    proxies["static"].answer(503, {"Retry-After": "1"}, times=1)
    asks(static.url(snapshot_name(), port=proxies["static"].port))
    converges(ready)
    assert "server.error" in places(ready)[0][1]


def test_a_snapshot_is_of_no_name(ready: Instance, git: GitServer, static: StaticServer, repo: ControlRepo, asks: Any) -> None:
    prepare(ready, git, allow_branches_and_tags=True)
    static.put("snapshots/main.bundle", make(ready, "--repository", repo.url()))
    asks(static.url(snapshot_name()), revision="main")
    before = len(static.requests())
    fails(ready, "repository", "git.revision_not_found", "permanent", "snapshots of full commit ids", "list a git URL")
    assert len(static.requests()) == before
    asks(static.url(snapshot_name()), repo.url("https", host="git.test"), revision="main")
    converges(ready)
    has_checkout(ready, repo, repo.head)
