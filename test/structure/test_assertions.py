"""No test in Python passes because it asks nothing. (Of the unit tests Catch2 itself says so: --warn NoAssertions.)

A test asserts where it has an `assert`, or calls something that fails by itself: pytest.raises, pytest.fail, a command with
check=True, or a function of the tests' own that asserts in its turn. Functions are known by their bare names; what a method
does is not followed, but one that is called wait_for… fails at its deadline.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FAILING = {"raises", "fail"}  # of pytest


def functions_of(module: ast.Module) -> Iterable[ast.FunctionDef]:
    return (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef))


def asserts(function: ast.FunctionDef, asserting: set[str]) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            # Of a constant, or of a tuple that is never empty, nothing is asked.
            if not isinstance(node.test, (ast.Constant, ast.Tuple)):
                return True
        elif isinstance(node, ast.Raise) and "AssertionError" in ast.dump(node):
            return True
        elif isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in asserting:
                return True
            if isinstance(called, ast.Attribute) and called.attr.startswith("wait_for"):
                return True
            if isinstance(called, ast.Attribute) and ast.unparse(called.value) == "pytest" and called.attr in FAILING:
                return True
            if any(word.arg == "check" and ast.unparse(word.value) == "True" for word in node.keywords):
                return True
    return False


def without_assertions(modules: dict[str, str]) -> tuple[list[str], int]:
    """The tests that ask nothing, as FILE::NAME, and how many tests there are."""
    parsed = {name: ast.parse(text) for name, text in modules.items()}
    asserting: set[str] = set()
    while True:
        more = {f.name for module in parsed.values() for f in functions_of(module) if asserts(f, asserting)} - asserting
        if not more:
            break
        asserting |= more
    tests = [(name, f) for name, module in parsed.items() for f in functions_of(module) if f.name.startswith("test_")]
    return [f"{name}::{test.name}" for name, test in tests if not asserts(test, asserting)], len(tests)


def test_each_test_asserts_something() -> None:
    modules = {file.relative_to(ROOT).as_posix(): file.read_text() for file in sorted((ROOT / "test").rglob("*.py"))}
    found, count = without_assertions(modules)
    assert not found, "\n" + "\n".join(found)
    assert count > 0, "no test was found: this one looks at the wrong folder"


def test_the_check_can_fail() -> None:
    helpers = "def holds(x):\n    assert x\n\ndef all_hold(*xs):\n    for x in xs:\n        holds(x)\n\ndef idle():\n    pass\n"
    good = ["assert f()", "all_hold(f())", "with pytest.raises(OSError):\n        f()", "subprocess.run(['x'], check=True)", "x.wait_for_status(f)"]
    bad = ["f()", "idle()", "assert True", "assert (f(), 'why')", "subprocess.run(['x'], check=False)", "x.raises()"]
    for body in good + bad:
        module = f"def test_it():\n    {body}\n"
        found, count = without_assertions({"helpers.py": helpers, "test_x.py": module})
        assert count == 1 and (found == ["test_x.py::test_it"]) == (body in bad), body
