"""The machines in test/fixtures, one folder for each platform."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from real_machine import REPOSITORY_ROOT

FIXTURES = REPOSITORY_ROOT / "test/fixtures"


def fixture_files(platform: str, folder: str) -> dict[str, str]:
    """What a machine of the platform has below /FOLDER, such as "sys"."""
    root = FIXTURES / platform / "root" / folder
    return {str(file.relative_to(root)): file.read_text() for file in root.rglob("*") if file.is_file()}


@dataclass(frozen=True)
class Platform:
    name: str
    root: Path
    listen: str  # an address, or the path of a socket
    identity: str | None  # the path of the document that names the instance; None: there is no service
    user_data: str | None  # the path of the user-data; None: it stands in that document
    expected: dict[str, Any]
    expected_user_data: str

    def __str__(self) -> str:
        return self.name

    @property
    def answers(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = json.loads((self.root / "metadata-answers.json").read_text())
        return entries


def read_platform(file: Path) -> Platform:
    about = json.loads(file.read_text())
    return Platform(
        file.parent.name, file.parent / about["root"], about["listen"], about["identity"], about["user_data"],
        about["expected"], about["expected_user_data"],
    )  # fmt: skip
