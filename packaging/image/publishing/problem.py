"""What can go wrong, as it is told to a person."""

from __future__ import annotations

import re

_NOT_TEXT = re.compile(r"[^\n\x20-\x7e\u00a0-\U0010ffff]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def shown(text: str, limit: int = 600) -> str:
    """Text from outside on one line, without control characters. What is too long loses its start: the reason stands last."""
    text = " ".join(_NOT_TEXT.sub("?", text).split())
    return text if len(text) <= limit else "…" + text[-limit:]


class Problem(Exception):
    """what: what could not be done, and why. advice: what to do next. passing: whether trying again later may help."""

    def __init__(self, what: str, advice: str, *, passing: bool = False) -> None:
        super().__init__(f"{what}. {advice}")
        self.passing = passing


class Stopped(Exception):
    """Somebody has sent SIGINT or SIGTERM."""
