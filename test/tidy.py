#!/usr/bin/python3
"""tidy.py [--seconds SECONDS] BUILD FILE…: clang-tidy over the files, on every core, with the compile commands of the folder BUILD.

Prints each finding once, though many files may include the header that it is in. A file without a finding is remembered in
BUILD/tidy by a hash of all that decides, and not looked at again. With --seconds no file is begun after that time: they are
taken in the order of the arguments, and how many were left is said.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def run(argv, folder="."):
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True)


def check(build, entry, settled):
    """Findings in one file: [text]."""
    words = shlex.split(entry["command"])
    output = words.index("-o")
    del words[output : output + 2]
    words[words.index("-c")] = "-E"
    # With comments (-C), as NOLINT is one.
    preprocessed = run([*words, "-C"], entry["directory"]).stdout
    passed = build / "tidy" / hashlib.sha256((settled + preprocessed).encode()).hexdigest()
    if preprocessed and passed.exists():
        return []
    done = run(["clang-tidy", "--quiet", "-p", build, entry["file"]])
    if done.returncode == 0:
        passed.touch()
        return []
    # Each finding starts with "FILE:LINE:COLUMN: error: ", and goes on until the next.
    findings = re.split(r"^(?=\S+:\d+:\d+: (?:error|warning): )", done.stdout, flags=re.MULTILINE)
    return [text.rstrip() for text in findings if text.strip()] or [f"{entry['file']}: {done.stderr}"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("build", type=Path)
    parser.add_argument("files", nargs="+")
    asked = parser.parse_args()
    (asked.build / "tidy").mkdir(exist_ok=True)
    database = json.loads((asked.build / "compile_commands.json").read_text(encoding="utf-8"))
    known = {entry["file"]: entry for entry in database}
    wanted = [str(Path(file).resolve()) for file in asked.files]
    if missing := [file for file in wanted if file not in known]:
        sys.exit(f"not part of the build: {' '.join(missing)}")
    settled = run(["clang-tidy", "--version"]).stdout + Path(".clang-tidy").read_text(encoding="utf-8")
    end = time.monotonic() + asked.seconds

    def check_in_time(file):
        return check(asked.build, known[file], settled) if time.monotonic() < end else None

    with ThreadPoolExecutor(os.cpu_count()) as workers:
        results = list(workers.map(check_in_time, wanted))
    findings = {text: None for result in results for text in result or []}
    for text in findings:
        print(text)
    left = results.count(None)
    print(f"clang-tidy: {len(wanted) - left} files, {len(findings)} findings" + (f"; {left} files are left for: test/run tidy" if left else ""))
    return 1 if findings or left == len(wanted) else 0


if __name__ == "__main__":
    sys.exit(main())
