#!/usr/bin/python3
"""tidy.py BUILD FILE…: clang-tidy over the files, on every core, with the compile commands of the folder BUILD.

Prints each finding once, though many files may include the header that it is in. A file without a finding is remembered in
BUILD/tidy by a hash of all that decides, and not looked at again.
"""

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
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


def main(build, *files):
    build = Path(build)
    (build / "tidy").mkdir(exist_ok=True)
    wanted = {str(Path(file).resolve()) for file in files}
    database = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    entries = [entry for entry in database if entry["file"] in wanted]
    if missing := wanted - {entry["file"] for entry in entries}:
        sys.exit(f"not part of the build: {' '.join(sorted(missing))}")
    settled = run(["clang-tidy", "--version"]).stdout + Path(".clang-tidy").read_text(encoding="utf-8")
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        results = workers.map(lambda entry: check(build, entry, settled), entries)
        findings = {text: None for result in results for text in result}
    for text in findings:
        print(text)
    print(f"clang-tidy: {len(entries)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
