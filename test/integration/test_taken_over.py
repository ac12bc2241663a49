"""A server takes over the program that speaks to it. What it can do ends with that transfer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from conftest import BINARY
from control_repo import ControlRepo
from instance import Instance
from interruption import quick_puppet
from metadata_server import MetadataServer
from metadata_services import Ec2
from roles import IMPATIENT, merged, role_config
from runs import REPOSITORIES, converges, fails, has_checkout, places, prepare
from servers import GitServer

DOWNLOADS = "/var/lib/bootwright/download"
PATIENCE = 90


class Download:
    """bootwright-download of an instance, which can be taken over and given back."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.honest = instance.path(instance.DOWNLOAD).read_bytes()

    def is_taken_over(self, do: str = "", *say: str) -> None:
        self.instance.write("/etc/taken_over.json", json.dumps({"do": do, "say": say}))
        self.instance.write(self.instance.DOWNLOAD, BINARY.with_name("taken_over_download").read_bytes(), 0o755)

    def is_honest(self) -> None:
        self.instance.write(self.instance.DOWNLOAD, self.honest, 0o755)


#: No server here is slow on purpose, and the machine of the tests may be busy.
PATIENT = {"stall": "20s", "timeout": "60s"}


@pytest.fixture
def ready(instance: Instance, git: GitServer) -> Instance:
    prepare(instance, git, **PATIENT)
    return instance


@pytest.fixture
def download(ready: Instance) -> Download:
    return Download(ready)


@pytest.fixture
def asks(metadata: MetadataServer, repo: ControlRepo) -> Callable[..., None]:
    def ask(scheme: str = "https", *mirrors: str) -> None:
        config = json.loads(role_config(repo, url=repo.url(scheme)))
        config["repository"]["mirrors"] = list(mirrors)
        metadata.service = Ec2(json.dumps(config).encode())

    return ask


def nothing_is_left(instance: Instance) -> None:
    assert instance.processes("bootwright-download") == []
    own = instance.run(["id", "-u", "bootwright"], check=True).stdout.strip()
    assert instance.run(["ps", "-o", "pid=,args=", "-u", own]).stdout.strip() == ""
    assert list(instance.path(DOWNLOADS).iterdir()) == []


def recovers(instance: Instance, download: Download, repo: ControlRepo) -> None:
    """What it did stands in no later run's way."""
    download.is_honest()
    converges(instance)
    has_checkout(instance, repo, repo.head)
    nothing_is_left(instance)


def error_line(kind: str, code: str, message: str = "m") -> str:
    return json.dumps({"error": {"kind": kind, "code": code, "message": message, "advice": "a"}})


# Processes


@pytest.mark.parametrize(("scheme", "said"), [("https", "no process"), ("ssh", "a process")])
def test_no_process_of_it_lives_on(
    ready: Instance, repo: ControlRepo, download: Download, asks: Any, scheme: str, said: str
) -> None:
    asks(scheme)
    download.is_taken_over("live on")
    fails(ready, "repository", "server.unreachable", "transient", said)
    nothing_is_left(ready)
    recovers(ready, download, repo)


def test_processes_that_multiply_end_too(ready: Instance, repo: ControlRepo, download: Download, asks: Any) -> None:
    asks("ssh")
    download.is_taken_over("multiply")
    fails(ready, "repository", "server.unreachable", "transient", "many processes")
    nothing_is_left(ready)
    recovers(ready, download, repo)


# Files


def test_the_key_of_one_transfer_is_not_there_in_another(
    ready: Instance, repo: ControlRepo, download: Download, asks: Any
) -> None:
    asks("ssh")
    download.is_taken_over("keep key")
    fails(ready, "repository", "server.unreachable", "transient", "it was here")
    asks("https")
    download.is_taken_over("spy")
    run = fails(ready, "repository", "server.unreachable", "transient", "found:")
    assert run["error"]["message"].endswith("found:"), run["error"]
    recovers(ready, download, repo)


def test_folders_in_folders_stand_in_nobodys_way(ready: Instance, repo: ControlRepo, download: Download, asks: Any) -> None:
    asks()
    download.is_taken_over("make deep")
    fails(ready, "repository", "server.unreachable", "transient", "deep")
    nothing_is_left(ready)
    recovers(ready, download, repo)


@pytest.mark.parametrize("what", ["link", "fifo", "device", "folder"])
def test_what_is_no_file_is_not_read_as_one(
    ready: Instance, repo: ControlRepo, download: Download, asks: Any, what: str
) -> None:
    asks()
    answer = {"git": {"commit": repo.head, "tags": [], "has_pack": True, "is_shallow": True}}
    download.is_taken_over(f"put {what}", json.dumps(answer))
    fails(ready, "repository", "repository.fetch_crashed", "transient", "no regular file")
    nothing_is_left(ready)
    recovers(ready, download, repo)


# Words


@pytest.mark.parametrize(
    "lie",
    [
        error_line("stopped", "stopped"),
        error_line("transient", "git.corrupt"),
        error_line("permanent", "repository.branch_rewritten"),
        error_line("transient", "io.no_space"),
        error_line("permanent", "sandbox.failed"),
        error_line("transient", "process.cannot_start"),
        error_line("transient", "server.unreachable\u001b[2J"),
        json.dumps({"received": 1 << 60}),
        json.dumps({"git": {"commit": "main"}}),
        json.dumps({"git": {"commit": "0" * 40, "tags": [], "has_pack": False, "is_shallow": False, "x": "y" * 70_000}}),
        json.dumps({"r10k": {}}),
        '{"a":' * 20_000,
        "rubbish",
    ],
    ids=["stopped", "corrupt", "rewritten", "full", "sandbox", "process", "terminal", "long", "commit", "huge", "r10k", "nested",
         "rubbish"],
)  # fmt: skip
def test_what_it_may_not_say_is_not_believed(
    ready: Instance, git: GitServer, repo: ControlRepo, download: Download, asks: Any, lie: str
) -> None:
    asks()
    converges(ready)
    before = sorted(path.name for path in ready.path(REPOSITORIES).iterdir())
    repo.commit({"newer": "x"})
    asks()
    download.is_taken_over("", lie)
    fails(ready, "repository", "repository.fetch_crashed", "transient")
    assert "\x1b" not in ready.read("/run/bootwright/status.json")
    assert sorted(path.name for path in ready.path(REPOSITORIES).iterdir()) == before  # nothing was set aside
    recovers(ready, download, repo)


def test_another_place_is_asked_whatever_it_says(
    ready: Instance, git: GitServer, repo: ControlRepo, download: Download, asks: Any
) -> None:
    """The good mirror is a folder of this machine, which needs no program."""
    shutil.copytree(repo.bare, ready.path("/srv/copy.git"))
    asks("https", "file:///srv/copy.git")
    download.is_taken_over("", error_line("transient", "io.failed"))
    converges(ready)
    assert "repository.fetch_crashed" in places(ready)[0][1] and places(ready)[1][1] == "gave it"
    has_checkout(ready, repo, repo.head)


def test_the_daemon_goes_on_where_it_says_that_all_is_stopped(
    ready: Instance, git: GitServer, repo: ControlRepo, download: Download, asks: Any
) -> None:
    asks()
    download.is_taken_over("", error_line("stopped", "stopped"))
    ready.configure(
        merged(IMPATIENT, quick_puppet(ready), {"repository": {"ca_file": "/etc/bootwright/ca.pem", "timeout": "20s"}})
    )
    daemon = ready.start_bootwright("daemon")
    ready.wait_for_status(lambda status: status["run"]["number"] >= 1 and status["run"]["error"], "the lie", PATIENCE)
    download.is_honest()
    ready.wait_for_status(lambda status: status["run"]["number"] >= 2 and status["run"]["error"] is None and status["run"]["outcome"], "a good run", PATIENCE)
    daemon.stop()


@pytest.mark.parametrize("what", ["lines without end", "a line without end"])
def test_what_it_says_without_end_has_an_end(
    ready: Instance, git: GitServer, repo: ControlRepo, download: Download, asks: Any, what: str
) -> None:
    prepare(ready, git, timeout="4s")
    asks()
    download.is_taken_over(what)
    done = ready.bootwright("run", timeout=PATIENCE)
    assert done.returncode == 1
    assert ready.status()["run"]["error"]["code"] in ("repository.timeout", "repository.fetch_crashed")
    # Where the agent's own deadline came first, the folder goes with the next run.
    assert ready.processes("bootwright-download") == []
    prepare(ready, git, **PATIENT)
    recovers(ready, download, repo)


# Who it is


def test_r10k_never_runs_as_nobody(ready: Instance, git: GitServer, repo: ControlRepo, asks: Any) -> None:
    prepare(ready, git, puppetfile="r10k")
    ready.write("/usr/bin/r10k", "#!/bin/sh\nexit 0\n", 0o755)
    repo.commit({"Puppetfile": "mod 'a', git: 'https://git.test/a.git'\n"})
    asks()
    accounts = ready.read("/etc/passwd")
    ready.write("/etc/passwd", "".join(line for line in accounts.splitlines(True) if not line.startswith("bootwright:")))
    fails(ready, "repository", "repository.no_user", "permanent", "nobody", "adduser --system")


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_client_key_that_others_may_read_is_not_used(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, mode: int
) -> None:
    prepare(ready, git, client_key="/etc/bootwright/client.key", client_certificate="/etc/bootwright/ca.pem")
    ready.write("/etc/bootwright/client.key", "a key", mode)
    asks()
    fails(ready, "repository", "repository.credential_exposed", "permanent", "/etc/bootwright/client.key", "chmod 600")
