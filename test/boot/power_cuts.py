"""What a disk holds after a power cut, out of the writes and flushes that QEMU's blklogwrites has recorded.

What was written before a flush is on the disk once the flush is done. Of what was written after the last one, any part may be: here each
block of 4 KiB is there or not, as a random number says."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

#: The format is that of the kernel's dm-log-writes: https://docs.kernel.org/admin-guide/device-mapper/log-writes.html and
#: struct log_write_super, log_write_entry in drivers/md/dm-log-writes.c. All numbers are little endian.
_SUPER = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")
_MAGIC, _VERSION = 0x6A736677736872, 1
_FLUSH, _FUA, _DISCARD = 1, 2, 4
#: The kernel counts in 512 bytes, and QEMU in the size of the log's sectors, whose default is the same.
SECTOR = 512
_BLOCK = 4096


@dataclass(frozen=True)
class Entry:
    at: int  # where it begins in the log
    place: int  # on the disk, in bytes
    size: int
    data: int  # where what was written begins in the log
    is_flush: bool
    is_durable: bool  # a write that is on the disk when it is done


def read_log(log: Path) -> list[Entry]:
    """All that has been logged. @raises ValueError if this is no such log."""
    end = log.stat().st_size
    entries: list[Entry] = []
    with log.open("rb") as file:
        magic, version, _, sector_size = _SUPER.unpack(file.read(_SUPER.size))
        if (magic, version, sector_size) != (_MAGIC, _VERSION, SECTOR):
            raise ValueError(f"{log} is no log of writes: it begins with {magic:#x}, {version}, {sector_size}")
        at = SECTOR
        while at + SECTOR <= end:
            file.seek(at)
            sector, sectors, flags, _ = _ENTRY.unpack(file.read(_ENTRY.size))
            if (sector, sectors, flags) == (0, 0, 0):
                break  # room that was never written to
            # A discard has no data, and what was there may stay there.
            size = 0 if flags & _DISCARD else sectors * SECTOR
            if at + SECTOR + size > end:
                break  # cut off with QEMU
            entries.append(Entry(at, sector * SECTOR, size, at + SECTOR, bool(flags & _FLUSH), bool(flags & _FUA)))
            at += SECTOR + size
    return entries


class Replay:
    """A disk that goes through the log: forwards only."""

    def __init__(self, disk: Path, log: Path, entries: list[Entry]) -> None:
        """disk: as it was at the start. It is changed, and always holds what no cut could take away."""
        self.disk, self.log, self._entries = disk, log, entries
        self._next = 0
        self._unflushed: list[Entry] = []

    def go_to(self, cut: int) -> None:
        """Until that many entries are done."""
        assert cut >= self._next, "a replay goes forwards only"
        with self.disk.open("r+b") as disk, self.log.open("rb") as log:
            for entry in self._entries[self._next : cut]:
                if entry.is_flush:
                    for written in self._unflushed:
                        _write(disk, log, written)
                    self._unflushed.clear()
                if entry.size and entry.is_durable and not self._overlaps(entry):
                    _write(disk, log, entry)
                elif entry.size:
                    self._unflushed.append(entry)
        self._next = cut

    @property
    def unflushed(self) -> int:
        """Bytes that a cut may take away."""
        return sum(entry.size for entry in self._unflushed)

    def cut(self, target: Path, numbers: random.Random) -> int:
        """Adds to target, a copy of the disk, a part of what no flush has covered: all, nothing or some. Returns how many bytes are lost."""
        share = numbers.choice([0.0, 1.0, numbers.random(), numbers.random()])
        lost = 0
        with target.open("r+b") as disk, self.log.open("rb") as log:
            for entry in self._unflushed:
                for block in _blocks(entry):
                    if numbers.random() < share:
                        _write(disk, log, block)
                    else:
                        lost += block.size
        return lost

    def _overlaps(self, entry: Entry) -> bool:
        """Whether something older would be written over it, were it written now."""
        return any(other.place < entry.place + entry.size and entry.place < other.place + other.size for other in self._unflushed)


def _blocks(entry: Entry) -> Iterator[Entry]:
    for begin in range(0, entry.size, _BLOCK):
        size = min(_BLOCK, entry.size - begin)
        yield Entry(entry.at, entry.place + begin, size, entry.data + begin, False, False)


def _write(disk: BinaryIO, log: BinaryIO, entry: Entry) -> None:
    log.seek(entry.data)
    disk.seek(entry.place)
    disk.write(log.read(entry.size))
