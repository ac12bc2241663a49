"""What the tests run, and wait for, on the real machine."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

REPOSITORY_ROOT = Path(__file__).resolve().parents[2]

# The shell that runs the tests may name certificates, proxies or a Ruby of its own; a machine that boots has none of that.
CLEAN_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}

T = TypeVar("T")


def command(*argv: str | Path, input: str | None = None, env: Mapping[str, str] = {}, cwd: Path | None = None) -> str:
    """Runs a command on the real machine, in a clean environment, and returns what it printed."""
    words = [str(word) for word in argv]
    done = subprocess.run(
        words, input=input, text=True, capture_output=True, timeout=120, env={**CLEAN_ENVIRONMENT, **env}, cwd=cwd
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def wait_for(probe: Callable[[], T], what: str, timeout: float = 20, every: float = 0.02) -> T:
    """The first true value that the probe returns."""
    end = time.monotonic() + timeout
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout:g} s for {what}; the last value was {value!r}")
        time.sleep(every)


def make_read_only(mount_point: Path) -> None:
    """Remounts a file system read-only. The kernel refuses while a file there is open for writing, or is removed and not yet
    closed: a process that has just ended may need a moment for that."""
    end = time.monotonic() + 20
    while True:
        try:
            command("mount", "-o", "remount,ro", mount_point)
            return
        except RuntimeError as error:
            if "busy" not in str(error) or time.monotonic() > end:
                users = subprocess.run(["fuser", "-vm", mount_point], capture_output=True, text=True, timeout=20)
                raise RuntimeError(f"{error}in use by:\n{users.stdout}{users.stderr}") from error
        time.sleep(0.05)


def hold(*argv: str | Path, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    """Starts a process that is killed when this one ends, however it ends, and that Ctrl-C does not reach."""
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *map(str, argv)],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        text=True,
        env=CLEAN_ENVIRONMENT,
        start_new_session=True,
    )


def pid_when_ready(holder: subprocess.Popen[str], what: str) -> int:
    """What a script that hold() has started with stdout=PIPE prints as "ready PID". RuntimeError with all that it printed if it ends before."""
    assert holder.stdout is not None
    printed = ""
    for line in holder.stdout:
        if line.startswith("ready "):
            return int(line.split()[1])
        printed += line
    raise RuntimeError(f"{what} does not start: {printed}")
