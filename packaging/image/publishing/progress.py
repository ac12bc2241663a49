"""How far each region is: bars on a terminal, else plain lines."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress

from .problem import Stopped, shown
from .tool import stopping

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """All regions. Its lines may be said from any thread."""

    def __init__(self, names: list[str], *, quiet: bool = False) -> None:
        """quiet: neither bars nor lines for what goes well."""
        self.quiet = quiet
        self._width = max((len(name) for name in names), default=0)
        self._bars = _bars_class() if sys.stderr.isatty() and not quiet else None
        self._positions = {name: position for position, name in enumerate(names)}
        self._mutex = threading.Lock()

    def region(self, name: str) -> Region:
        label = name.ljust(self._width)
        bar = None
        if self._bars:
            bar = self._bars(
                total=1, position=self._positions[name], desc=label, unit="B", unit_scale=True, unit_divisor=1024, leave=False, dynamic_ncols=True
            )
        return Region(self, label, bar)

    def say(self, line: str) -> None:
        with self._mutex:
            if self._bars:
                self._bars.write(line, file=sys.stdout)
            else:
                # Whoever read it may be gone; the copies go on.
                with suppress(BrokenPipeError):
                    print(line, flush=True)


class Region:
    def __init__(self, progress: Progress, label: str, bar: object) -> None:
        self._progress = progress
        self._label = label
        self._bar = bar
        self._mutex = threading.Lock()
        self._total = 0
        self._said_at = 0.0

    def step(self, what: str, total: int = 0) -> None:
        """Begins something of `total` bytes, or percent where 100; of unknown length where 0. Throws Stopped."""
        if stopping.is_set():
            raise Stopped
        with self._mutex:
            self._total = total
            self._said_at = time.monotonic()
            if self._bar is not None:
                self._bar.reset()  # type: ignore[attr-defined]
                self._bar.total = total or None  # type: ignore[attr-defined]
                self._bar.set_postfix_str(shown(what, 60))  # type: ignore[attr-defined]
                return
        if not self._progress.quiet:
            self.say(what)

    def at(self, done: int) -> None:
        """Throws Stopped."""
        if stopping.is_set():
            raise Stopped
        with self._mutex:
            if self._bar is not None:
                self._bar.update(done - self._bar.n)  # type: ignore[attr-defined]
                return
            now = time.monotonic()
            if not self._total or self._progress.quiet or now - self._said_at < _SECONDS_BETWEEN_LINES:
                return
            self._said_at = now
        self.say(f"{100 * done // self._total} %")

    def say(self, line: str) -> None:
        self._progress.say(f"{self._label}  {shown(line, 2000)}")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()  # type: ignore[attr-defined]


def _bars_class() -> object:
    # Only a terminal needs the library.
    from tqdm import tqdm

    return tqdm
