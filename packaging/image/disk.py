"""A disk that boots, out of a tree: GPT with a partition for GRUB of the BIOS, one for EFI, and the root at the end, where it can grow.

Nothing is mounted, and no loop device is used, so that this runs in any container. GRUB's own files are in the boot partitions
alone: the image needs no package of it, and /vmlinuz and /initrd.img, which Debian keeps pointing to the newest kernel, are all
that it reads."""

from __future__ import annotations

import os
import re
import struct
import tempfile
import uuid
from pathlib import Path

import grub
from architectures import Architecture
from problem import Problem, run
from tree import environment

SECTOR = 512
_MIB = 1 << 20
_BIOS_START, _BIOS_SIZE = 1 * _MIB, 1 * _MIB
_EFI_START, _EFI_SIZE = 2 * _MIB, 62 * _MIB
_ROOT_START = 64 * _MIB
_END = 1 * _MIB  # for the second table

#: What GRUB needs to read an ext4 and to start Linux, by BIOS or EFI. It loads nothing from the disk.
_MODULES = ("part_gpt", "ext2", "search", "search_fs_uuid", "normal", "linux", "serial", "terminal", "echo", "test", "reboot")


def uuids(*identity: str) -> dict[str, str]:
    """The same for the same release: a random one would be another image."""
    return {what: str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(["bootwright-image", *identity, what])))
            for what in ("disk", "bios", "efi-partition", "root-partition", "root", "hash")} | {
            "efi": "{0:04X}-{1:04X}".format(*struct.unpack("<HH", uuid.uuid5(uuid.NAMESPACE_URL, "/".join([*identity, "efi"])).bytes[:4]))}  # fmt: skip


def grub_config(ids: dict[str, str], row: Architecture) -> str:
    serial = "serial --unit=0 --speed=115200\nterminal_input console serial\nterminal_output console serial\n" if row.bios else ""
    consoles = " ".join(f"console={name}" for name in ("tty0", *row.consoles))
    return (
        f"search --no-floppy --fs-uuid --set=root {ids['root']}\n{serial}"
        f"linux /vmlinuz root=UUID={ids['root']} ro {consoles}\n"
        "initrd /initrd.img\nboot\n"
        # When the kernel of the last upgrade is not there whole.
        f"linux /vmlinuz.old root=UUID={ids['root']} ro {consoles}\ninitrd /initrd.img.old\nboot\n"
    )


def _grub(folder: Path, modules: Path, config: Path, extra: tuple[str, ...], epoch: int) -> Path:
    core = folder / f"core.{modules.name}"
    run("grub-mkimage", "--directory", modules, "--format", modules.name, "--prefix", "(memdisk)/", "--config", config, "--output", core, *extra, *_MODULES,
        env=environment(epoch))  # fmt: skip
    return core


def bios_boot(boot: bytes, core: bytes, start: int) -> tuple[bytes, bytes]:
    """The first sector and GRUB's core, told where the core lies, as grub-bios-setup does it: start is its first sector.

    Source: util/setup.c and include/grub/i386/pc/boot.h of GRUB: the sector to load at 0x5c; at 0x66 a jump for floppy disks, that hard
    disks overwrite; at the end of the core's first sector the list of what to load after it."""
    patched = bytearray(boot)
    struct.pack_into("<Q", patched, 0x5C, start)
    patched[0x66:0x68] = b"\x90\x90"
    padded = bytearray(core.ljust(-(-len(core) // SECTOR) * SECTOR, b"\0"))
    struct.pack_into("<QHH", padded, SECTOR - 12, start + 1, len(padded) // SECTOR - 1, 0x820)
    return bytes(patched), bytes(padded)


def _write_bios(image: Path, modules: Path, core: Path) -> None:
    boot, padded = bios_boot((modules / "boot.img").read_bytes(), core.read_bytes(), _BIOS_START // SECTOR)
    if len(padded) > _BIOS_SIZE:
        raise Problem(f"GRUB's core has {len(padded)} bytes, and its partition {_BIOS_SIZE}")
    with image.open("r+b") as file:
        file.write(boot[:440])  # what follows is the table of partitions
        file.seek(_BIOS_START)
        file.write(padded)


def _write_efi(image: Path, folder: Path, core: Path, place: str, serial: str, epoch: int) -> None:
    part = folder / "efi"
    with part.open("wb") as file:
        file.truncate(_EFI_SIZE)
    run("mkfs.vfat", "--invariant", "-F", "32", "-s", "1", "-i", serial.replace("-", ""), "-n", "EFI", part, env=environment(epoch))
    path = Path(place)
    os.utime(core, (epoch, epoch))
    for parent in reversed(path.parents[:-1]):
        run("mmd", "-i", part, f"::/{parent}", env=environment(epoch))
    run("mcopy", "-m", "-i", part, core, f"::/{path}", env=environment(epoch))
    _copy_into(part, image, _EFI_START)


def _copy_into(part: Path, image: Path, place: int) -> None:
    """Without what is zero, so that the image has holes."""
    with part.open("rb") as source, image.open("r+b") as target:
        for number, block in enumerate(iter(lambda: source.read(_MIB), b"")):
            if block.count(0) != len(block):
                target.seek(place + number * _MIB)
                target.write(block)


def _write_root(image: Path, folder: Path, tree: Path, ids: dict[str, str], size: int, epoch: int) -> None:
    part = folder / "root"
    with part.open("wb") as file:
        file.truncate(size)
    # Version 1.47.0 takes ctime and crtime from the clock of the build: they are set below.
    run("mke2fs", "-q", "-F", "-t", "ext4", "-U", ids["root"], "-E", f"hash_seed={ids['hash']},root_owner=0:0,lazy_itable_init=0,nodiscard",
        "-L", "root", "-m", "1", "-d", tree, part, env=environment(epoch))  # fmt: skip
    _set_times(part, folder, epoch)
    _copy_into(part, image, _ROOT_START)


def _set_times(part: Path, folder: Path, epoch: int) -> None:
    about = run("dumpe2fs", "-h", part, env=environment(epoch))
    numbers = {key: int(re.search(rf"^{key}:\s+(\d+)$", about, re.MULTILINE)[1]) for key in ("Inode count", "Free inodes", "Inodes per group")}  # type: ignore[index]
    used = _used_inodes(run("dumpe2fs", part, env=environment(epoch)), numbers["Inodes per group"])
    if len(used) != numbers["Inode count"] - numbers["Free inodes"]:
        raise Problem(f"{part}: dumpe2fs lists {len(used)} inodes, and counts {numbers['Inode count'] - numbers['Free inodes']}")
    fields = ("ctime", "atime", "crtime")
    lines = [f"set_inode_field <{inode}> {field} @{epoch}" for inode in used for field in fields]
    lines += [f"set_inode_field <{inode}> {field}_extra 0" for inode in used for field in (*fields, "mtime")]
    commands = folder / "commands"
    commands.write_text("\n".join(lines) + "\n")
    run("debugfs", "-w", "-f", commands, part, env=environment(epoch))


def _used_inodes(groups: str, per_group: int) -> list[int]:
    """All inodes that dumpe2fs does not list as free, among those that exist."""
    used: list[int] = []
    free_lines = re.findall(r"^  Free inodes: *(.*)$", groups, re.MULTILINE)
    for group, line in enumerate(free_lines):
        free: set[int] = set()
        for span in filter(None, line.split(", ")):
            first, _, last = span.partition("-")
            free.update(range(int(first), int(last or first) + 1))
        used += [inode for inode in range(group * per_group + 1, (group + 1) * per_group + 1) if inode not in free]
    return used


def make(image: Path, tree: Path, row: Architecture, ids: dict[str, str], size: int, epoch: int) -> None:
    """Writes the raw image, size bytes, in which a hole stands for what is zero."""
    root_size = size - _ROOT_START - _END
    parts = [f"start={_ROOT_START // SECTOR}, size={root_size // SECTOR}, type={row.root_type}, uuid={ids['root-partition']}, name=root"]
    if row.efi:
        parts.insert(0, f"start={_EFI_START // SECTOR}, size={_EFI_SIZE // SECTOR}, type=U, uuid={ids['efi-partition']}, name=efi")
    if row.bios:
        parts.insert(0, f"start={_BIOS_START // SECTOR}, size={_BIOS_SIZE // SECTOR}, type=21686148-6449-6E6F-744E-656564454649, uuid={ids['bios']}, name=bios")
    with image.open("wb") as file:
        file.truncate(size)
    run("sfdisk", "--quiet", "--no-reread", image, text="\n".join([f"label: gpt\nlabel-id: {ids['disk']}\nunit: sectors\n", *parts]) + "\n")
    with tempfile.TemporaryDirectory(dir=image.parent) as name:
        folder = Path(name)
        config = folder / "grub.cfg"
        config.write_text(grub_config(ids, row))
        if row.bios:
            with grub.modules("i386-pc", row, epoch) as modules:
                _write_bios(image, modules, _grub(folder, modules, config, ("biosdisk",), epoch))
        if row.efi:
            with grub.modules(row.efi[0], row, epoch) as modules:
                _write_efi(image, folder, _grub(folder, modules, config, (), epoch), row.efi[1], ids["efi"], epoch)
        _write_root(image, folder, tree, ids, root_size, epoch)
