"""Programs of others: argument vectors, deadlines, and what they say."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from .problem import Problem, Stopped, shown

_LARGEST_ANSWER = 16 << 20
_LARGEST_REASON = 64 << 10
# What a program may echo of its request, and must not reach a log.
_SECRET = re.compile(r"(?i)((?:signature|sig|token|secret|password|account.?key|authorization)\W{0,3}[=:]\W{0,2})[^\s&\"']+")

#: Set when this program is to end.
stopping = threading.Event()


class Tool:
    """One program. With `say`, nothing is run: each command is said instead, and is answered by what its caller pretends."""

    def __init__(self, start: Sequence[str], *, env: Mapping[str, str] | None = None, say: Callable[[str], None] | None = None) -> None:
        self._start = list(start)
        self._env = dict(env or {})
        self.say = say

    def ask(self, arguments: Sequence[str], *, pretend: Any, seconds: float = 300) -> Any:
        """What it answers, read as JSON; None where it says nothing. Throws Problem."""
        if self.say:
            self.run(arguments, seconds=seconds)
            return pretend
        text = self.run(arguments, seconds=seconds)
        try:
            return json.loads(text) if text.strip() else None
        except ValueError as reason:
            raise Problem(
                f"`{self._named(arguments)}` answered no JSON: {shown(text, 200)}", "Run it by hand; publish again when it answers"
            ) from reason

    def run(
        self, arguments: Sequence[str], *, seconds: float = 300, heard: Callable[[bytes], None] = lambda _: None, passing: Sequence[int] | None = None
    ) -> str:
        """What it writes to standard output. heard gets it piece by piece. Throws Problem.

        passing: the statuses after which trying again may help; without it all.
        """
        argv = [*self._start, *arguments]
        if self.say:
            self.say(shlex.join([*(f"{name}={value}" for name, value in self._env.items()), *argv]))
            return ""
        with tempfile.TemporaryFile() as reasons:
            try:
                child = subprocess.Popen(
                    argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=reasons, env={**os.environ, **self._env}, start_new_session=True
                )
            except OSError as reason:
                raise Problem(f"{argv[0]} cannot be started: {reason.strerror}", "Install it; docs/publishing.md says which package has it") from reason
            output = bytearray()
            reader = threading.Thread(target=_read, args=(child, output, heard), daemon=True)
            reader.start()
            self._wait(child, arguments, seconds)
            # A grandchild may have kept the pipe.
            reader.join(5)
            if child.returncode != 0:
                reasons.seek(max(0, os.fstat(reasons.fileno()).st_size - _LARGEST_REASON))
                said = _SECRET.sub(r"\1…", shown(reasons.read().decode(errors="replace")))
                raise Problem(
                    f"`{self._named(arguments)}` ended with status {child.returncode}: {said or 'it said nothing'}",
                    "Publish again, which goes on from here; `--dry-run` prints the commands, to be tried by hand",
                    passing=passing is None or child.returncode in passing,
                )
        return output.decode(errors="replace")

    def _wait(self, child: subprocess.Popen[bytes], arguments: Sequence[str], seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            try:
                child.wait(min(0.5, max(0.01, end - time.monotonic())))
                return
            except subprocess.TimeoutExpired:
                late = time.monotonic() >= end
                if not late and not stopping.is_set():
                    continue
            _end(child)
            if not late:
                raise Stopped
            raise Problem(f"`{self._named(arguments)}` did not end within {seconds:.0f} s", "Publish again, which goes on from here", passing=True)

    def _named(self, arguments: Sequence[str]) -> str:
        """Program and command, without the options."""
        words = [argument for argument in arguments if re.fullmatch(r"[a-z][a-z-]*", argument)]
        return " ".join([os.path.basename(self._start[0]), *words[:3]])


def _read(child: subprocess.Popen[bytes], output: bytearray, heard: Callable[[bytes], None]) -> None:
    assert child.stdout
    while piece := os.read(child.stdout.fileno(), 1 << 16):
        if len(output) < _LARGEST_ANSWER:
            output += piece
        # Who waits for the program notices by itself that this one is to end.
        with suppress(Stopped):
            heard(piece)


def _end(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
            child.wait(5)
            return
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return
