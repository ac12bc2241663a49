#!/usr/bin/python3
"""coverage.py BUILD: per source file of agent/ and common/, the share of lines that the tests executed (gcov's data)."""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

build = Path(sys.argv[1]).resolve()
lines = defaultdict(dict)  # file → line → executed
for data in build.rglob("*.gcda"):
    printed = subprocess.run(
        ["gcov", "--json-format", "--stdout", data], cwd=build, check=True, capture_output=True, text=True
    ).stdout
    for document in printed.splitlines():
        for file in json.loads(document)["files"]:
            name = file["file"].removeprefix("/")
            if name.startswith(("agent/", "common/")):
                for line in file["lines"]:
                    seen = lines[name].get(line["line_number"], False)
                    lines[name][line["line_number"]] = seen or line["count"] > 0

for name, executed in sorted(lines.items()):
    print(f"{100 * sum(executed.values()) / len(executed):5.1f} %  {len(executed):5} lines  {name}")
total = [line for executed in lines.values() for line in executed.values()]
if not total:
    sys.exit("no coverage data")
print(f"{100 * sum(total) / len(total):5.1f} %  {len(total):5} lines  all")
