"""packaging/image/publish asked as a program: its files, its exit statuses, and what it says before it asks anybody."""

from __future__ import annotations

import fcntl
import json
import re
import shlex
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from publishing.prune import old_versions
from publishing.release import read_release
from publishing.target import kinds
from releases import make_release

ROOT = Path(__file__).resolve().parents[2]
PUBLISH = ROOT / "packaging/image/publish"
DOCUMENT = (ROOT / "docs/publishing.md").read_text()
STORE = {"kind": "s3", "bucket": "images", "region": "eu-west-3", "endpoint": "http://127.0.0.1:1"}


def publish(folder: Path, *arguments: str, targets: Any = None, text: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "targets.json").write_text(text or json.dumps({"paris": STORE} if targets is None else targets))
    argv = [PUBLISH, *arguments]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=60, env={"PATH": "/usr/bin:/bin", "HOME": str(folder)})


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return make_release(tmp_path, size=1000)


def test_the_targets_of_the_document_give_commands_that_a_shell_can_read(tmp_path: Path, manifest: Path) -> None:
    example = re.search(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)
    assert example
    targets = json.loads(example[1])
    assert {entry["kind"] for entry in targets.values()} == set(kinds()), "each kind has an example"
    done = publish(tmp_path, manifest.name, "--to", "all", "--dry-run", text=example[1])
    assert (done.returncode, done.stderr) == (0, "")
    programs = {word for line in done.stdout.splitlines() for word in shlex.split(line)[:3]}
    assert {"S3:", "ssh", "rsync", "aws", "gcloud", "az", "openstack"} <= programs
    assert not manifest.with_name(manifest.name + ".copies.json").exists()


def test_each_key_of_each_kind_is_in_the_document() -> None:
    rows = [f"| `{kind.kind}` | `{key}` | {'yes' if key in kind.required else ''} | {kind.keys[key]} |" for kind in kinds().values() for key in kind.keys]
    missing = [row for row in rows if row not in DOCUMENT]
    assert not missing, "docs/publishing.md lacks\n" + "\n".join(missing)


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ({"paris": {**STORE, "kind": "ftp"}}, "is no target with a `kind` among aws, azure, gce, openstack, s3, web"),
        ({"paris": {**STORE, "secret": "x"}}, "the kind s3 has no key secret"),
        ({"paris": {"kind": "s3", "bucket": "images"}}, "region is missing"),
        ({"paris": {**STORE, "bucket": "--delete"}}, "the value of bucket is none"),
        ({"paris": {**STORE, "prefix": "a/../../b"}}, "the value of prefix is none"),
        ({"paris": {**STORE, "prefix": "a\nb"}}, "the value of prefix is none"),
        ({"paris": {**STORE, "part_mib": "1"}}, "It is a number from 5 to 4096"),
        ({"paris": {**STORE, "formats": ["iso"]}}, "`formats` may list qcow2"),
        ({"paris": {**STORE, "formats": ["oci"]}}, "has no artifact of the format oci, only qcow2, raw, vhd"),
        ({"paris": {"kind": "aws", "region": "a", "copy_of": "tokyo"}}, "names no aws target"),
        ({"tokyo": STORE}, "the file of targets has no paris. It has tokyo"),
        ([], "is no file of targets"),
    ],
)
def test_a_wrong_target_is_told_before_anything_is_asked(tmp_path: Path, manifest: Path, targets: Any, said: str) -> None:
    done = publish(tmp_path, manifest.name, "--to", "paris", "--patience", "0", targets=targets)
    assert (done.returncode, said in done.stdout + done.stderr) == (1, True), done.stdout + done.stderr
    assert "Traceback" not in done.stderr and "127.0.0.1" not in done.stdout


def change(manifest: Path, **keys: Any) -> None:
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **keys}))


def test_what_is_no_release_is_told(tmp_path: Path, manifest: Path) -> None:
    def said(*arguments: str) -> str:
        done = publish(tmp_path, *(arguments or (manifest.name,)), "--to", "paris", "--patience", "0")
        assert done.returncode == 1 and "Traceback" not in done.stderr
        return done.stderr

    good = manifest.read_text()
    assert "cannot be read: No such file" in said("nowhere.json")
    change(manifest, schema=2)
    assert "has schema 2, and only 1 is known here" in said()
    manifest.write_text(good)
    for version in ("../../etc", "-rf", "a b", "", None):
        change(manifest, version=version)
        assert "is not a manifest" in said()
    manifest.write_text(good[:-20])
    assert "is not a manifest" in said()
    manifest.write_text(good)
    (tmp_path / "base-2026.4-amd64.raw").write_bytes(b"x" * 1000)
    assert "base-2026.4-amd64.raw is not what the manifest says" in said()
    (tmp_path / "base-2026.4-amd64.raw").unlink()
    assert "which the manifest lists, is not a file" in said()


def test_a_record_that_is_damaged_newer_or_of_another_manifest_is_left_alone(tmp_path: Path, manifest: Path) -> None:
    record = manifest.with_name(manifest.name + ".copies.json")
    for text, said in (("{", "cannot be read"), ('{"schema": 2}', "its schema is 2"), ('{"schema": 1, "manifest_sha256": "0", "copies": []}', "of another")):
        record.write_text(text)
        for action in ([], ["--check"]):
            done = publish(tmp_path, manifest.name, "--to", "paris", *action)
            assert (done.returncode, said in done.stderr, record.read_text()) == (1, True, text), done.stderr


def test_two_at_once_on_one_release_are_one_too_many(tmp_path: Path, manifest: Path) -> None:
    with manifest.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = publish(tmp_path, manifest.name, "--to", "paris")
    assert (done.returncode, "another publish is at work" in done.stderr) == (1, True)


def test_what_belongs_to_another_action_is_refused(tmp_path: Path, manifest: Path) -> None:
    for wrong in (["--yes"], ["--read-back"], ["--check", "--prune"], ["--prune", "--keep", "0"]):
        assert publish(tmp_path, manifest.name, "--to", "paris", *wrong).returncode == 2


@pytest.mark.parametrize(
    ("there", "keep", "old"),
    [
        (["2026.10", "2026.9", "2026.4"], 4, []),
        (["2027.1", "2026.10", "2026.9", "2026.4"], 2, []),
        (["2026.4", "2026.3", "2026.10", "2025.4"], 1, ["2025.4", "2026.3"]),
        (["2026.4", "2026.4~rc1", "2026.3"], 1, ["2026.3", "2026.4~rc1"]),
        (["2026.4", "2025.4", "..", "a b", "-x"], 1, ["2025.4"]),
    ],
)
def test_old_is_what_came_before_and_is_not_kept(manifest: Path, there: list[str], keep: int, old: list[str]) -> None:
    class Place:
        def versions(self, _release: object) -> list[str]:
            return there

    assert old_versions(read_release(manifest), Place(), keep) == old  # type: ignore[arg-type]


@pytest.fixture
def web(tmp_path: Path, manifest: Path) -> dict[str, str]:
    """An environment in which ssh and rsync are fakes: a web server's machine that has the artifact already, and takes the documents."""
    programs = tmp_path / "programs"
    programs.mkdir()
    digest = read_release(manifest).artifact("qcow2").sha256
    (programs / "ssh").write_text(f'#!/bin/sh\ncase "$*" in *qcow2*) echo {digest} ;; *sha256sum*--check*) ;; *) echo; echo; echo ;; esac\n')
    (programs / "rsync").write_text("#!/bin/sh\nprintf '  1,000  45%%  10.00MB/s  0:00:01'\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    (tmp_path / "targets.json").write_text(json.dumps({"home": {"kind": "web", "host": "www", "folder": "/srv", "url": "https://www.example"}}))
    return {"PATH": f"{programs}:/usr/bin:/bin", "TERM": "xterm"}


def test_a_terminal_gets_bars_and_a_pipe_gets_lines(tmp_path: Path, manifest: Path, web: dict[str, str]) -> None:
    argv = [str(PUBLISH), manifest.name, "--to", "home"]
    piped = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60, env=web)
    assert (piped.returncode, piped.stderr) == (0, ""), piped.stdout + piped.stderr
    assert piped.stdout.splitlines()[0] == "home  looking for base-2026.4-amd64.qcow2"
    assert "verified by sha256sum" in piped.stdout and "\x1b" not in piped.stdout
    shown = subprocess.run(["script", "-qec", shlex.join(argv), "/dev/null"], cwd=tmp_path, capture_output=True, text=True, timeout=60, env=web)
    assert shown.returncode == 0, shown.stdout
    assert re.search(r"home: .*B/s.*copying base", shown.stdout) and "is there since" in shown.stdout


def test_a_record_that_cannot_be_written_is_no_copy(tmp_path: Path, manifest: Path, web: dict[str, str]) -> None:
    manifest.with_name(manifest.name + ".copies.json.new").mkdir()
    done = subprocess.run([PUBLISH, manifest.name, "--to", "home"], cwd=tmp_path, capture_output=True, text=True, timeout=60, env=web)
    assert (done.returncode, done.stderr) == (1, "publish: 1 of 1 failed: home\n")
    assert "copies.json.new: Is a directory. Make room" in done.stdout


def test_sigterm_ends_the_programs_and_says_how_to_go_on(tmp_path: Path, manifest: Path, web: dict[str, str]) -> None:
    (tmp_path / "programs/ssh").write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\nexec sleep 60\n")
    running = subprocess.Popen([PUBLISH, manifest.name, "--to", "home"], cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=web)
    end = time.monotonic() + 30
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < end
        time.sleep(0.01)
    running.terminate()
    said, _ = running.communicate(timeout=30)
    assert (running.returncode, "publish again, which goes on from here" in said) == (1, True), said
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
