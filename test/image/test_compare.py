"""What two manifests say of a release, and who has signed them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import manifest
import pytest
from conftest import IMAGE
from contents import write_whole
from problem import Problem

DIGEST = "0" * 64


def package(name: str, version: str, source: str = "") -> dict[str, str]:
    return {"name": name, "version": version, "architecture": "amd64", "source": source or name, "source_version": version.split("+b")[0]}


def release(**changes: Any) -> dict[str, Any]:
    return {
        "schema": 1, "name": "base", "version": "2026.3", "created": "2026-08-01T00:00:00Z", "architecture": "amd64", "suite": "bookworm",
        "source_date_epoch": 1785542400, "inputs": {"definition": {"sha256": DIGEST}},
        "packages": [package("bash", "5.2.15-2+b7"), package("curl", "7.88.1-10", "curl"), package("libcurl4", "7.88.1-10", "curl"), package("old", "1"), package("tea", "2")],
        "artifacts": [{"format": "raw", "file": "a.raw", "size": 3000000000, "sha256": DIGEST}], "sbom": {"file": "a.spdx.json", "sha256": DIGEST},
        "size": {"installed": 500000000, "packages": 5}, "files_outside_packages": [f"/etc/fstab {DIGEST}", "/etc/gone -> x"],
        "security_fixes": {}, "boot_seconds": None, **changes,
    }  # fmt: skip


NEWER = release(
    version="2026.4",
    packages=[package("bash", "5.2.15-2+b8"), package("curl", "7.88.1-12", "curl"), package("libcurl4", "7.88.1-12", "curl"), package("fresh", "3"), package("tea", "1")],
    security_fixes={
        "curl": {"7.88.1-12": ["CVE-2026-2"], "7.88.1-11": ["CVE-2026-1"], "7.88.1-10": ["CVE-2025-9"]},
        "fresh": {"3": ["CVE-2026-5"]}, "tea": {"2": ["CVE-2026-7"]},
    },
    size={"installed": 510000000, "packages": 5}, files_outside_packages=[f"/etc/fstab {'1' * 64}", "/etc/new\x1b[2J name -> y"], boot_seconds=6.5,
    inputs={"definition": {"sha256": DIGEST}, "agent": {"sha256": DIGEST}},
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_whole(tmp_path / "old.json", manifest.text(release()))
    write_whole(tmp_path / "new.json", manifest.text(NEWER))
    return tmp_path


def program(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-B", IMAGE / name, *map(str, arguments)], capture_output=True, text=True, timeout=60)


def test_what_these_tests_compare_is_a_manifest() -> None:
    schema = json.loads((IMAGE / "manifest.schema.json").read_text())
    for made in (release(), {**NEWER, "security_fixes": {"curl": {"1": ["CVE-2026-1234"]}}}):
        jsonschema.validate(made, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**release(), "artifacts": [{"format": "raw", "file": "../a", "size": 1, "sha256": DIGEST}]}, schema)


def test_what_a_release_changes(folder: Path) -> None:
    done = program("compare", "--unsigned", "--json", folder / "old.json", folder / "new.json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [entry["name"] for entry in found["packages"]["up"]] == ["bash", "curl", "libcurl4"]
    assert found["packages"]["down"] == [{"name": "tea", "from": "2", "to": "1"}]
    assert found["packages"]["new"] == [{"name": "fresh", "to": "3"}]
    assert found["packages"]["gone"] == [{"name": "old", "from": "1"}]
    # Not what the old one had already, what came with a package that is new, nor what a downgrade has lost.
    assert found["security_fixes"] == {"curl": ["CVE-2026-1", "CVE-2026-2"]}
    assert found["files_outside_packages"] == {"new": ["/etc/new\x1b[2J name"], "gone": ["/etc/gone"], "changed": ["/etc/fstab"]}
    assert found["inputs"] == ["agent"]


def test_the_page_that_is_read_before_a_release(folder: Path) -> None:
    done = program("compare", "--unsigned", folder / "old.json", folder / "new.json")
    assert done.returncode == 0, done.stderr
    for line in ("base 2026.3 -> base 2026.4, amd64", "Security fixes: 2 in 1 sources", "  curl: CVE-2026-1, CVE-2026-2", "  curl 7.88.1-10 -> 7.88.1-12",
                 "Packages down: 1", "  /etc/new?[2J name", "Installed: 500 MB -> 510 MB, packages: 5 -> 5", "Boot: not measured -> 6.5 s"):  # fmt: skip
        assert line in done.stdout.splitlines(), done.stdout


def test_what_cannot_be_compared_is_said(folder: Path) -> None:
    write_whole(folder / "i386.json", manifest.text(release(architecture="i386")))
    write_whole(folder / "future.json", manifest.text(release(schema=2)))
    (folder / "half.json").write_text('{"schema": 1}')
    for other, said in (("i386.json", "compare each architecture with itself"), ("future.json", "no manifest of schema 1"), ("half.json", "missing: name"), ("none.json", "No such file")):
        done = program("compare", "--unsigned", folder / "old.json", folder / other)
        assert (done.returncode, said in done.stderr) == (1, True), done.stderr
    assert "--signers FILE, or --unsigned" in program("compare", folder / "old.json", folder / "new.json").stderr


def test_a_signature_holds_as_long_as_nothing_is_changed(folder: Path) -> None:
    key, signers, file = folder / "key", folder / "signers", folder / "new.json"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    signers.write_text(f"releases@example.com {(folder / 'key.pub').read_text()}")
    with pytest.raises(Problem, match="not signed"):
        manifest.verify(file, signers)
    done = program("sign", file, "--key", key, "--boot-seconds", "7.25")
    assert done.returncode == 0, done.stderr
    signed = manifest.read(file)
    assert signed["boot_seconds"] == 7.25
    assert manifest.verify(file, signers) == "releases@example.com"

    write_whole(file, manifest.text({**signed, "version": "2026.5"}))
    done = program("compare", "--signers", signers, folder / "old.json", file)
    assert (done.returncode, "not signed" in done.stderr) == (1, True)
    with pytest.raises(Problem, match="changed since"):
        manifest.verify(file, signers)
    signers.write_text("")
    write_whole(file, manifest.text(signed))
    with pytest.raises(Problem, match="of nobody"):
        manifest.verify(file, signers)
