"""A machine with Debian's own kernel, in QEMU: for what the kernel of this machine, which containers have too, cannot do."""

from __future__ import annotations

import lzma
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from real_machine import CLEAN_ENVIRONMENT, command

#: The kernel that Debian makes for clouds: NVMe, ext4 (which reads ext2) and the serial port are in it, not modules.
_PACKAGE = "linux-image-cloud-amd64"

#: The modules that the machine finds in its /lib/modules: of a volume's disk, of its file system, and what those need.
_MODULES = (
    "kernel/drivers/virtio", "kernel/drivers/block", "kernel/drivers/cdrom", "kernel/fs/isofs", "kernel/fs/udf", "kernel/lib", "kernel/fs/fat", "kernel/fs/nls",
)  # fmt: skip

#: Without cmpxchg16b: with it Debian 12's QEMU 7.2 panics Linux 6.12 in three boots of four, in its memory allocator.
_CPU = "qemu64,-cx16"

#: Seconds. A boot and seven runs of the agent take a tenth of this.
_DEADLINE = 300


def debian_kernel(cache: Path) -> Path:
    """A folder with Debian's kernel, vmlinuz, and its lib/modules; nothing is installed. Made once for each version."""
    try:
        stanza = command("apt-cache", "show", "--no-all-versions", _PACKAGE)
    except RuntimeError as error:
        raise RuntimeError(f"apt knows no {_PACKAGE} on this machine: run apt-get update") from error
    found = re.search(r"^Depends: (linux-image-\S+) \(= (\S+)\)", stanza, re.MULTILINE)
    if not found:
        raise RuntimeError(f"{_PACKAGE} does not say which kernel it stands for:\n{stanza}")
    name, version = found.groups()
    kernel = cache / f"{name}-{version}-{len(_MODULES)}"  # another list is another folder
    if not kernel.exists():
        partial = kernel.with_name(kernel.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        print(f"making {kernel}")
        try:
            command("apt-get", "-o", "Acquire::Retries=3", "download", f"{name}={version}", cwd=partial)
        except RuntimeError as error:
            raise RuntimeError(f"cannot download {name}, maybe as there is a newer one: run apt-get update\n{error}") from error
        _unpack(next(partial.glob("*.deb")), partial)
        partial.rename(kernel)
    return kernel


def _unpack(package: Path, kernel: Path) -> None:
    whole = kernel / "whole"
    command("dpkg-deb", "--extract", package, whole)
    package.unlink()
    next(whole.glob("boot/vmlinuz-*")).rename(kernel / "vmlinuz")
    # Since Debian 13 the modules are below /usr, and compressed.
    source = next(folder for place in ("lib", "usr/lib") for folder in whole.glob(f"{place}/modules/*"))
    target = kernel / "lib/modules" / source.name
    for folder in _MODULES:
        (target / folder).mkdir(parents=True)
        for module in (source / folder).iterdir():
            if module.suffix == ".xz":
                (target / folder / module.stem).write_bytes(lzma.decompress(module.read_bytes()))
            elif module.suffix == ".ko":
                shutil.copy(module, target / folder)
    for file in source.glob("modules.*"):
        shutil.copy(file, target)
    command("depmod", "--basedir", kernel, source.name)
    shutil.rmtree(whole)


def _copy(file: str | Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)


def machine_root(root: Path, package: Path, kernel: Path, init: Path, programs: Sequence[str]) -> None:
    """Makes the folder root of a machine that has the package, a few of this machine's programs, all with their libraries; and
    modules. init is its process 1."""
    for folder in ("proc", "sys", "dev", "run", "var/lib", "result"):
        (root / folder).mkdir(parents=True)
    command("dpkg-deb", "--extract", package, root)
    _copy(init, root / "init")
    shutil.copytree(kernel / "lib/modules", root / "lib/modules")
    for name in programs:
        _copy(command("which", name).strip(), root / "bin" / name)
    for binary in [root / "usr/bin/bootwright", *(root / "usr/lib/bootwright").glob("bootwright-*"), *(root / "bin").iterdir()]:
        for library in re.findall(r"/\S+", command("ldd", binary)):
            _copy(library, root / library[1:])


def boot(kernel: Path, root: Path, volumes: list[Path], result: Path) -> str:
    """Runs /init of a machine that has a copy of the folder root, and no network. The volumes are virtio's disks, which it can
    only read; a disk's serial number is the name of the volume's file, of 20 letters at most. Once the machine has reset
    itself, what was in its /result is in the folder result, which must not exist. Returns what it wrote to its console."""
    image, console = root.with_name(root.name + ".image"), root.with_name(root.name + ".console")
    # Not ext4: without a journal nothing is left to be replayed.
    command("mke2fs", "-q", "-t", "ext2", "-d", root, image, "256M")
    # The root alone on a bus whose disks are numbered as they are found, which is in any order.
    disks = ["-drive", f"file={image},cache=unsafe,if=none,format=raw,id=root", "-device", "nvme,serial=root,drive=root"]
    for number, volume in enumerate(volumes):
        disks += ["-drive", f"file={volume},readonly=on,if=none,format=raw,id=v{number}"]
        disks += ["-device", f"virtio-blk-pci,drive=v{number},serial={volume.name}"]
    try:
        subprocess.run(
            [
                "setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64",
                "-machine", "pc", "-accel", "tcg", "-cpu", _CPU, "-m", "256",
                "-kernel", kernel / "vmlinuz",
                "-append", "root=/dev/nvme0n1 rw init=/init console=ttyS0 quiet panic=-1 mitigations=off",
                *disks,
                "-no-user-config", "-nodefaults", "-no-reboot", "-display", "none", "-monitor", "none",
                "-serial", f"file:{console}",
            ],
            stdin=subprocess.DEVNULL, check=True, timeout=_DEADLINE, env=CLEAN_ENVIRONMENT,
        )  # fmt: skip
    finally:
        written = console.read_text(errors="replace") if console.exists() else ""
        print(written)
    whole = result.with_name(result.name + ".whole")
    whole.mkdir()
    command("debugfs", "-R", f"rdump /result {whole}", image)
    (whole / "result").rename(result)
    return written
