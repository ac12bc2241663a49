"""Programs of Debian's packages that are fetched and unpacked into a folder; none is installed."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path


def unpack(folder: Path, packages: Sequence[str]) -> Path:
    """The packages, and what they need and this machine has not: the folder that stands for /."""
    said = subprocess.run(["apt-get", "install", "-s", "--no-install-recommends", *packages], check=True, capture_output=True, text=True).stdout
    names = {line.split()[1] for line in said.splitlines() if line.startswith("Inst ")} | set(packages)
    subprocess.run(["apt-get", "download", "-q", *sorted(names)], cwd=folder, check=True, capture_output=True, timeout=600)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, folder / "root"], check=True)
        package.unlink()
    return folder / "root"


def environment_of(unpacked: Path, home: Path) -> dict[str, str]:
    """In which its programs are found, and those written in Python find their modules."""
    return {"PATH": f"{unpacked}/usr/bin:/usr/bin:/bin", "PYTHONPATH": f"{unpacked}/usr/lib/python3/dist-packages", "HOME": str(home), "LC_ALL": "C.UTF-8"}
