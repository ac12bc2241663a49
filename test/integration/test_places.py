"""A repository comes from wherever it is to be had, and at the price of the pinned tree alone."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lying_git_server as lies
import pytest
from control_repo import ControlRepo
from fault_proxy import FaultProxy
from instance import Instance
from interruption import right_clock, set_clock
from lying_git_server import LyingGitServer, git as git_command
from metadata_server import MetadataServer
from metadata_services import Ec2
from real_machine import command
from roles import role_config
from runs import SEED, converges, fails, has_checkout, has_object, is_sound, places, prepare
from servers import GitServer
from world import World

#: Bytes: more than the example's tree and what is said around it, less than a megabyte of history.
CHEAP = 100_000


#: The hosts of the tests that speak without encryption.
INSECURE = ["10.99.0.1", "git.test"]


@pytest.fixture
def ready(instance: Instance, git: GitServer) -> Instance:
    """An instance that may fetch in every way, branches and tags too, also from where nothing proves who answers."""
    prepare(instance, git, allow_branches_and_tags=True, insecure=INSECURE)
    return instance


@pytest.fixture
def asks(metadata: MetadataServer, repo: ControlRepo) -> Callable[..., None]:
    """Sets the user-data: asks(url, revision=…, mirrors=[…])."""

    def ask(url: str, revision: str | None = None, mirrors: list[str] | None = None) -> None:
        config: dict[str, Any] = {"url": url, "revision": revision or repo.head, "mirrors": mirrors or []}
        metadata.service = Ec2(role_config(repo, repository=config))

    return ask


def with_history(repo: ControlRepo) -> dict[str, str]:
    """Commits after a heavy one that nobody needs; what may be asked for, and the revision that is meant. No ref leads to the
    inner one."""
    repo.commit_ballast(1)
    inner = repo.commit({"ballast/0.bin": None, "inner": "x"})
    named = repo.commit({"named": "x"})
    repo.branch("release", named)
    repo.tag("v1", named, annotated=True)
    tip = repo.commit({"tip": "x"})
    return {"tip": tip, "inner": inner, "release": named, "v1": named}


def behind(repo: ControlRepo, proxies: dict[str, FaultProxy], scheme: str, at: str = "") -> str:
    """The repository's URL through the proxy that counts."""
    return repo.url(scheme, at=at, host="git.test", port=proxies[scheme].port)


def trust_proxies(instance: Instance, git: GitServer, proxies: dict[str, FaultProxy]) -> None:
    key = git.known_hosts.split()[1:3]
    instance.write("/etc/bootwright/known_hosts", f"[git.test]:{proxies['ssh'].port} {' '.join(key)}\n{git.known_hosts}")


# Each way, each kind of pin


@pytest.mark.parametrize("pin", ["tip", "inner", "release", "v1"])
@pytest.mark.parametrize("way", ["https", "http", "ssh", "git", "file"])
def test_each_pin_comes_each_way_without_history(
    ready: Instance, git: GitServer, repo: ControlRepo, proxies: dict[str, FaultProxy], asks: Any, way: str, pin: str
) -> None:
    meant = with_history(repo)
    revision = meant[pin]
    trust_proxies(ready, git, proxies)
    if way == "file":
        shutil.copytree(repo.bare, ready.path("/srv/copy.git"))
    url = "file:///srv/copy.git" if way == "file" else behind(repo, proxies, way)
    asks(url, revision if pin in ("tip", "inner") else pin)
    converges(ready)
    assert places(ready) == [(url.replace("git@", ""), "gave it")]
    assert ready.status()["run"]["revision"]["resolved"] == revision
    has_checkout(ready, repo, revision)
    is_sound(ready)
    assert not has_object(ready, f"{revision}^")
    if way != "file":
        assert 1000 < proxies[way].bytes_down < CHEAP


@pytest.mark.parametrize(
    ("pin", "allows", "shallow"),
    [("tip", False, True), ("inner", False, False), ("inner", True, True), ("release", False, True), ("v1", False, True)],
)
@pytest.mark.parametrize("way", ["http", "ssh"])
def test_an_old_server_gives_a_tip_alone_and_else_what_it_must(
    ready: Instance, repo: ControlRepo, proxies: dict[str, FaultProxy], asks: Any, way: str, pin: str, allows: bool, shallow: bool
) -> None:
    meant = with_history(repo)
    if allows:
        repo.server_config("uploadpack.allowReachableSHA1InWant", "true")
    url = repo.url(way, at="v0", host="git.test") if way == "ssh" else behind(repo, proxies, way, at="v0")
    asks(url, meant[pin] if pin in ("tip", "inner") else pin)
    converges(ready)
    has_checkout(ready, repo, meant[pin])
    is_sound(ready)
    if way != "ssh":
        assert (proxies[way].bytes_down < CHEAP) == shallow


@pytest.mark.parametrize("pin", ["0123456789" * 4, "main"])
@pytest.mark.parametrize(("way", "at"), [("http", ""), ("http", "v0"), ("ssh", ""), ("ssh", "v0"), ("git", ""), ("file", "")])
def test_an_empty_repository_has_no_revision(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, way: str, at: str, pin: str
) -> None:
    command("git", "-C", repo.bare, "update-ref", "-d", "refs/heads/main")
    if way == "file":
        shutil.copytree(repo.bare, ready.path("/srv/copy.git"))
    asks("file:///srv/copy.git" if way == "file" else repo.url(way, at=at), pin)
    fails(ready, "repository", "git.revision_not_found", "permanent")
    first = repo.commit({"first": "x"})
    asks(repo.url(), first)
    converges(ready)


# What servers answer instead


@pytest.mark.parametrize(
    ("way", "at"),
    [
        ("http", "moved"),
        ("https", "moved"),
        ("https", "moved-relatively"),
        ("https", "moved-to-other"),
        ("http", "moved-to-other"),
        ("http", "moved-to-https"),
    ],
)
def test_a_redirect_is_followed(ready: Instance, repo: ControlRepo, asks: Any, way: str, at: str) -> None:
    asks(repo.url(way, at=at, host="git.test"))
    converges(ready)
    has_checkout(ready, repo, repo.head)


@pytest.mark.parametrize(
    ("way", "at", "code"),
    [
        ("https", "moved-to-http", "server.url_invalid"),
        ("http", "moved-to-file", "server.url_invalid"),
        ("https", "moved-to-file", "server.url_invalid"),
        ("http", "loop", "server.redirects"),
    ],
)
def test_a_redirect_is_refused(ready: Instance, repo: ControlRepo, asks: Any, way: str, at: str, code: str) -> None:
    asks(repo.url(way, at=at, host="git.test"))
    fails(ready, "repository", code, "permanent")
    asks(repo.url(way, host="git.test"))
    converges(ready)


@pytest.mark.parametrize("url_holds_them", [True, False])
@pytest.mark.parametrize("at", ["moved", "moved-to-other", "moved-to-http"])
def test_credentials_do_not_go_along_to_another_server(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, at: str, url_holds_them: bool
) -> None:
    ready.write("/etc/bootwright/token", git.PASSWORD, 0o600)
    url = repo.url("https", at=at, host="git.test")
    if url_holds_them:
        url = url.replace("://", f"://{git.USER}:{git.PASSWORD}@")
    else:
        prepare(ready, git, credentials=[{"host": "git.test", "user": git.USER, "from": {"file": "/etc/bootwright/token"}}])
    before = len(git.details())
    asks(url)
    done = ready.bootwright("run")
    assert done.returncode == (1 if at == "moved-to-http" else 0), done.stdout
    asked = git.details()[before:]
    assert [request for request in asked if request["authorization"]]
    for request in asked:
        if (request["scheme"], request["host"]) != ("https", "git.test"):
            assert request["authorization"] == "", request


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "server.error", "transient"),
        (401, "server.access_denied", "permanent"),
        (403, "server.access_denied", "permanent"),
        (404, "git.no_repository", "permanent"),
        (410, "git.no_repository", "permanent"),
        (429, "server.error", "transient"),
        (500, "server.error", "transient"),
        (502, "server.error", "transient"),
        (503, "server.error", "transient"),
    ],
)
def test_each_status_says_what_to_do(ready: Instance, repo: ControlRepo, asks: Any, status: int, code: str, kind: str) -> None:
    asks(repo.url(at=f"status/{status}"))
    fails(ready, "repository", code, kind, str(status))
    asks(repo.url())
    converges(ready)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_heeded(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, proxy: FaultProxy, status: int
) -> None:
    prepare(ready, git, attempts=2)
    proxy.answer(status, {"Retry-After": "2"}, times=1)
    asks(repo.url(port=proxy.port))
    converges(ready)
    assert ready.status()["run"]["duration_s"] >= 2
    assert proxy.connections == 2


def test_a_page_is_no_repository(ready: Instance, repo: ControlRepo, asks: Any, proxy: FaultProxy) -> None:
    proxy.answer(200, {"Content-Type": "text/html"}, b"<html>Please log in</html>")
    asks(repo.url(port=proxy.port))
    fails(ready, "repository", "server.protocol", "transient", "not as a git server does")
    proxy.heal()
    converges(ready)


# Whom an instance trusts


@pytest.mark.parametrize(
    ("at", "kind", "said"),
    [
        ("expired", "transient", "certificate has expired"),
        ("wrong-name", "permanent", "git.test"),
        ("stranger", "permanent", "repository.ca_file"),
    ],
)
def test_a_bad_certificate_is_refused(
    ready: Instance, repo: ControlRepo, asks: Any, at: str, kind: str, said: str
) -> None:
    asks(repo.url("https", at=at, host="git.test"))
    fails(ready, "repository", "server.not_trusted", kind, said)
    asks(repo.url("https", host="git.test"))
    converges(ready)


def test_without_the_authority_nothing_is_trusted(ready: Instance, git: GitServer, repo: ControlRepo, asks: Any) -> None:
    prepare(ready, git, ca_file="")
    asks(repo.url("https", host="git.test"))
    fails(ready, "repository", "server.not_trusted", "permanent", "repository.ca_file")
    prepare(ready, git)
    converges(ready)


def test_a_client_certificate_is_shown(ready: Instance, git: GitServer, repo: ControlRepo, asks: Any) -> None:
    asks(repo.url("https", at="client-certificate", host="git.test"))
    fails(ready, "repository", "server.error", "transient", "400")
    ready.write("/etc/bootwright/client.pem", git.client_certificate.pem.read_bytes())
    ready.write("/etc/bootwright/client.key", git.client_certificate.key.read_bytes(), 0o600)
    prepare(ready, git, client_certificate="/etc/bootwright/client.pem", client_key="/etc/bootwright/client.key")
    converges(ready)


@pytest.mark.parametrize("moment", ["1970-01-01 00:00:10", "2200-01-01 00:00:00"])
def test_a_wrong_clock_is_named_and_passes(ready: Instance, repo: ControlRepo, asks: Any, moment: str) -> None:
    set_clock(ready, moment)
    asks(repo.url("https", host="git.test"))
    fails(ready, "repository", "server.not_trusted", "transient", "timedatectl")
    right_clock(ready)
    converges(ready)


@pytest.mark.parametrize("moment", ["1970-01-01 00:00:10", "2200-01-01 00:00:00"])
@pytest.mark.parametrize("way", ["http", "ssh"])
def test_a_pin_needs_no_clock(ready: Instance, repo: ControlRepo, asks: Any, way: str, moment: str) -> None:
    set_clock(ready, moment)
    asks(repo.url(way))
    converges(ready)
    has_checkout(ready, repo, repo.head)


@pytest.mark.parametrize(
    ("at", "known", "code"),
    [
        ("host-certificate", "authority", None),
        ("", "authority", "server.not_trusted"),
        ("host-certificate", "keys", "server.not_trusted"),
        ("", "another key", "server.not_trusted"),
        ("", "nobody", "server.not_trusted"),
        ("", "keys", None),
    ],
)
def test_only_known_hosts_are_spoken_to_over_ssh(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, at: str, known: str, code: str | None
) -> None:
    stranger = (git.folder / "other_ssh_key.pub").read_text()
    texts = {"authority": git.known_authority, "keys": git.known_hosts, "another key": f"git.test {stranger}", "nobody": "\n"}
    ready.write("/etc/bootwright/known_hosts", texts[known])
    asks(repo.url("ssh", at=at, host="git.test"))
    if code is None:
        converges(ready)
    else:
        fails(ready, "repository", code, "permanent", "repository.known_hosts")


@pytest.mark.parametrize("at", ["", "v0"])
def test_an_unknown_ssh_key_is_refused(ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, at: str) -> None:
    ready.write("/etc/bootwright/ssh_key", git.other_ssh_key.read_bytes(), 0o600)
    asks(repo.url("ssh", at=at, host="git.test"))
    fails(ready, "repository", "server.access_denied", "permanent", "repository.ssh_key")


@pytest.mark.parametrize(("way", "at"), [("http", ""), ("http", "v0"), ("ssh", ""), ("ssh", "v0"), ("git", ""), ("file", "")])
def test_a_repository_that_is_not_there(
    ready: Instance, git: GitServer, asks: Any, way: str, at: str
) -> None:
    asks("file:///srv/none.git" if way == "file" else git.url("none", way, at=at, host="git.test"))
    fails(ready, "repository", "git.no_repository", "permanent", "none.git" if way != "git" else "")


# Mirrors


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


# The copy that is baked into the image


def bake(instance: Instance, repo: ControlRepo, way: str) -> None:
    """Puts the seed into the image as one would with git."""
    with tempfile.TemporaryDirectory() as folder:
        seed = Path(folder) / "seed.git"
        if way == "clone":
            command("git", "clone", "-q", "--bare", repo.bare, seed)
        else:
            command("git", "init", "-q", "--bare", seed)
            command("git", "-C", seed, "fetch", "-q", "--depth=1", f"file://{repo.bare}", "main:refs/heads/main")
        shutil.copytree(seed, instance.path(SEED))


@pytest.mark.parametrize("way", ["clone", "shallow"])
def test_the_seed_alone_configures_without_a_network(
    ready: Instance, world: World, git: GitServer, repo: ControlRepo, way: str
) -> None:
    repo.commit({"second": "x"})
    bake(ready, repo, way)
    prepare(ready, git)
    ready.write("/etc/bootwright/role.json", role_config(repo, url="https://git.example.com/puppet.git"))
    ready.configure({"platform": "file"}, "agent.d/platform.json")
    world.network.unplug()
    converges(ready)
    assert places(ready) == []
    has_checkout(ready, repo, repo.head)
    is_sound(ready)


def test_a_branch_comes_from_the_seed_where_there_is_no_network(ready: Instance, world: World, git: GitServer, repo: ControlRepo) -> None:
    bake(ready, repo, "shallow")
    seeded = repo.head
    ready.write("/etc/bootwright/role.json", role_config(repo, url=repo.url(), revision="main"))
    ready.configure({"platform": "file"}, "agent.d/platform.json")
    newer = repo.commit({"after/the/seed": "x\n"})
    git.stop()
    converges(ready)
    assert [place for place, said in places(ready) if said.startswith("gave it")] == [SEED]
    has_checkout(ready, repo, seeded)
    git.start()
    converges(ready)
    has_checkout(ready, repo, newer)
    is_sound(ready)


def test_a_place_that_lags_behind_does_not_hide_a_branch(ready: Instance, git: GitServer, repo: ControlRepo, asks: Any) -> None:
    first = repo.head
    repo.commit({"second": "x"})
    asks(repo.url(), "main")
    converges(ready)
    third = repo.commit({"third": "x"})
    command("git", "clone", "-q", "--bare", repo.bare, git.repositories / f"{repo.name}-newer.git")
    repo.rewind(first)
    assert ready.bootwright("run").returncode == 1
    error = ready.status()["run"]["error"]
    assert (error["code"], error["kind"]) == ("repository.mirror_behind", "transient")
    asks(repo.url(), "main", mirrors=[git.url(f"{repo.name}-newer")])
    converges(ready)
    assert [said.rpartition("(")[2] for _, said in places(ready)] == ["repository.mirror_behind)", "gave it"]
    has_checkout(ready, repo, third)
    is_sound(ready)


@pytest.mark.parametrize("way", ["clone", "shallow"])
def test_what_the_seed_lacks_is_a_small_difference(
    ready: Instance, repo: ControlRepo, asks: Any, proxy: FaultProxy, way: str
) -> None:
    repo.commit_ballast(1)
    bake(ready, repo, way)
    repo.commit({"after/the/seed": "x\n"})
    asks(repo.url(port=proxy.port))
    converges(ready)
    has_checkout(ready, repo, repo.head)
    is_sound(ready)
    assert proxy.bytes_down < 5000


@pytest.mark.parametrize("damage", ["no objects", "flipped bits"])
def test_a_damaged_seed_is_passed_over(ready: Instance, repo: ControlRepo, asks: Any, damage: str) -> None:
    bake(ready, repo, "clone")
    repo.commit({"after/the/seed": "x\n"})
    seed = ready.path(SEED)
    if damage == "no objects":
        shutil.rmtree(seed / "objects")
    for file in [*seed.glob("objects/pack/*.pack"), *seed.glob("objects/??/*")]:
        content = bytearray(file.read_bytes())
        for offset in range(len(content) // 3, len(content), 31):
            content[offset] ^= 0x10
        file.chmod(0o644)
        file.write_bytes(content)
    asks(repo.url())
    converges(ready)
    has_checkout(ready, repo, repo.head)
    ready.remove(SEED)
    converges(ready)
    has_checkout(ready, repo, repo.head)
