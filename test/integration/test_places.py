"""A repository comes from wherever it is to be had, and at the price of the pinned tree alone."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from control_repo import ControlRepo
from fault_proxy import FaultProxy
from instance import Instance
from interruption import right_clock, set_clock
from network import METADATA_ADDRESS, SERVERS_ADDRESS
from real_machine import command
from runs import converges, fails, has_checkout, has_object, is_sound, places, prepare
from servers import GitServer
from ways import asks, behind, ready, trust_proxies
from world import World

#: Bytes: more than the example's tree and what is said around it, less than a megabyte of history.
CHEAP = 100_000


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


@pytest.mark.parametrize("servers", [[SERVERS_ADDRESS], [SERVERS_ADDRESS, METADATA_ADDRESS]])
@pytest.mark.parametrize("way", ["https", "ssh", "git"])
def test_a_dead_name_server_is_named(
    ready: Instance, repo: ControlRepo, asks: Any, world: World, way: str, servers: list[str]
) -> None:
    """Nobody has asked the git server yet: it is not to blame, nor is the memory of this machine."""
    ready.write("/etc/resolv.conf", "".join(f"nameserver {server}\n" for server in servers))
    world.network.filter("udp dport 53 drop", "tcp dport 53 drop")
    asks(repo.url(way, host="git.elsewhere.test"))
    said = fails(ready, "repository", "server.unreachable", "transient", "git.elsewhere.test", "/etc/resolv.conf", *servers)["error"]
    assert "name" in said["message"] and "getent ahosts git.elsewhere.test" in said["advice"], said
    assert "git server" not in said["message"] + said["advice"], said


def test_a_name_that_nobody_knows_is_named(ready: Instance, repo: ControlRepo, asks: Any) -> None:
    ready.write("/etc/resolv.conf", "")
    for way in ("https", "ssh", "git"):
        asks(repo.url(way, host="git.elsewhere.test"))
        fails(ready, "repository", "server.unreachable", "transient", "the name git.elsewhere.test", "no name server")


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
