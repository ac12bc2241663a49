"""With what an instance may read a repository, and what remains of it afterwards: nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from control_repo import ControlRepo
from fault_proxy import FaultProxy
from forward_proxy import INSIDE, ForwardProxy
from instance import Instance
from interruption import descendants
from machine import Process
from metadata_server import MetadataServer
from metadata_services import Ec2
from real_machine import wait_for
from roles import role_config
from runs import converges, fails, has_checkout, nowhere, prepare
from servers import GitServer

TOKEN_FILE = "/etc/bootwright/token"
DOWNLOADS = "/var/lib/bootwright/download"


@pytest.fixture
def ready(instance: Instance, git: GitServer) -> Instance:
    prepare(instance, git)
    return instance


@pytest.fixture
def asks(metadata: MetadataServer, repo: ControlRepo) -> Callable[..., None]:
    def ask(url: str) -> None:
        metadata.service = Ec2(role_config(repo, url=url))

    return ask


def private(repo: ControlRepo, scheme: str = "https", **options: Any) -> str:
    """Where the repository asks for a password."""
    return repo.url(scheme, at="password", host="git.test", **options)


def credential(source: dict[str, str], user: str = GitServer.USER, host: str = "git.test") -> list[dict[str, Any]]:
    return [{"host": host, "user": user, "from": source}]


def overheard(process: Process, given: dict[str, str] = {}) -> str:
    """The arguments and environments of all processes of a run, until it ends. Not the environment that the agent itself was
    given: that is the word of whoever starts it, and root's alone to read."""
    own = {f"{name}={value}" for name, value in given.items()}
    heard: set[str] = set()
    while process.running:
        for pid in [process.pid, *descendants(process.pid)]:
            for name in ("cmdline", "environ"):
                with contextlib.suppress(OSError):
                    text = Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
                    if not own or name == "cmdline" or not own <= set(text.split("\0")):
                        heard.add(text)
        time.sleep(0.003)
    return "\n".join(heard)


def runs_silently(instance: Instance, secrets: Sequence[str], env: dict[str, str] = {}) -> None:
    """A run that converges, and tells none of the secrets to anybody."""
    process = instance.start_bootwright("run", env=env)
    heard = overheard(process)
    assert process.wait() == 0, process.output
    assert "bootwright-fetch" in heard and "bootwright-download" in heard
    nowhere(instance, secrets, heard, process.output, instance.bootwright("status", "--json").stdout)
    assert not list(instance.path(DOWNLOADS).iterdir())


# Passwords, tokens, keys


@pytest.mark.parametrize(
    ("user", "secret"), [(GitServer.USER, GitServer.PASSWORD), ("x-access-token", GitServer.TOKEN)], ids=["password", "token"]
)
@pytest.mark.parametrize("source", ["file", "credential"])
def test_a_secret_opens_what_is_private_and_is_told_to_nobody(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, source: str, user: str, secret: str
) -> None:
    where = {"file": TOKEN_FILE, "credential": "git.token"}[source]
    file = {"file": TOKEN_FILE, "credential": "/run/credentials/bootwright.service/git.token"}[source]
    ready.write(file, secret + "\n", 0o600)
    prepare(ready, git, credentials=credential({source: where}, user))
    asks(private(repo))
    env = {"CREDENTIALS_DIRECTORY": "/run/credentials/bootwright.service"} if source == "credential" else {}
    runs_silently(ready, [secret], env)
    has_checkout(ready, repo, repo.head)


@pytest.mark.parametrize("source", ["file", "credential"])
def test_an_ssh_key_may_come_from_elsewhere(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, source: str
) -> None:
    key = git.ssh_key.read_text()
    ready.remove("/etc/bootwright/ssh_key")
    where = {"file": "/etc/keys/git", "credential": "git.key"}[source]
    ready.write({"file": where, "credential": "/run/credentials/x/git.key"}[source], key, 0o600)
    prepare(ready, git, credentials=[{"host": "git.test", "ssh_key_from": {source: where}}])
    ready.remove("/etc/bootwright/ssh_key")
    asks(repo.url("ssh", host="git.test"))
    runs_silently(ready, key.splitlines()[1:-1], {"CREDENTIALS_DIRECTORY": "/run/credentials/x"})


def test_credentials_of_a_url_are_neither_kept_nor_shown(ready: Instance, git: GitServer, repo: ControlRepo, asks: Any) -> None:
    url = private(repo).replace("://", f"://{git.USER}:{git.PASSWORD}@")
    asks(url)
    runs_silently(ready, [git.PASSWORD])
    has_checkout(ready, repo, repo.head)
    repo.commit({"second": "x"})
    asks(url.replace(git.PASSWORD, "a-wrong-guess"))
    done = ready.bootwright("run")
    assert done.returncode == 1 and ready.status()["run"]["error"]["code"] == "server.access_denied"
    nowhere(ready, ["a-wrong-guess", git.PASSWORD], done.stdout, done.stderr)


@pytest.mark.parametrize("mode", [0o640, 0o644, 0o660])
def test_a_secret_that_others_may_read_is_not_used(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, mode: int
) -> None:
    ready.write(TOKEN_FILE, git.PASSWORD, mode)
    prepare(ready, git, credentials=credential({"file": TOKEN_FILE}))
    asks(private(repo))
    fails(ready, "repository", "repository.credential_exposed", "permanent", TOKEN_FILE, "chmod 600")
    ready.path(TOKEN_FILE).chmod(0o600)
    converges(ready)


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        ("missing", "repository.credential_missing"),
        ("empty", "repository.credential_missing"),
        ("another's", "repository.credential_exposed"),
        ("wrong", "server.access_denied"),
        ("no credential", "repository.credential_missing"),
        ("none", "server.access_denied"),
    ],
)
def test_a_secret_that_does_not_help_is_an_error(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, problem: str, code: str
) -> None:
    if problem != "missing":
        ready.write(TOKEN_FILE, {"empty": "\n", "wrong": "a-wrong-guess\n"}.get(problem, git.PASSWORD), 0o600)
    if problem == "another's":
        ready.run(["chown", "daemon:", TOKEN_FILE], check=True)
    source = {"credential": "git.token"} if problem == "no credential" else {"file": TOKEN_FILE}
    prepare(ready, git, credentials=[] if problem == "none" else credential(source))
    asks(private(repo))
    run = fails(ready, "repository", code, "permanent")
    assert "a-wrong-guess" not in str(run)
    ready.write(TOKEN_FILE, git.PASSWORD, 0o600)
    prepare(ready, git, credentials=credential({"file": TOKEN_FILE}))
    converges(ready)


def test_a_secret_is_not_sent_where_everybody_can_read_it(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any
) -> None:
    ready.write(TOKEN_FILE, git.PASSWORD, 0o600)
    prepare(ready, git, credentials=credential({"file": TOKEN_FILE}))
    before = len(git.details())
    asks(private(repo, "http"))
    fails(ready, "repository", "repository.credential_exposed", "permanent", "https")
    assert not [request for request in git.details()[before:] if request["authorization"]]


def test_a_secret_is_for_its_own_host(ready: Instance, git: GitServer, repo: ControlRepo, asks: Any) -> None:
    ready.write(TOKEN_FILE, git.PASSWORD, 0o600)
    prepare(ready, git, credentials=credential({"file": TOKEN_FILE}, host="git.test:8443"))
    before = len(git.details())
    asks(private(repo))
    fails(ready, "repository", "server.access_denied", "permanent")
    assert not [request for request in git.details()[before:] if request["authorization"]]
    prepare(ready, git, credentials=credential({"file": TOKEN_FILE}, host="git.test:443"))
    converges(ready)


def test_a_mirror_gets_its_own_secret_and_no_other_s(ready: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer) -> None:
    ready.write(TOKEN_FILE, "for-the-other-host", 0o600)
    ready.write("/etc/bootwright/second", git.PASSWORD, 0o600)
    prepare(
        ready, git,
        credentials=credential({"file": TOKEN_FILE}, host="other.test") + credential({"file": "/etc/bootwright/second"}),
    )  # fmt: skip
    places = {"url": private(repo).replace("git.test", "other.test"), "revision": repo.head, "mirrors": [private(repo)]}
    metadata.service = Ec2(role_config(repo, repository=places))
    before = len(git.details())
    converges(ready)
    sent = {(request["host"], request["authorization"]) for request in git.details()[before:] if request["authorization"]}
    assert len(sent) == 2 and len({host for host, _ in sent}) == 2


# A company's proxy


@pytest.mark.parametrize("login", ["", "worker:pr0xy-secret"])
@pytest.mark.parametrize("source", ["configuration", "https_proxy", "HTTPS_PROXY"])
@pytest.mark.parametrize("way", ["https", "http"])
def test_servers_are_reached_through_a_proxy(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, new_forward_proxy: Callable[..., ForwardProxy],
    source: str, login: str, way: str,
) -> None:  # fmt: skip
    user, _, password = login.partition(":")
    proxy = new_forward_proxy(user=user, password=password)
    if source == "configuration":
        prepare(ready, git, proxy=proxy.url(login))
    asks(repo.url(way, host=INSIDE))
    process = ready.start_bootwright("run", env={} if source == "configuration" else {source: proxy.url(login)})
    status = process.wait()
    assert status == 0, process.output
    nowhere(ready, ["pr0xy-secret"], process.output)
    assert proxy.requests and all(INSIDE in request and not request.startswith("[") for request in proxy.requests)
    assert (way == "http") or proxy.requests == [f"CONNECT {INSIDE}:443"]


@pytest.mark.parametrize("way", ["https", "http"])
def test_a_proxy_that_refuses_is_told(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, new_forward_proxy: Callable[..., ForwardProxy], way: str
) -> None:
    proxy = new_forward_proxy(user="worker", password="right")
    prepare(ready, git, proxy=proxy.url("worker:wr0ng-secret"))
    asks(repo.url(way, host=INSIDE))
    fails(ready, "repository", "server.proxy_denied", "permanent", "407", "repository.proxy")
    nowhere(ready, ["wr0ng-secret"])
    prepare(ready, git, proxy=proxy.url("worker:right"))
    converges(ready)


@pytest.mark.parametrize("source", ["configuration", "no_proxy", "NO_PROXY"])
def test_what_is_near_is_asked_without_the_proxy(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, new_forward_proxy: Callable[..., ForwardProxy], source: str
) -> None:
    proxy = new_forward_proxy()
    env = {"https_proxy": proxy.url(), source: "localhost,.test"}
    if source == "configuration":
        prepare(ready, git, proxy=proxy.url(), no_proxy="localhost,.test")
        env = {}
    asks(repo.url("https", host="git.test"))
    done = ready.bootwright("run", env=env)
    assert done.returncode == 0, done.stdout
    assert proxy.requests == []


# What speaks to servers can do nothing else


def slow(instance: Instance, repo: ControlRepo, proxies: dict[str, FaultProxy], git: GitServer, asks: Any, way: str) -> Process:
    """A run whose download goes on for seconds."""
    repo.commit_ballast(1)
    proxies[way].limit(300_000)
    key = " ".join(git.known_hosts.split()[1:3])
    instance.write("/etc/bootwright/known_hosts", f"[git.test]:{proxies['ssh'].port} {key}\n")
    asks(repo.url(way, host="git.test", port=proxies[way].port))
    process = instance.start_bootwright("run")
    wait_for(lambda: proxies[way].bytes_down > 100_000, "the download")
    return process


def facts_of(instance: Instance, pid: int) -> dict[str, list[str]]:
    lines = (instance.path("/proc") / str(pid) / "status").read_text().splitlines()
    return {name: words.split() for name, _, words in (line.partition(":") for line in lines)}


@pytest.mark.parametrize("way", ["https", "ssh"])
def test_the_download_runs_without_rights(
    ready: Instance, git: GitServer, repo: ControlRepo, proxies: dict[str, FaultProxy], asks: Any, way: str
) -> None:
    process = slow(ready, repo, proxies, git, asks, way)
    own = ready.run(["id", "-u", "bootwright"], check=True).stdout.strip()
    programs = ready.processes("bootwright-download")
    if way == "ssh":
        programs += ready.processes("/usr/bin/ssh ")
        programs.append(int(facts_of(ready, programs[-1])["PPid"][0]))  # its keeper
    assert len(programs) == (3 if way == "ssh" else 1)
    for pid in programs:
        facts = facts_of(ready, pid)
        assert facts["Uid"] == [own] * 4 and facts["Groups"] == []
        for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            assert int(facts[kind][0], 16) == 0, kind
        assert (facts["NoNewPrivs"], facts["Seccomp"]) == (["1"], ["2"])
        # Neither standard streams nor files of root beside its folder.
        for file in (ready.path("/proc") / str(pid) / "fd").iterdir():
            target = file.readlink().as_posix()
            assert target.startswith(("pipe:", "socket:", "anon_inode:", "/dev/null", "/dev/urandom", DOWNLOADS)), target
    above = ready.path(DOWNLOADS).stat()
    assert (above.st_uid, above.st_mode & 0o77) == (0, 0)
    (folder,) = ready.path(DOWNLOADS).iterdir()
    files = {file.name: file.stat() for file in folder.iterdir()}
    assert set(files) == ({"download", "ssh_key", "known_hosts"} if way == "ssh" else {"download"})
    assert all(str(facts.st_uid) == own and facts.st_mode & 0o77 == 0 for facts in files.values())
    writable = ready.run(
        ["setpriv", f"--reuid={own}", "--regid=65534", "--clear-groups", "find", "/var/lib/bootwright", "/etc/bootwright",
         "/run/bootwright", "/usr/lib/bootwright", "-writable", "-not", "-type", "l"]
    )  # fmt: skip
    assert {line for line in writable.stdout.splitlines() if not line.startswith(DOWNLOADS)} == set()
    proxies[way].limit(100_000_000)
    assert process.wait() == 0, process.output
    assert "less confined" not in process.output
    assert not ready.processes("bootwright-download") and not ready.processes("/usr/bin/ssh ")
    assert not list(ready.path(DOWNLOADS).iterdir())


@pytest.mark.parametrize("victim", ["bootwright-download", "bootwright-fetch", "bootwright run"])
def test_a_key_that_a_killed_run_left_is_gone_after_the_next(
    ready: Instance, git: GitServer, repo: ControlRepo, proxies: dict[str, FaultProxy], asks: Any, victim: str
) -> None:
    process = slow(ready, repo, proxies, git, asks, "ssh")
    ready.run(["kill", "-9", *map(str, ready.processes(victim))], check=True)
    proxies["ssh"].heal()
    process.wait()
    converges(ready)
    assert not list(ready.path(DOWNLOADS).iterdir())
    wait_for(lambda: not ready.processes("bootwright-") and not ready.processes("/usr/bin/ssh "), "the end of all")
    has_checkout(ready, repo, repo.head)
