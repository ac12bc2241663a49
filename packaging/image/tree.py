"""The root tree: Debian's packages by mmdebstrap, in memory, and then a tar whose bytes depend on nothing but what is in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bake
import sources
from architectures import Architecture
from definition import Definition
from dpkg import Package
from problem import PATH, Problem, run

_HOOKS = "/usr/share/mmdebstrap/hooks/file-mirror-automount"
_KEPT_BACK = tuple(f"/usr/share/{folder}/*" for folder in ("man", "locale", "info"))


def environment(epoch: int) -> dict[str, str]:
    """For programs that build: nothing of the shell that called, and the time that all files get."""
    return {"PATH": PATH, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": "/nonexistent",
            "SOURCE_DATE_EPOCH": str(epoch), "E2FSPROGS_FAKE_TIME": str(epoch), "DEBIAN_FRONTEND": "noninteractive"}  # fmt: skip


@contextmanager
def in_memory(folder: Path) -> Iterator[Path]:
    """A folder in memory: faster, and its folders list names in an order that depends on nothing else."""
    folder.mkdir()
    run("mount", "-t", "tmpfs", "-o", "mode=755,size=90%", "bootwright-image", folder)
    try:
        yield folder
    finally:
        # With whatever mmdebstrap had mounted in it when it was interrupted, also if that is in use: /dev and /sys of this machine are not
        # what may be removed with the folder.
        run("umount", "--recursive", "--lazy", folder)


def preferences(pinned: list[dict[str, str]]) -> str:
    """apt's preferences that allow each package of a manifest in its version alone, downgrades included."""
    return "\n".join(f"Package: {package['name']}\nPin: version {package['version']}\nPin-Priority: 1001\n" for package in pinned)


def unlike(pinned: list[dict[str, str]], found: list[Package]) -> list[str]:
    """How the packages found differ from those of a manifest, a line each."""
    before = {package["name"]: package["version"] for package in pinned}
    now = {package.name: package.version for package in found}
    return [f"{name}: {before.get(name, 'none')} in the manifest, {now.get(name, 'none')} here" for name in sorted({*before, *now}) if before.get(name) != now.get(name)]


def mmdebstrap(suite: str, place: Path, epoch: int, *options: str, security: bool) -> None:
    """A tree of packages from the mirrors of this machine. Without --quiet, which keeps to itself what is wrong with a mirror."""
    run("mmdebstrap", "--mode=root", *options, *sources.options_of_apt(suite), suite, place, "-",
        env=environment(epoch), text="".join(f"{line}\n" for line in sources.of_this_machine(suite, security)))  # fmt: skip


def make(tree: Path, definition: Definition, row: Architecture, agent: Path, epoch: int, *,
         bootable: bool, security: bool, pinned: list[dict[str, str]] | None) -> None:  # fmt: skip
    """The packages, into the folder tree, which must not exist. pinned: those of a manifest, nothing else and no other version."""
    wanted = {*bake.PACKAGES, *definition.packages, definition.puppet}
    if bootable:
        wanted.update([*bake.packages_of_a_disk(definition.suite), row.kernel])
    if definition.unattended_upgrades:
        wanted.add("unattended-upgrades")
    options = []
    if pinned is not None:
        file = tree.with_name("pinned")
        file.write_text(preferences([package for package in pinned if package["name"] != "bootwright"]))
        options.append(f"--setup-hook=upload {file} /etc/apt/preferences.d/99pinned")
    mmdebstrap(
        definition.suite, tree, epoch, "--variant=minbase", f"--architectures={row.name}", f"--hook-dir={_HOOKS}",
        f"--include={agent.resolve()}", f"--include={','.join(sorted(wanted))}",
        "--dpkgopt=force-unsafe-io", *(f"--dpkgopt=path-exclude={pattern}" for pattern in _KEPT_BACK), *options, security=security,
    )  # fmt: skip
    _remove_mount_point(tree, agent.resolve())


def _remove_mount_point(tree: Path, agent: Path) -> None:
    """Where the hook had mounted the package: a path of this machine, which is nobody's business."""
    place = tree / agent.relative_to("/")
    place.unlink()
    for folder in place.parents:
        if folder == tree or any(folder.iterdir()):
            break
        folder.rmdir()


def clamp(tree: Path, epoch: int) -> None:
    """No file is newer than the release."""
    for folder, folders, files in os.walk(tree):
        for path in [folder, *(os.path.join(folder, name) for name in [*folders, *files])]:
            if os.lstat(path).st_mtime > epoch:
                os.utime(path, (epoch, epoch), follow_symlinks=False)


def installed_size(tree: Path) -> int:
    """Bytes of all files, each counted once."""
    seen: dict[tuple[int, int], int] = {}
    for folder, _, files in os.walk(tree):
        for name in files:
            entry = os.lstat(os.path.join(folder, name))
            seen[(entry.st_dev, entry.st_ino)] = entry.st_size
    return sum(seen.values())


def pack(tree: Path, tar: Path, epoch: int) -> None:
    run("tar", "--create", "--file", tar, "--directory", tree, "--sort=name", "--numeric-owner", "--format=posix", "--xattrs", "--xattrs-include=*",
        "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime", f"--mtime=@{epoch}", "--clamp-mtime", ".", env=environment(epoch))  # fmt: skip


def unpack(tar: Path, tree: Path) -> None:
    tree.mkdir()
    run("tar", "--extract", "--file", tar, "--directory", tree, "--same-permissions", "--same-owner", "--numeric-owner", "--xattrs", "--xattrs-include=*")


def verify_pinned(tree: Path, pinned: list[dict[str, str]], found: list[Package]) -> None:
    if differences := unlike(pinned, found):
        raise Problem("the packages are not those of the manifest; its versions must still be on the mirror:\n" + "\n".join(differences))
