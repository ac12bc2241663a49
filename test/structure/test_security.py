"""SECURITY.md says of each promise which test holds it, and each of these tests exists.

A cell names tests as `test/integration/test_x.py::test_name`, `test/unit/x_test.cpp: "the case's name"` or
`test/fuzz/target.cpp`, several of them with <br> between.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADING = "## Promises and their tests"
PYTHON = re.compile(r"(test/[\w./-]+\.py)::(test_\w+)")
CATCH2 = re.compile(r'(test/[\w./-]+\.cpp): "(.+)"')
FUZZED = re.compile(r"test/fuzz/[\w-]+\.cpp")
CASE = re.compile(r'^\s*(?:TEST_CASE|SCENARIO)\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', re.MULTILINE)


def rows(text: str) -> list[list[str]]:
    """The cells of each row of the table below HEADING, without its two lines of head."""
    below = text.partition(f"{HEADING}\n")[2].split("\n## ")[0]
    lines = [line.strip() for line in below.splitlines() if line.strip().startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def exists(root: Path, reference: str) -> bool:
    found = PYTHON.fullmatch(reference) or CATCH2.fullmatch(reference) or FUZZED.fullmatch(reference)
    if not found:
        return False
    file = root / (found[1] if found.re is not FUZZED else found[0])
    if not file.is_file():
        return False
    text = file.read_text(encoding="utf-8")
    if found.re is PYTHON:
        return any(isinstance(node, ast.FunctionDef) and node.name == found[2] for node in ast.parse(text).body)
    if found.re is CATCH2:
        cases = ("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', case)) for case in CASE.findall(text))
        return found[2].replace('\\"', '"') in (case.replace('\\"', '"') for case in cases)
    return "LLVMFuzzerTestOneInput" in text


def problems(root: Path, text: str) -> list[str]:
    found = []
    for cells in rows(text):
        if len(cells) != 2 or not all(cells):
            found.append(f"not a promise and its tests: {' | '.join(cells)}")
            continue
        for reference in re.split(r"\s*<br>\s*", cells[1]):
            if not exists(root, reference.strip("`")):
                found.append(f"no such test: {reference} (of: {cells[0]})")
    promises = [cells[0] for cells in rows(text)]
    found += [f"twice: {promise}" for promise in sorted(set(promises)) if promises.count(promise) > 1]
    return found if promises else ["the table is missing, or has no row"]


def test_each_promise_has_its_tests() -> None:
    found = problems(ROOT, (ROOT / "SECURITY.md").read_text(encoding="utf-8"))
    assert not found, "\n" + "\n".join(found)


GOOD = [
    "`test/a/test_a.py::test_one`",
    '`test/a_test.cpp: "one \\"quoted\\" name that goes on"`',
    '`test/a_test.cpp: "one "quoted" name that goes on"`',
    "`test/fuzz/a.cpp`<br>`test/a/test_a.py::test_one`",
]
BAD = [
    "",
    "test_one",
    "`test/a/test_a.py::test_none`",
    "`test/a/test_a.py::test_inner`",
    "`test/a/test_a.py::test_told`",
    "`test/a/test_b.py::test_one`",
    '`test/a_test.cpp: "one"`',
    '`test/a_test.cpp: "gone"`',
    "`test/fuzz/b.cpp`",
    "`test/fuzz/a.cpp`<br>`test/a/test_a.py::test_none`",
    "`test/a/test_a.py::test_one` | more",
]


def test_the_check_can_fail(tmp_path: Path) -> None:
    (tmp_path / "test/a").mkdir(parents=True)
    (tmp_path / "test/fuzz").mkdir()
    (tmp_path / "test/a/test_a.py").write_text('def test_one():\n    def test_inner():\n        "def test_told():"\n')
    (tmp_path / "test/a_test.cpp").write_text('TEST_CASE(\n    "one \\"quoted\\" name "\n    "that goes on") {}\n// TEST_CASE("gone") {}\n')
    (tmp_path / "test/fuzz/a.cpp").write_text('extern "C" int LLVMFuzzerTestOneInput(')
    (tmp_path / "test/fuzz/b.cpp").write_text("")

    def found(*cells: str, heading: str = HEADING) -> list[str]:
        table = "".join(f"| promise {i} | {cell} |\n" for i, cell in enumerate(cells))
        return problems(tmp_path, f"# Security\n\n{heading}\n\n| promise | tests |\n|-|-|\n{table}\n## More\n\n| x | y |\n|-|-|\n| z | z |\n")

    assert found(*GOOD) == []
    for cell in BAD:
        assert len(found(*GOOD, cell)) == 1, cell
    assert found() and found(*GOOD, heading="## Others")
    assert problems(tmp_path, f"{HEADING}\n\n| p | t |\n|-|-|\n" + f"| same | {GOOD[0]} |\n" * 2) == ["twice: same"]
