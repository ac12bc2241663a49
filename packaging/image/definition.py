"""The definition of a base image: a JSON file of about ten lines that its users change. base.json is the one that is kept here."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from problem import Problem

_PACKAGE = r"[a-z0-9][a-z0-9+.-]+"
_SIZES = {"M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True)
class Definition:
    name: str  # begins the names of all files
    suite: str  # Debian's word: bookworm, trixie, forky
    mirror: str  # the one that the image's own apt asks; a build asks those of the machine that builds
    puppet: str  # the package of Puppet or OpenVox
    packages: list[str]  # besides Debian's minimum, what makes it boot, Puppet and bootwright
    unattended_upgrades: bool  # security updates every day, without being asked
    disk: int  # bytes; a larger disk is filled at the first boot
    formats: list[str]


def _word(pattern: str, meaning: str) -> Any:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"must be {meaning}")
        return value

    return read


def _list(read: Any) -> Any:
    def read_list(value: Any) -> list[str]:
        if not isinstance(value, list) or len(set(map(str, value))) != len(value):
            raise ValueError("must be a list without repetition")
        return [read(entry) for entry in value]

    return read_list


def _choice(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _size(value: Any) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"[1-9][0-9]{0,5}[MG]", value):
        raise ValueError('must be a size such as "3G" or "2500M"')
    return int(value[:-1]) * _SIZES[value[-1]]


_READERS = {
    "name": _word(r"[a-z0-9][a-z0-9.-]{0,40}", "a name of a-z, 0-9, '.' and '-'"),
    "suite": _word(r"[a-z]+", "the code name of a Debian release"),
    "mirror": _word(r"https?://[A-Za-z0-9.:/_-]+", "a URL of http or https without a password"),
    "puppet": _word(_PACKAGE, "the name of a package"),
    "packages": _list(_word(_PACKAGE, "names of packages")),
    "unattended_upgrades": _choice,
    "disk": _size,
    "formats": _list(_word(r"[a-z0-9]+", "names of formats")),
}


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, _ in pairs:
        if sum(other == key for other, _ in pairs) > 1:
            raise ValueError(f'"{key}" stands there twice')
    return dict(pairs)


def read_definition(file: Path) -> Definition:
    """Problem, with file, line and key, for what is missing, unknown or of another kind."""
    try:
        text = file.read_text()
        values = json.loads(text, object_pairs_hook=_without_repetition)
    except OSError as error:
        raise Problem(f"{file}: {error.strerror}") from None
    except ValueError as error:
        raise Problem(f"{file}: {error}") from None
    if not isinstance(values, dict):
        raise Problem(f"{file}: must be an object of JSON")
    names = [field.name for field in fields(Definition)]
    read: dict[str, Any] = {}
    for key, value in values.items():
        line = text[: text.find(json.dumps(key))].count("\n") + 1
        if key not in _READERS:
            raise Problem(f'{file}:{line}: unknown key "{key}"; there are {", ".join(names)}')
        try:
            read[key] = _READERS[key](value)
        except ValueError as error:
            raise Problem(f'{file}:{line}: "{key}" {error}') from None
    if missing := [name for name in names if name not in read]:
        raise Problem(f"{file}: missing: {', '.join(missing)}")
    return Definition(**read)
