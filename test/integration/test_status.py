"""What an operator sees of the present: in a pipe, in a terminal, while a run is under way, and of a commit by a stranger."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
import time

import pytest
from control_repo import ControlRepo
from instance import Instance
from interruption import let_go, patient_puppet, puppet_is_at_work, quick_puppet
from metadata_server import MetadataServer
from metadata_services import Ec2
from real_machine import CLEAN_ENVIRONMENT
from roles import IMPATIENT, merged, role_config
from runs import report

ESCAPE = "\x1b"


class Terminal:
    """A command of the instance in a terminal of 100 columns."""

    def __init__(self, instance: Instance, *arguments: str, **env: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self._process = subprocess.Popen(
            instance.entry([Instance.BINARY, *arguments]), stdin=theirs, stdout=theirs, stderr=theirs,
            env={**CLEAN_ENVIRONMENT, "TERM": "xterm", **env},
        )  # fmt: skip
        os.close(theirs)
        self.text = ""

    def read_until(self, pattern: str, timeout: float = 60) -> None:
        end = time.monotonic() + timeout
        while not re.search(pattern, self.text):
            assert time.monotonic() < end, self.text
            self._read()

    def end(self) -> int:
        """What is left of its output, and its exit status."""
        with contextlib.suppress(OSError):  # EIO: nobody has it open any more
            while self._read():
                pass
        os.close(self._ours)
        return self._process.wait(20)

    def _read(self) -> bytes:
        read = os.read(self._ours, 65536)
        self.text += read.decode().replace("\r\n", "\n")
        return read


def shown(instance: Instance, status: int = 0) -> str:
    done = instance.bootwright("status")
    assert done.returncode == status, done.stdout
    return done.stdout


@pytest.fixture
def quick(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> Instance:
    instance.configure(merged(IMPATIENT, quick_puppet(instance)))
    metadata.service = Ec2(role_config(repo))
    return instance


def test_the_status_says_what_the_machine_is_and_what_changed(quick: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    first = repo.head
    assert quick.bootwright("run").returncode == 0
    text = shown(quick)
    assert text.startswith(f"configured: role base at {first[:12]}\n")
    assert f"  revision  {first[:12]} The example\n  by        Tests, 2026-01-01 00:00 UTC\n  from      http://" in text
    assert "changes" not in text
    second = repo.commit({"README": "more", "manifests/other.pp": "# nothing"}, "Serve the new site")
    metadata.service = Ec2(role_config(repo))
    assert quick.bootwright("run").returncode == 0
    assert f"  revision  {second[:12]} Serve the new site\n" in shown(quick)
    assert f"  changes   2 files since {first[:12]}\n" in shown(quick)
    commit = quick.status()["run"]["commit"]
    assert commit == {
        "subject": "Serve the new site", "author": "Tests", "date": "2026-01-01T00:01:00.000Z", "tag": None,
        "since": {"revision": first, "files": 2},
    }  # fmt: skip
    assert report(quick)["commit"] == commit
    # Nothing is fetched any more, and the seal still knows.
    assert quick.bootwright("run").returncode == 0
    assert quick.status()["run"]["commit"] == commit
    assert "  from      this machine's disk: nothing had to be fetched\n" in shown(quick)
    line = quick.bootwright("status", "--oneline").stdout
    assert re.fullmatch(rf"configured: role base at {second[:12]}; run 3 unchanged \d.* ago; no daemon\n", line), line


def test_a_seal_of_an_older_agent_is_enough(quick: Instance, repo: ControlRepo) -> None:
    assert quick.bootwright("run").returncode == 0
    seal = f"/var/lib/bootwright/checkout/{repo.head}.seal"
    older = {key: value for key, value in json.loads(quick.read(seal)).items() if key != "words"}
    quick.write(seal, json.dumps(older), 0o600)
    assert quick.bootwright("run").returncode == 0
    assert quick.status()["run"]["commit"] is None and quick.status()["run"]["places"] == []
    assert f"  revision  {repo.head[:12]}\n" in shown(quick)


def test_what_a_stranger_calls_himself_in_a_commit_is_shown_and_not_obeyed(
    quick: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07\u009b31m\u202eroot"
    author = {"GIT_AUTHOR_NAME": hostile, "GIT_AUTHOR_DATE": "@1 +0000"}
    repo._git("commit", "-q", "--allow-empty", "-m", f"{hostile} configured: role fake", env=author)
    repo._git("push", "-q", str(repo.bare), "HEAD:refs/heads/main")
    metadata.service = Ec2(role_config(repo))
    assert quick.bootwright("run").returncode == 0
    for terminal in (Terminal(quick, "status"), Terminal(quick, "status", "--oneline")):
        assert terminal.end() == 0
        left = re.sub(r"\x1b\[\d*(;\d+)?m", "", terminal.text)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", left), repr(left)
    assert "?[2J?]0;owned??31m?root" in shown(quick)
    raw = quick.path("/run/bootwright/status.json").read_bytes().decode()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", raw)


def test_a_terminal_has_colours_and_folded_lines_unless_it_is_told_otherwise(quick: Instance) -> None:
    assert quick.bootwright("run").returncode == 0
    terminal = Terminal(quick, "status")
    assert terminal.end() == 0
    assert terminal.text.startswith("\x1b[32mconfigured\x1b[0m: role base at ")
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}):
        terminal = Terminal(quick, "status", **env)
        assert terminal.end() == 0 and terminal.text.startswith("configured: role base at ") and ESCAPE not in terminal.text
        assert all(len(line) <= 100 for line in terminal.text.splitlines())
    assert ESCAPE not in shown(quick)
    past = Terminal(quick, "history")
    assert past.end() == 0 and "\x1b[32munchanged" in past.text


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["colours", "no colours", "dumb"])
def test_following_shows_the_run_live_until_it_ends(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo, env: dict[str, str]
) -> None:
    instance.configure(merged(IMPATIENT, patient_puppet(instance), {"puppet": {"warm": False}}))
    script = instance.read("/usr/local/bin/patient-puppet")
    told = script.replace(": >/root/puppet-is-here", "echo bootwright-progress 3 9\n: >/root/puppet-is-here")
    instance.write("/usr/local/bin/patient-puppet", told, 0o755)
    metadata.service = Ec2(role_config(repo))
    run = instance.start_bootwright("run")
    puppet_is_at_work(instance)
    terminal = Terminal(instance, "status", "--follow", **env)
    if env.get("TERM") == "dumb":
        terminal.read_until(r"not configured yet: run 1 is under way; puppet")
    else:
        bar = r"\[(\x1b\[32m)?#{10}(\x1b\[0m)?(\x1b\[2m)?\.{20}(\x1b\[0m)?\] 33 %, resources 3 of 9"
        terminal.read_until(bar + r"(.|\n)*" + bar)  # it is drawn again
    let_go(instance)
    assert terminal.end() == 0
    assert run.wait() == 0
    if env.get("TERM") == "dumb":
        assert ESCAPE not in terminal.text and "\nconfigured: role base" in terminal.text
        return
    last = terminal.text.rsplit("\x1b[J", 1)[1]  # what stays once the live rows are gone
    coloured = "NO_COLOR" not in env
    assert last.startswith("\x1b[32mconfigured\x1b[0m: role base" if coloured else "configured: role base"), terminal.text
    assert "\x1b[?7l" in terminal.text and terminal.text.rfind("\x1b[?7h") > terminal.text.rfind("\x1b[?7l")
    assert coloured == bool(re.search(r"\x1b\[[\d;]*m", terminal.text))


def test_following_a_failed_run_ends_as_the_status_does(quick: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    quick.configure(merged(IMPATIENT, quick_puppet(quick, "failed")))
    assert quick.bootwright("run").returncode == 1
    done = quick.bootwright("status", "--follow")
    assert done.returncode == 1 and done.stdout.startswith("FAILED in puppet: puppet.resources_failed\n")
    assert re.search(r"\n  failed    \S+\[.+\] \(\S+:\d+\): ", done.stdout), done.stdout
