"""docs/role-config.md shows the table of agent/config/role_keys.cpp: the same keys, in the same order, with the same trust."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORDS = {"anywhere": "anywhere", "guarded": "guarded", "guarded_by_url": "guarded by URL"}


def keys_in_source(text: str) -> list[tuple[str, str]]:
    return [(key, WORDS[trust]) for key, trust in re.findall(r'\{"([a-z_.]+)", (anywhere|guarded|guarded_by_url)(?:, true)?\}', text)]


def keys_in_document(text: str) -> list[tuple[str, str]]:
    section = text.split("## Who may say what")[1].split("\n## ")[0]
    return re.findall(r"^\| `([a-z_.]+)` \| ([a-zA-Z ]+) \| .+ \|$", section, re.MULTILINE)


def test_the_document_shows_the_table_of_the_code() -> None:
    source = keys_in_source((ROOT / "agent/config/role_keys.cpp").read_text())
    assert source
    assert keys_in_document((ROOT / "docs/role-config.md").read_text()) == source


def test_the_check_can_fail() -> None:
    assert keys_in_source('{"a.b", guarded, true},\n{"c", anywhere},') == [("a.b", "guarded"), ("c", "anywhere")]
    document = "## Who may say what\n| key | from | why |\n|-|-|-|\n| `a.b` | guarded | x |\n## Next\n| `c` | anywhere | y |\n"
    assert keys_in_document(document) == [("a.b", "guarded")]
