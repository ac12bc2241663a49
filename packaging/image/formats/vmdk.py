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
    # It writes the number without leading zeros, over a longer text, whose end it leaves after the zero that ends the text.
    text = description.split(b"\0")[0]
    made, count = re.subn(rb"^CID=[0-9a-f]{1,8}$", f"CID={content:08x}".encode(), text, flags=re.MULTILINE)
    if count != 1 or len(made) > len(description):
        raise Problem("qemu-img has written a VMDK without a CID, or without room for one")
    return made.ljust(len(description), b"\0")


def make(source: Path, target: Path, row: Architecture, epoch: int) -> None:
    run("qemu-img", "convert", "-m", "1", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", source, target)
    with target.open("r+b") as file:
        head = file.read(_DESCRIPTION.stop)
        file.seek(_DESCRIPTION.start)
        # 0xfffffffe and 0xffffffff have meanings of their own
        file.write(stamped(head[_DESCRIPTION], zlib.crc32(f"{target.name}/{epoch}".encode()) & 0x7FFFFFFF))
