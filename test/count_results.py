#!/usr/bin/python3
"""count_results.py FOLDER MINIMUM: reads what test/run left in FOLDER, and prints what did not pass, and a line "N passed, N failed".

STEP.xml is a result of pytest, STEP.catch2 one of Catch2 in its automake format (its XML reporters redirect standard output,
which some tests look at); failed-steps names the steps that failed, one a line. A test case that ran in several
builds (debug, asan) is one test case: it passed if it passed in each. A failed step without a failed test case counts as one
failure. Exits 1 if anything failed or was skipped, or if fewer than MINIMUM test cases ran. Of what was skipped only that is
no failure which takes too long for each day, and whose reason is the command that runs it: "by name only: COMMAND".
"""

import re
import sys
import xml.etree.ElementTree as xml
from collections import Counter
from pathlib import Path


BY_NAME = re.compile(r"by name only: (.*\btest/\S.*)")
#: More test cases than these, left for one command, are told as a number.
MANY = 10
#: From the best to the worst that may be said of a test case.
RESULTS = ["passed", "by name", "skipped", "failed"]


def cases(file):
    """[(name, one of RESULTS, why)]"""
    if file.suffix == ".catch2":
        for line in file.read_text(encoding="utf-8").splitlines():
            word, _, name = line.removeprefix(":test-result: ").partition(" ")
            yield name, {"PASS": "passed", "SKIP": "skipped"}.get(word, "failed"), ""
        return
    for case in xml.parse(file).getroot().iter("testcase"):
        reasons = {child.tag: child.get("message", "") for child in case}
        result = "failed" if reasons.keys() & {"failure", "error"} else "skipped" if "skipped" in reasons else "passed"
        why = reasons.get("failure") or reasons.get("error") or reasons.get("skipped") or ""
        if result == "skipped" and (command := BY_NAME.fullmatch(why)):
            result, why = "by name", command[1]
        yield f"{case.get('classname')}: {case.get('name')}", result, " ".join(why.split())[:400]


def main(folder, minimum):
    folder = Path(folder)
    steps = folder / "failed-steps"
    unexplained = set(steps.read_text(encoding="utf-8").splitlines()) if steps.exists() else set()
    results, reasons = {}, {}
    for file in sorted([*folder.glob("*.xml"), *folder.glob("*.catch2")]):
        try:
            for name, result, why in cases(file):
                reasons[name] = reasons.get(name) or why
                results[name] = max(results.get(name, "passed"), result, key=RESULTS.index)
                if result == "failed":
                    unexplained.discard(file.stem)
        except xml.ParseError as error:
            unexplained.add(file.stem)
            print(f"{file.name} is incomplete, so the program ended early: {error}")
    commands = Counter(reasons[name] for name, result in results.items() if result == "by name")
    many = {command: count for command, count in commands.items() if count > MANY}
    for name, result in results.items():
        if result != "passed" and not (result == "by name" and reasons[name] in many):
            print(f"{result.upper()}: {name}" + (f": {reasons[name]}" if reasons[name] else ""))
    for command, count in many.items():
        print(f"BY NAME: {count} test cases: {command}")
    for name in sorted(unexplained):
        print(f"FAILED: {name}")

    passed, by_name, skipped, failed = (list(results.values()).count(word) for word in RESULTS)
    failed += len(unexplained)
    more = [(skipped, "skipped"), (by_name, "run by name only")]
    print(f"{passed} passed, {failed} failed" + "".join(f", {count} {word}" for count, word in more if count))
    if len(results) - by_name < minimum:
        print("no test ran")
        return 1
    return 1 if failed or skipped else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
