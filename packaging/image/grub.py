"""GRUB's modules for an architecture's firmware: those of this machine, or unpacked from Debian's package for that architecture."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import sources
from architectures import Architecture
from problem import run
from tree import mmdebstrap

_INSTALLED = Path("/usr/lib/grub")
_PACKAGES = {"i386-pc": "grub-pc-bin", "x86_64-efi": "grub-efi-amd64-bin", "arm64-efi": "grub-efi-arm64-bin"}


@contextmanager
def modules(format_: str, row: Architecture, epoch: int) -> Iterator[Path]:
    """Debian has a package of them for machines with that firmware only: no amd64 can install the one of arm64."""
    if (_INSTALLED / format_).is_dir():
        yield _INSTALLED / format_
        return
    # grub-mkimage, which puts them together, wants those of its own version.
    version = run("dpkg-query", "--show", "--showformat=${Version}", "grub-common")
    suite = sources.suite_of_this_machine()
    with tempfile.TemporaryDirectory() as folder:
        mmdebstrap(
            suite, Path(folder) / "tree", epoch,
            "--variant=extract", f"--architectures={row.name}", f"--include={_PACKAGES[format_]}={version}", security=True,
        )  # fmt: skip
        yield Path(folder) / "tree" / _INSTALLED.relative_to("/") / format_
