"""The root tree, for containers, chroots and systemd-nspawn."""

from __future__ import annotations

import os
from pathlib import Path

from architectures import Architecture

SUFFIX, NEEDS = "tar", "tar"


def make(source: Path, target: Path, row: Architecture, epoch: int) -> None:
    os.link(source, target)
