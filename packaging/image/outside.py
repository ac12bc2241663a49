"""The files of a tree that no package has brought: what the image itself says, and what packages make as they are installed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import dpkg

#: Made by the tools of Debian out of the packages, and compared with these. The initrd is named, since it boots.
_MADE = ("/var/lib/dpkg/", "/var/lib/apt/", "/etc/alternatives/", "/usr/share/bootwright/seed.git/objects/")


def files_outside_packages(tree: Path) -> list[str]:
    """PATH, for files with the digest of the content, for links with what they point to; sorted."""
    owned = dpkg.paths_of_packages(tree)
    found = []
    for folder, folders, files in os.walk(tree):
        for name in [*files, *(name for name in folders if os.path.islink(os.path.join(folder, name)))]:
            path = Path(folder) / name
            shown = f"/{path.relative_to(tree)}"
            if shown in owned or shown.startswith(_MADE):
                continue
            if path.is_symlink():
                found.append(f"{shown} -> {os.readlink(path)}")
            elif path.is_file():
                found.append(f"{shown} {hashlib.sha256(path.read_bytes()).hexdigest()}")
    return sorted(found)
