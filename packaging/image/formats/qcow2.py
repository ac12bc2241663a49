"""For OpenStack, KVM and most others. Compressed, by one thread, since several write in the order in which they end."""

from __future__ import annotations

from pathlib import Path

from architectures import Architecture
from problem import run

SUFFIX, NEEDS = "qcow2", "raw"


def make(source: Path, target: Path, row: Architecture, epoch: int) -> None:
    run("qemu-img", "convert", "-m", "1", "-c", "-f", "raw", "-O", "qcow2", source, target)
