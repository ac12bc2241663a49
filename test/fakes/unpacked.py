"""Programs of Debian's that no test installs: they are fetched, and unpacked into a folder."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path


def unpack(packages: Sequence[str], folder: Path) -> Path:
    """The packages, and what they need and this machine has not. Returns the folder that stands for /."""
    folder.mkdir(exist_ok=True)
    said = subprocess.run(["apt-get", "install", "-s", "--no-install-recommends", *packages], check=True, capture_output=True, text=True).stdout
    names = {line.split()[1] for line in said.splitlines() if line.startswith("Inst ")} | set(packages)
    subprocess.run(["apt-get", "download", "-q", *sorted(names)], cwd=folder, check=True, capture_output=True, timeout=600)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, folder / "root"], check=True)
        package.unlink()
    return folder / "root"


def environment(root: Path, home: Path) -> dict[str, str]:
    """The whole environment of a program below it, also of one in Python."""
    return {"PATH": f"{root}/usr/bin:/usr/bin:/bin", "PYTHONPATH": f"{root}/usr/lib/python3/dist-packages", "HOME": str(home), "LC_ALL": "C.UTF-8"}
