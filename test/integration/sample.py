"""Which test cases run each day, where a test has many."""

from __future__ import annotations

import random
from collections.abc import Sequence

#: So many cases of a test, or the eighth part of very many.
ENOUGH = 3


def left_out(cases: Sequence[str], seed: str) -> set[str]:
    """Of the cases, named as pytest does (file::test[case]), those that do not run where `seed` chooses: each time others."""
    tests: dict[str, list[str]] = {}
    for case in cases:
        tests.setdefault(case.partition("[")[0], []).append(case)
    left: set[str] = set()
    for test, its in tests.items():
        left |= set(random.Random(seed + test).sample(its, max(0, len(its) - max(ENOUGH, len(its) // 8))))
    return left
