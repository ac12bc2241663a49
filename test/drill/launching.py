"""The command lines that launch a machine: what they say of the user-data, and what the clouds' own programs make of them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from debian_programs import CLOUDS, complaint, environment_of, unpack
from problem import Problem


@dataclass(frozen=True)
class Debian:
    """Real programs of the clouds, and Nova, unpacked into a folder."""

    root: Path
    #: In which they are found.
    environment: dict[str, str]


def debian(folder: Path) -> Debian:
    """The folder is filled if it is not there: some 300 packages, 1.1 GB."""
    root = folder / "root"
    if not root.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unpack(folder, (*CLOUDS.values(), "nova-api"))
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return Debian(root, environment_of(root, home))


def user_data_file(line: str) -> str:
    """The file that the cloud is given as user-data."""
    words = shlex.split(line)
    for option, beginning, end in (
        ("--user-data", "file://" if words[0] == "aws" else "", ""),
        ("--metadata-from-file", "user-data=", ""),
        ("--config", "cloud-init.user-data=$(cat ", ")"),
    ):
        if option in words[:-1]:
            value = words[words.index(option) + 1]
            if value.startswith(beginning) and value.endswith(end):
                return value.removeprefix(beginning).removesuffix(end)
    raise Problem(f"this passes no file as user-data: {line}")


def check(line: str, folder: Path, debian: Debian) -> None:
    """Whether the cloud's program knows each word of it. Nobody is asked."""
    words = shlex.split(line)
    if words[0] in CLOUDS and (said := complaint(words, folder, debian.environment)):
        raise Problem(f"{words[0]} does not take this: {line}\n{said}")
