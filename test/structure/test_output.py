#!/usr/bin/python3
"""Reads the sources of the commands and fails on output that does not go through print_line() or print_json(), which make it fit
for a terminal and notice what is lost."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRINTER = ROOT / "agent/commands/output.cpp"
WRITES = re.compile(r"std::(cout|cerr|clog)\s*<<|\b(printf|puts|putchar|perror)\s*\(|\bwrite\s*\(\s*STD")


def test_commands_print_in_one_place() -> None:
    sources = [*ROOT.glob("agent/commands/**/*.cpp"), *ROOT.glob("agent/fleet/*.cpp"), ROOT / "agent/main.cpp", ROOT / "agent/daemon/daemon.cpp"]
    assert PRINTER in sources and WRITES.search(PRINTER.read_text())
    found = [source.name for source in sources if source != PRINTER and WRITES.search(source.read_text())]
    assert not found, found
