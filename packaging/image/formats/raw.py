"""The disk as it is, for GCE (as disk.raw), bare machines and all that is made of it."""

from __future__ import annotations

import os
from pathlib import Path

from architectures import Architecture

SUFFIX, NEEDS = "raw", "raw"


def make(source: Path, target: Path, row: Architecture, epoch: int) -> None:
    os.link(source, target)
