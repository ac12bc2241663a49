"""docs/region-down.md as what it is followed by: its steps, and the commands of each, word for word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from problem import Problem

PAGE = Path(__file__).resolve().parents[2] / "docs/region-down.md"

_STEP = re.compile(r"\*\*(?:(\d+)\. |(Afterwards)\.)")
#: What the reader puts in: words in capitals that are no part of another word.
_BLANK = re.compile(r"(?<![\w-])[A-Z]{2,}(?:-[A-Z]+)*(?![\w-])")


class Runbook:
    """Each command is to be taken once: left() names what nobody has followed."""

    def __init__(self, text: str) -> None:
        self._left: dict[str, list[str]] = {}
        step = ""
        for line in text.splitlines():
            if found := _STEP.match(line):
                step = found[1] or found[2]
                self._left[step] = []
            elif line.startswith("    "):
                if not step:
                    raise Problem(f"{PAGE.name}: a command before the first step: {line.strip()}")
                self._left[step].append(line.strip())

    def take(self, step: str, beginning: str) -> str:
        """The command of the step that begins so."""
        for command in self._left.get(step, []):
            if command.startswith(beginning):
                self._left[step].remove(command)
                return command
        raise Problem(f"{PAGE.name}: step {step} has no command (left) that begins with {beginning!r}: follow the page as it is now")

    def left(self) -> list[str]:
        return [f"step {step}: {command}" for step, commands in self._left.items() for command in commands]


def filled(command: str, blanks: Mapping[str, str]) -> str:
    """With the reader's own words in place of those in capitals."""

    def word(found: re.Match[str]) -> str:
        if found[0] not in blanks:
            raise Problem(f"{PAGE.name}: nobody knows what {found[0]} is in: {command}")
        return blanks[found[0]]

    return _BLANK.sub(word, command)
