"""Where people look for help: manual pages that man and mandoc have no complaint about, and completion in real shells."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import BINARY
from real_machine import REPOSITORY_ROOT, command

RUNS = {41: "a" * 40, 42: "b" * 40}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    command(BINARY.parent / "bootwright-pages", REPOSITORY_ROOT / "docs", "2026-03-03", folder)
    return folder


def manual(pages: Path) -> list[Path]:
    return sorted(file for file in pages.iterdir() if file.suffix in (".1", ".5", ".7"))


def test_each_command_and_each_file_has_a_page(pages: Path) -> None:
    names = {page.name for page in manual(pages)}
    assert {"bootwright.1", "bootwright-diff.1", "bootwright-snapshot-make.1", "bootwright.json.5", "bootwright-errors.7"} <= names
    blocks = [block for file in (REPOSITORY_ROOT / "docs").glob("*.md") for block in re.split(r"^```.*$", file.read_text(), flags=re.M)[1::2]]
    examples = {line.strip() for block in blocks for line in block.splitlines()}
    for page in manual(pages):
        shown = command("man", "-l", page, env={"MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
        assert page.stem in shown and "SEE ALSO" in shown and len(shown) > 500, page
        marked = [line for line in shown.splitlines() if "`" in line and line.strip() not in examples]
        assert not marked, "Markdown that roff.cpp does not know"


def test_no_reader_of_manual_pages_complains(pages: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"}
    complaints = []
    for page in manual(pages):
        # As lintian asks.
        done = subprocess.run(
            ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page], env=environment, capture_output=True, text=True
        )
        linted = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True)
        complaints += [line for line in (done.stderr + linted.stdout + linted.stderr).splitlines() if line]
    assert not complaints


# Completion


@pytest.fixture(scope="module")
def machine(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a shell whose bootwright has two runs behind it."""
    root = tmp_path_factory.mktemp("machine")
    state = root / "var/lib/bootwright"
    state.mkdir(parents=True)
    lines = (
        {"schema": 1, "run": run, "began": f"2026-03-03T{run - 30}:00:00.000Z", "outcome": "changed", "good": True, "revision": revision}
        for run, revision in RUNS.items()
    )
    (state / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (root / "bin").mkdir()
    (root / "bin/bootwright").write_text(f'#!/bin/sh\nexec {BINARY} --root {root} "$@"\n')
    (root / "bin/bootwright").chmod(0o755)
    (root / "work/folder").mkdir(parents=True)
    (root / "work/file.json").write_text("{}")
    return {"PATH": f"{root}/bin:/usr/bin:/bin", "HOME": str(root), "PWD": str(root / "work"), "LC_ALL": "C.UTF-8", "TERM": "dumb"}


class Typed:
    """A shell at a terminal, and somebody who types."""

    def __init__(self, argv: list[str], environment: dict[str, str], *setup: str) -> None:
        self.terminal, theirs = pty.openpty()
        self.shell = subprocess.Popen(
            argv, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=environment["PWD"], start_new_session=True
        )
        os.close(theirs)
        for number, line in enumerate(setup):
            assert self.type(f"{line}; echo $(({number} + 7000))\n", f"{number + 7000}"), line

    def type(self, text: str, *awaited: str) -> bool:
        """Whether all that is awaited appears."""
        os.write(self.terminal, text.encode())
        shown, end = "", time.monotonic() + 20
        while not all(word in shown for word in awaited) and time.monotonic() < end:
            if select.select([self.terminal], [], [], 0.2)[0]:
                shown += os.read(self.terminal, 65536).decode(errors="replace")
        return all(word in shown for word in awaited)

    def completes(self, line: str, expected: str) -> bool:
        """What one press of the tab key makes of `line`, as the command sees its words."""
        return self.type(f"{line}\t\x01printf '<%s>' \n", "".join(f"<{word}>" for word in expected.split()))

    def offers(self, line: str, *words: str) -> bool:
        return self.type(f"{line}\t\t", *words) and self.type("\x15\n")

    def close(self) -> None:
        self.shell.kill()
        self.shell.wait()
        os.close(self.terminal)


def bash(pages: Path, machine: dict[str, str]) -> Typed:
    argv = ["bash", "--norc", "--noprofile", "-i"]
    return Typed(argv, machine, "bind 'set enable-bracketed-paste off'", f"source {pages}/bootwright.bash")


def zsh(pages: Path, machine: dict[str, str]) -> Typed:
    setup = (f"fpath=({pages} $fpath)", "autoload -U compinit", "compinit -u -D", "bindkey -e", "unset zle_bracketed_paste", "unsetopt auto_remove_slash")
    return Typed(["zsh", "-f", "-i"], machine, *setup)


@pytest.fixture(params=[bash, zsh])
def shell(request: pytest.FixtureRequest, pages: Path, machine: dict[str, str]) -> Iterator[Typed]:
    make: Callable[[Path, dict[str, str]], Typed] = request.param
    typed = make(pages, machine)
    yield typed
    typed.close()


def test_a_shell_completes_commands_options_and_what_the_machine_knows(shell: Typed) -> None:
    assert shell.completes("bootwright sta", "bootwright status")
    assert shell.completes("bootwright snapshot ver", "bootwright snapshot verify")
    assert shell.completes("bootwright history --fai", "bootwright history --failed")
    assert shell.completes("bootwright help git.no_r", "bootwright help git.no_repository")
    assert shell.completes("bootwright why x --run las", "bootwright why x --run last_good")
    assert shell.completes("bootwright snapshot make --revision b", f"bootwright snapshot make --revision {RUNS[42]}")
    assert shell.completes("bootwright --root / diff 42 last_", "bootwright --root / diff 42 last_good")
    assert shell.completes("bootwright snapshot make --output fo", "bootwright snapshot make --output folder/")
    assert shell.completes("bootwright modules lock --credentials fi", "bootwright modules lock --credentials file.json")
    assert shell.completes("bootwright snapshot verify fi", "bootwright snapshot verify file.json")
    assert shell.completes("bootwright --root fo", "bootwright --root folder/")
    assert shell.offers("bootwright diff ", "41", "42", "last_good")
    assert shell.offers("bootwright ", "status", "history", "modules")
    assert shell.offers("bootwright modules lock --", "--check", "--update", "--forge")


def fish(pages: Path, machine: dict[str, str], line: str) -> list[str]:
    script = f"source {pages}/bootwright.fish; complete -C '{line}'"
    return [word.split("\t")[0] for word in command("fish", "--no-config", "-c", script, env=machine, cwd=Path(machine["PWD"])).splitlines()]


def test_the_script_for_bash_is_as_clean_as_those_that_are_written_by_hand(pages: Path) -> None:
    assert command("shellcheck", "-s", "bash", pages / "bootwright.bash") == ""


def test_fish_completes_the_same(pages: Path, machine: dict[str, str]) -> None:
    assert fish(pages, machine, "bootwright sta") == ["status"]
    assert fish(pages, machine, "bootwright snapshot ver") == ["verify"]
    assert fish(pages, machine, "bootwright history --fai") == ["--failed"]
    assert fish(pages, machine, "bootwright help git.no_r") == ["git.no_repository"]
    assert set(fish(pages, machine, "bootwright why x --run ")) == {"41", "42", "last_good"}
    assert fish(pages, machine, "bootwright snapshot make --revision b") == [RUNS[42]]
    assert fish(pages, machine, "bootwright --root / diff 42 last_") == ["last_good"]
    assert fish(pages, machine, "bootwright snapshot make --output fo") == ["folder/"]
    assert fish(pages, machine, "bootwright modules lock --credentials fi") == ["file.json"]
    assert fish(pages, machine, "bootwright snapshot verify fi") == ["file.json"]
    assert fish(pages, machine, "bootwright --root fo") == ["folder/"]
    assert {"status", "history", "modules"} <= set(fish(pages, machine, "bootwright "))
    assert "--module" in fish(pages, machine, "bootwright modules lock --mod")


def test_what_a_shell_asks_for_is_answered_at_once(machine: dict[str, str]) -> None:
    for value in ("RUN", "REVISION", "LOCK", "KIND", "CODE"):
        began = time.monotonic()
        command("bootwright", "complete", value, env=machine)
        assert time.monotonic() - began < 0.5, value


def test_a_hostile_name_in_the_history_runs_nothing_in_a_shell(shell: Typed, machine: dict[str, str]) -> None:
    history = Path(machine["HOME"]) / "var/lib/bootwright/history.jsonl"
    before = history.read_text()
    hostile = {"schema": 1, "run": 43, "outcome": "$(touch hit)`touch hit`", "good": True, "revision": "cc$(touch${IFS}hit)"}
    history.write_text(before + json.dumps(hostile) + "\n")
    assert shell.offers("bootwright diff ", "41", "42", "43")
    assert shell.offers("bootwright snapshot make --revision ", RUNS[41], "cc")
    history.write_text(before)
    assert not (Path(machine["PWD"]) / "hit").exists()


# What a login says

LOGIN_MESSAGE = REPOSITORY_ROOT / "packaging/login-message"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("echo first; echo second; exit 1", "first\n"),
        ("echo trouble >&2; exit 70", ""),
        ("sleep 60", ""),
        ("trap '' TERM; while :; do sleep 1; done", ""),
        ("yes", "y\n"),
    ],
)
def test_no_login_waits_or_fails_whatever_the_program_does(tmp_path: Path, program: str, said: str) -> None:
    file = tmp_path / "bootwright"
    file.write_text(f"#!/bin/sh\n{program}\n")
    file.chmod(0o755)
    began = time.monotonic()
    done = subprocess.run([LOGIN_MESSAGE, file], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
    assert time.monotonic() - began < 5


def test_a_login_says_how_the_machine_is(tmp_path: Path, machine: dict[str, str]) -> None:
    """As pam_motd has it said: by run-parts, which passes over files whose names it does not like."""
    text = LOGIN_MESSAGE.read_text().replace("/usr/bin/bootwright", f"{machine['HOME']}/bin/bootwright")
    (tmp_path / "60-bootwright").write_text(text)
    (tmp_path / "60-bootwright").chmod(0o755)
    said = command("run-parts", "--lsbsysinit", tmp_path)
    assert said == "nothing has run since this boot, and no agent is running\n"
    (tmp_path / "60-bootwright").write_text(text.replace("bin/bootwright", "bin/removed"))
    assert command("run-parts", "--lsbsysinit", tmp_path) == ""
