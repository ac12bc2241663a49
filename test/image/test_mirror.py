"""What is said when the packages do not come. With the real mmdebstrap; as root."""

from __future__ import annotations

from pathlib import Path

import pytest
import sources
import tree
from architectures import architecture
from conftest import IMAGE
from definition import read_definition
from problem import Problem


def test_a_mirror_that_lacks_what_it_is_asked_for_is_the_reason_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "of_this_machine", lambda suite, security: [f"deb [trusted=yes] file:{tmp_path}/gone {suite} main"])
    agent = tmp_path / "bootwright.deb"
    agent.touch()
    reason = f"Failed to fetch file:{tmp_path}/gone/dists/bookworm/main/"
    with tree.in_memory(tmp_path / "memory") as memory, pytest.raises(Problem, match=reason):
        tree.make(
            memory / "tree", read_definition(IMAGE / "base.json"), architecture("amd64"), agent, 0, bootable=False, security=False, pinned=None,
        )  # fmt: skip
