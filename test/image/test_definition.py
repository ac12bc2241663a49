"""The definition is read strictly: what is wrong is said with line and key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import IMAGE
from definition import Definition, read_definition
from formats import format_of
from problem import Problem

BASE = json.loads((IMAGE / "base.json").read_text())


def written(folder: Path, **changes: object) -> Path:
    file = folder / "image.json"
    file.write_text(json.dumps({**BASE, **changes}, indent=1))
    return file


def test_the_base_is_ten_lines_that_can_be_read() -> None:
    read = read_definition(IMAGE / "base.json")
    assert read == Definition(**{**BASE, "disk": 3 << 30})
    assert len((IMAGE / "base.json").read_text().splitlines()) == 10
    for name in read.formats:
        assert format_of(name).NEEDS in ("raw", "tar")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colour": "red"}, 'image.json:23: unknown key "colour"'),
        ({"name": "../base"}, 'image.json:2: "name" must be'),
        ({"suite": 12}, 'image.json:3: "suite" must be'),
        ({"mirror": "http://user:secret@example.com/debian"}, '"mirror" must be a URL of http or https without a password'),
        ({"packages": ["git", "git"]}, '"packages" must be a list without repetition'),
        ({"packages": ["--include"]}, '"packages" must be names of packages'),
        ({"packages": ["git,--hook"]}, '"packages" must be names of packages'),
        ({"unattended_upgrades": "yes"}, '"unattended_upgrades" must be true or false'),
        ({"disk": "3 GB"}, '"disk" must be a size'),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(Problem) as raised:
        read_definition(written(tmp_path, **changes))
    assert said in str(raised.value)
    assert "secret" not in str(raised.value)


def test_what_is_missing_or_twice_or_no_json_is_said(tmp_path: Path) -> None:
    file = tmp_path / "image.json"
    for text, said in (('{"name": "base"}', "missing: suite, mirror"), ('{"name": "a", "name": "b"}', '"name" stands there twice'), ("{", "line 1"), ("[]", "must be an object")):
        file.write_text(text)
        with pytest.raises(Problem, match=said):
            read_definition(file)
    with pytest.raises(Problem, match="No such file"):
        read_definition(tmp_path / "none.json")


def test_an_unknown_format_is_said() -> None:
    with pytest.raises(Problem, match="unknown format floppy: there are oci, qcow2, raw, tar, vhd, vmdk"):
        format_of("floppy")
