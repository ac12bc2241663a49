"""What test/count_results.py makes of results: nothing that did not run counts as passed, or vanishes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BY_NAME = "by name only: BOOTWRIGHT_REBOOTS=1 test/run boot"


def junit(*cases: str) -> str:
    return "<testsuites><testsuite>" + "".join(cases) + "</testsuite></testsuites>"


def case(name: str, inside: str = "") -> str:
    return f'<testcase classname="c" name="{name}">{inside}</testcase>'


PASSED, SKIPPED = case("good"), case("away", '<skipped message="no kernel"/>')
LATER = case("later", f'<skipped message="{BY_NAME}"/>')
MANY = [case(f"later[{number}]", f'<skipped message="{BY_NAME}"/>') for number in range(11)]


@pytest.mark.parametrize(
    ("files", "status", "said"),
    [
        ({"a.xml": junit(PASSED)}, 0, "1 passed, 0 failed\n"),
        ({"a.catch2": ":test-result: PASS one\n"}, 0, "1 passed, 0 failed\n"),
        ({"a.xml": junit(PASSED, case("bad", '<failure message="x"/>'))}, 1, "FAILED: c: bad: x\n1 passed, 1 failed\n"),
        ({"a.xml": junit(PASSED, SKIPPED)}, 1, "SKIPPED: c: away: no kernel\n1 passed, 0 failed, 1 skipped\n"),
        ({"a.catch2": ":test-result: PASS one\n:test-result: SKIP two\n"}, 1, "SKIPPED: two\n1 passed, 0 failed, 1 skipped\n"),
        ({"a.xml": junit(PASSED, LATER)}, 0, "BY NAME: c: later: BOOTWRIGHT_REBOOTS=1 test/run boot\n1 passed, 0 failed, 1 run by name only\n"),
        ({"a.xml": junit(PASSED, *MANY)}, 0, "BY NAME: 11 test cases: BOOTWRIGHT_REBOOTS=1 test/run boot\n1 passed, 0 failed, 11 run by name only\n"),
        # No command, no excuse.
        ({"a.xml": junit(PASSED, case("x", '<skipped message="by name only: some day"/>'))}, 1, "1 skipped\n"),
        ({"a.xml": junit(LATER)}, 1, "no test ran\n"),
        ({}, 1, "no test ran\n"),
        ({"a.xml": junit()}, 1, "no test ran\n"),
        ({"a.xml": junit(PASSED)[:-9]}, 1, "so the program ended early"),
        ({"a.xml": junit(PASSED), "failed-steps": "build\n"}, 1, "FAILED: build\n1 passed, 1 failed\n"),
        # Passed in one build and not in the other.
        ({"a.catch2": ":test-result: PASS one\n", "b.catch2": ":test-result: FAIL one\n"}, 1, "0 passed, 1 failed\n"),
    ],
)  # fmt: skip
def test_results_are_counted(tmp_path: Path, files: dict[str, str], status: int, said: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run([sys.executable, ROOT / "test/count_results.py", tmp_path, "1"], capture_output=True, text=True)
    assert done.returncode == status and said in done.stdout, done.stdout + done.stderr
