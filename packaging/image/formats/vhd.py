"""For Azure, which takes only the fixed kind, of whole megabytes: the disk and a footer.
https://learn.microsoft.com/en-us/azure/virtual-machines/linux/create-upload-generic

qemu-img writes the time and a random id into the footer: both are set to those of the release. Its fields:
https://download.microsoft.com/download/f/f/e/ffef50a5-07dd-4cf8-aaa3-442c0673a029/Virtual%20Hard%20Disk%20Format%20Spec_10_18_06.doc"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

from architectures import Architecture
from problem import Problem, run

SUFFIX, NEEDS = "vhd", "raw"

_FOOTER = 512
_TIME, _CHECKSUM, _ID = 24, 64, 68
_EPOCH_2000 = 946684800  # the format's own beginning of time


def stamped(footer: bytes, epoch: int, identity: bytes) -> bytes:
    """The footer with this time and this id of 16 bytes."""
    if len(footer) != _FOOTER or not footer.startswith(b"conectix"):
        raise Problem("qemu-img has written a VHD without a footer")
    made = bytearray(footer)
    struct.pack_into(">I", made, _TIME, epoch - _EPOCH_2000)
    made[_ID : _ID + 16] = identity
    made[_CHECKSUM : _CHECKSUM + 4] = bytes(4)
    struct.pack_into(">I", made, _CHECKSUM, ~sum(made) & 0xFFFFFFFF)
    return bytes(made)


def make(source: Path, target: Path, row: Architecture, epoch: int) -> None:
    run("qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=fixed,force_size=on", source, target)
    with target.open("r+b") as file:
        file.seek(-_FOOTER, 2)
        footer = file.read()
        file.seek(-_FOOTER, 2)
        file.write(stamped(footer, epoch, hashlib.sha256(f"{target.name}/{epoch}".encode()).digest()[:16]))
