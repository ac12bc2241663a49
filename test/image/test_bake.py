"""What is laid into a tree, without a build."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import bake
import pytest
from architectures import architecture
from problem import Problem


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=trunk")
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def digests(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*") if file.is_file()}


def test_a_seed_is_the_commits_in_the_same_bytes_and_none_of_the_settings(tmp_path: Path) -> None:
    work, seed = tmp_path / "work", tmp_path / "seed.git"
    work.mkdir()
    git(work, "init", "--quiet")
    for number in range(20):
        (work / "file").write_text(f"{'line ' * 200}{number}\n")
        git(work, "add", "file")
        git(work, "commit", "--quiet", "-m", str(number))
    git(work, "tag", "v1")
    git(tmp_path, "clone", "--quiet", "--bare", str(work), str(seed))
    git(seed, "config", "http.extraHeader", "Authorization: secret")
    (seed / "hooks").mkdir(exist_ok=True)
    (seed / "hooks/post-checkout").write_text("#!/bin/sh\n")

    for name in ("first", "second"):
        bake._bake_seed(tmp_path / name, seed)
    made = digests(tmp_path / "first")
    assert made == digests(tmp_path / "second")
    assert sum(name.endswith(".pack") for name in made) == 1
    assert not any(name.startswith("hooks/") for name in made)
    assert "secret" not in (tmp_path / "first/config").read_text()
    assert str(tmp_path) not in (tmp_path / "first/config").read_text()
    assert git(tmp_path / "first", "rev-parse", "HEAD", "v1").split() == [git(work, "rev-parse", "HEAD")] * 2


def test_what_is_no_seed_is_said(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="is no bare repository"):
        bake._bake_seed(tmp_path / "seed", tmp_path)


def test_only_a_disk_mounts_something(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    bake.add_mounts(tmp_path, architecture("i386"), {"root": "1234", "efi": "AB"}, 1000)
    fstab = tmp_path / "etc/fstab"
    assert fstab.read_text() == "UUID=1234 / ext4 defaults,errors=remount-ro,x-systemd.growfs 0 1\n"
    assert fstab.stat().st_mtime == fstab.parent.stat().st_mtime == 1000


def test_the_program_that_grows_the_root_is_in_each_suite() -> None:
    """In Debian 12 in the package systemd."""
    assert [suite for suite in ("bookworm", "trixie", "forky") if "systemd-repart" in bake.packages_of_a_disk(suite)] == ["trixie", "forky"]


def test_what_a_build_leaves_is_taken_out(tmp_path: Path) -> None:
    for name in ("etc/ssh/ssh_host_rsa_key", "var/log/apt/history.log", "usr/share/doc/a/changelog.gz", "usr/share/doc/a/copyright", "var/lib/systemd/random-seed",
                 "usr/lib/x/__pycache__/y.pyc", "etc/ssh/sshd_config", "var/cache/bootwright/puppet.compiled", "etc/machine-id", "tmp/secret"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("content")
    bake._clean(tmp_path)
    assert {name for name in digests(tmp_path)} == {"usr/share/doc/a/copyright", "etc/ssh/sshd_config", "var/cache/bootwright/puppet.compiled", "etc/machine-id"}
    assert (tmp_path / "etc/machine-id").read_text() == ""
