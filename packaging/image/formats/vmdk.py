"""For VMware and for AWS's import: compressed, as its streams are. qemu-img puts a random number into the description."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

from architectures import Architecture
from problem import Problem, run

SUFFIX, NEEDS = "vmdk", "raw"

_DESCRIPTION = slice(512, 512 * 21)  # the sectors after the header that qemu-img leaves for it


def stamped(description: bytes, content: int) -> bytes:
    made, count = re.subn(rb"^CID=[0-9a-f]{8}$", f"CID={content:08x}".encode(), description, flags=re.MULTILINE)
    if count != 1 or len(made) != len(description):
        raise Problem("qemu-img has written a VMDK without a CID")
    return made


def make(source: Path, target: Path, row: Architecture, epoch: int) -> None:
    run("qemu-img", "convert", "-m", "1", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", source, target)
    with target.open("r+b") as file:
        head = file.read(_DESCRIPTION.stop)
        file.seek(_DESCRIPTION.start)
        # 0xfffffffe and 0xffffffff have meanings of their own
        file.write(stamped(head[_DESCRIPTION], zlib.crc32(f"{target.name}/{epoch}".encode()) & 0x7FFFFFFF))
