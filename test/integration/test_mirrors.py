"""Where one place lies, fails, or has it not, the next one is asked; and where none has it, each one is heard."""

from __future__ import annotations

import re
from typing import Any

import lying_git_server as lies
import pytest
from control_repo import ControlRepo
from fault_proxy import FaultProxy
from instance import Instance
from lying_git_server import LyingGitServer, git as git_command
from runs import converges, fails, has_checkout, is_sound, places, prepare
from servers import GitServer
from ways import INSECURE, asks, behind, ready, trust_proxies
from world import World


def liar_says(liar: LyingGitServer, repo: ControlRepo, lie: str) -> None:
    """Makes the server that lies say something else than the truth of the repository's head."""
    site = "manifests/site.pp"
    other = git_command(repo.bare, "rev-parse", f"{repo.head}~1").decode().strip()
    lying = {
        "truncated pack": lies.truncated_pack(),
        "rudely truncated pack": lies.truncated_pack(politely=False),
        "flipped bit": lies.flipped_pack(),
        "wrong pack": lies.wrong_pack(repo, other),
        "pack without a file": lies.pack_without(repo, repo.head, site),
        "pack without the root": lies.pack_without(repo, repo.head, ""),
        "no pack": lies.no_pack(),
        "ERR": lies.error_packet("the moon is wrong"),
        "not our ref": lies.error_packet(f"upload-pack: not our ref {repo.head}"),
        "sideband error": lies.sideband_error("out of memory"),
        "endless progress": lies.endless_progress(),
        "flood of progress": lies.endless_progress(0),
        "endless pack": lies.endless_pack(),
        "zip bomb": lies.bomb(200),
        "no packet": lies.instead(b"000gxx"),
        "nothing": lies.instead(b""),
        "cut short": lies.cut_short(20),
    }
    liar.tell(lying[lie])


#: What is wrong with a place: what the instance says of it, and whether it may pass.
LIES = {
    "truncated pack": ("git.pack_damaged", "transient"),
    "rudely truncated pack": ("server.unreachable", "transient"),
    "flipped bit": ("git.pack_damaged", "transient"),
    "wrong pack": ("repository.incomplete", "transient"),
    "pack without a file": ("repository.incomplete", "transient"),
    "pack without the root": ("repository.incomplete", "transient"),
    "no pack": ("server.protocol", "transient"),
    "ERR": ("server.refused", "permanent"),
    "not our ref": ("git.revision_not_found", "permanent"),
    "sideband error": ("server.refused", "permanent"),
    "endless progress": ("repository.timeout", "transient"),
    "flood of progress": ("repository.timeout", "transient"),
    "endless pack": ("git.pack_damaged", "transient"),
    "zip bomb": ("repository.incomplete", "transient"),
    "no packet": ("server.protocol", "transient"),
    "nothing": ("server.protocol", "transient"),
    "cut short": ("server.unreachable", "transient"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_mirror_is_left_for_the_next(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, liar: LyingGitServer, lie: str
) -> None:
    prepare(ready, git, timeout="6s")
    repo.commit({"second": "x"})
    liar_says(liar, repo, lie)
    asks(liar.url(repo), mirrors=[repo.url()])
    converges(ready)
    (first, said), second = places(ready)
    assert first == liar.url(repo) and LIES[lie][0] in said
    assert second == (repo.url(), "gave it")
    has_checkout(ready, repo, repo.head)
    is_sound(ready)


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_server_alone_is_an_error_until_it_is_honest(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, liar: LyingGitServer, lie: str
) -> None:
    prepare(ready, git, timeout="6s")
    repo.commit({"second": "x"})
    liar_says(liar, repo, lie)
    asks(liar.url(repo))
    fails(ready, "repository", *LIES[lie])
    assert not ready.exists(f"/var/lib/bootwright/checkout/{repo.head}")
    liar.be_honest()
    converges(ready)
    has_checkout(ready, repo, repo.head)
    is_sound(ready)


def proxy_fails(world: World, proxy: FaultProxy, fault: str, url: str) -> str:
    """Makes the way to a mirror fail; the mirror's URL."""
    if fault == "refuse":
        proxy.refuse()
    elif fault == "lost at connect":
        world.network.filter(f"tcp dport {proxy.port} drop")
    elif fault == "silent":
        proxy.silence()
    elif fault == "stall":
        proxy.cut(300_000, "silence")
    elif fault == "trickle":
        proxy.limit(100)
    elif fault == "a byte a second":
        proxy.limit(1)
    elif fault == "reset":
        proxy.cut(300_000)
    elif fault == "close":
        proxy.cut(300_000, "close")
    elif fault == "flipped bit":
        proxy.flip(300_000)
    return url


#: Faults on the way to a server, and what is said of it then (a regular expression).
FAULTS = {
    "refuse": "server.unreachable",
    "lost at connect": "server.stalled",
    "silent": "server.stalled",
    "stall": "server.stalled",
    "trickle": "server.stalled",
    "a byte a second": "server.stalled",
    "reset": "server.unreachable",
    "close": "server.unreachable",
    "flipped bit": r"git\.pack_damaged|server\.",
}


# What is lost at connect costs ten seconds in the other ways.
@pytest.mark.parametrize(
    ("way", "fault"), [(way, fault) for way in ("http", "ssh", "git") for fault in FAULTS if way == "http" or "lost" not in fault]
)
def test_a_mirror_that_fails_is_left_for_the_next(
    ready: Instance, git: GitServer, world: World, repo: ControlRepo, proxies: dict[str, FaultProxy], asks: Any, way: str, fault: str
) -> None:
    prepare(ready, git, least_rate=10_000)
    trust_proxies(ready, git, proxies)
    repo.commit_ballast(1)
    first = proxy_fails(world, proxies[way], fault, behind(repo, proxies, way))
    asks(first, mirrors=[repo.url("https", host="git.test")])
    converges(ready)
    said = places(ready)
    assert [place for place, _ in said] == [first.replace("git@", ""), repo.url("https", host="git.test")]
    assert re.search(FAULTS[fault], said[0][1]) and said[1][1] == "gave it"
    has_checkout(ready, repo, repo.head)
    is_sound(ready)


def test_a_reset_at_each_tenth_loses_nothing(
    ready: Instance, repo: ControlRepo, proxy: FaultProxy, asks: Any
) -> None:
    repo.commit_ballast(1)
    url = repo.url(port=proxy.port)
    asks(url)
    converges(ready)
    total = proxy.bytes_down
    for tenth in range(10):
        ready.remove("/var/lib/bootwright")
        proxy.cut(total * tenth // 10)
        assert ready.bootwright("run").returncode == 1
        assert ready.status()["run"]["error"]["code"] == "server.unreachable"
        asks(url, mirrors=[repo.url()])
        converges(ready)
        assert [said for _, said in places(ready)][-1] == "gave it"
        has_checkout(ready, repo, repo.head)
        is_sound(ready)
        asks(url)


@pytest.mark.parametrize(
    ("first", "said"), [("503", "HTTP status 503"), ("404", "git.no_repository"), ("missing", "git.revision_not_found")]
)
def test_a_mirror_that_has_it_not_is_left_for_the_next(
    ready: Instance, git: GitServer, world: World, repo: ControlRepo, asks: Any, first: str, said: str
) -> None:
    other = ControlRepo(git, "other", world.new_folder("other"))
    try:
        repo.commit({"second": "x"})
        url = other.url() if first == "missing" else repo.url(at=f"status/{first}")
        asks(url, mirrors=[repo.url()])
        converges(ready)
        assert said in places(ready)[0][1] and places(ready)[1] == (repo.url(), "gave it")
    finally:
        other.remove()


@pytest.mark.parametrize("count", [100_000, None])
def test_a_flood_of_refs_does_not_drown_the_name(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, liar: LyingGitServer, count: int | None
) -> None:
    """Which of the names a server invents is believed is up to the server; an endless list is left."""
    prepare(ready, git, allow_branches_and_tags=True, insecure=INSECURE)
    liar.tell(lies.many_refs(count), "ls-refs")
    asks(liar.url(repo), "main", mirrors=[repo.url()])
    converges(ready)
    said = [answer for _, answer in places(ready)]
    assert said == ["gave it"] if count else "server.protocol" in said[0] and said[1] == "gave it"


def test_when_all_fail_the_error_names_what_each_said(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, proxy: FaultProxy
) -> None:
    proxy.refuse()
    asks(git.url("none"), mirrors=[repo.url(port=proxy.port), repo.url(at="status/500")])
    run = fails(ready, "repository", "server.unreachable", "transient", git.url("none"), str(proxy.port), "status/500")
    assert len(run["places"]) == 3
    proxy.heal()
    converges(ready)
    assert [said == "gave it" for _, said in places(ready)] == [False, True]


def test_a_shuffled_order_spreads_the_load(ready: Instance, git: GitServer, repo: ControlRepo, asks: Any) -> None:
    prepare(ready, git, mirror_order="shuffled")
    hosts = ["10.99.0.1", "git.test", "other.test", "static.test"]
    urls = [repo.url(host=host) for host in hosts]
    asks(urls[0], mirrors=urls[1:])
    first: set[str] = set()
    for _ in range(12):
        ready.remove("/var/lib/bootwright")
        converges(ready)
        first.add(places(ready)[0][0])
    assert len(first) > 1 and first <= set(urls)
