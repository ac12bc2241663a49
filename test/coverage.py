#!/usr/bin/python3
"""coverage.py BUILD: per source file of agent/ and common/, the share of lines that the tests executed (gcov's data).

Each compiled file counts (.gcno), also one that no test links: its lines were not executed. A source that was not compiled
is an error.
"""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1]

build = Path(sys.argv[1]).resolve()
lines = defaultdict(dict)  # file → line → executed
for notes in build.rglob("*.cpp.gcno"):
    # Says "cannot open data file, assuming not executed" of a file that no test links.
    printed = subprocess.run(
        ["gcov", "--json-format", "--stdout", notes], cwd=build, check=True, capture_output=True, text=True
    ).stdout
    for document in printed.splitlines():
        for file in json.loads(document)["files"]:
            name = file["file"].removeprefix("/")
            if name.startswith(("agent/", "common/")):
                for line in file["lines"]:
                    seen = lines[name].get(line["line_number"], False)
                    lines[name][line["line_number"]] = seen or line["count"] > 0

sources = {str(file.relative_to(SOURCES)) for folder in ("agent", "common") for file in (SOURCES / folder).rglob("*.cpp")}
if missing := sources - lines.keys():
    sys.exit(f"not compiled for coverage: {' '.join(sorted(missing))}")
for name, executed in sorted(lines.items()):
    print(f"{100 * sum(executed.values()) / len(executed):5.1f} %  {len(executed):5} lines  {name}")
total = [line for executed in lines.values() for line in executed.values()]
if not any(total):
    sys.exit("no test ran: build/coverage has no data")
print(f"{100 * sum(total) / len(total):5.1f} %  {len(total):5} lines  all")
