"""What a person can mend: the programs here print it as one line, and exit with 1."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


class Problem(Exception):
    """What, where, and what to do next."""


def told(main: Callable[[], int]) -> int:
    try:
        return main()
    except Problem as problem:
        print(f"{Path(sys.argv[0]).name}: {problem}", file=sys.stderr)
        return 1


#: Where programs are looked for, whatever the shell that called says.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


#: Of packaging/install-dependencies image, to build; what each Debian has is not among them.
PROGRAMS = (
    "debugfs", "dumpe2fs", "git", "grub-mkimage", "mcopy", "mke2fs", "mkfs.vfat", "mmd", "mmdebstrap", "passwd", "qemu-img", "sfdisk", "ssh-keygen", "systemctl", "tar",
)  # fmt: skip


def need(*programs: str) -> None:
    """Problem if one is not installed: before minutes of work, not after."""
    if missing := [program for program in programs if shutil.which(program, path=PATH) is None]:
        raise Problem(f"not installed: {', '.join(missing)}; packaging/install-dependencies image")


def run(*argv: str | Path, env: dict[str, str] | None = None, text: str | None = None) -> str:
    """Standard output of a program; Problem with the end of its errors when it fails. env: the whole environment."""
    try:
        done = subprocess.run([*map(str, argv)], input=text, stdin=None if text is not None else subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", env=env, timeout=3600)  # fmt: skip
    except FileNotFoundError:
        raise Problem(f"{argv[0]} is not installed: packaging/install-dependencies image") from None
    except subprocess.TimeoutExpired:
        raise Problem(f"{argv[0]} did not end within an hour") from None
    if done.returncode != 0:
        raise Problem(f"{' '.join(map(str, argv))[:300]}: exit status {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-4000:]}")
    return done.stdout
