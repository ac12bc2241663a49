"""NoCloud's volume labelled cidata, read by a real kernel: User Mode Linux, as a kernel may have neither iso9660 nor vfat."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from roles import IMPATIENT
from world import World, command

META_DATA = "instance-id: iid-77\nlocal-hostname: web-77\n"
REVISION = "0123456789abcdef0123456789abcdef01234567"
# There is no such repository: the run ends after the stages that are tested here.
USER_DATA = json.dumps({"role": "web", "repository": {"url": "file:///srv/none.git", "revision": REVISION}})


@dataclass
class Boot:
    """What a machine left behind."""

    status: dict[str, Any]
    mounts: str
    #: How often each loaded module of the kernel is in use.
    modules: dict[str, int]


def copy(file: str | Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)


@pytest.fixture
def boot(world: World, package: Path) -> Callable[[Path], Boot]:
    """Boots a machine that has the package, a few of the real machine's programs, all with their libraries; and a disk."""
    root = world.new_folder("root")
    for folder in ("proc", "sys", "dev", "run", "var/lib", "lib/modules", "result"):
        (root / folder).mkdir(parents=True)
    command("dpkg-deb", "--extract", package, root)
    (root / "etc/bootwright/agent.d/test.json").write_text(json.dumps(IMPATIENT))
    copy(Path(__file__).with_name("cidata.sh"), root / "init")
    programs = ("/bin/sh", "/bin/cp", "/bin/ln", "/bin/mkdir", "/bin/mount", "/bin/sleep", "/sbin/findfs", "/sbin/modprobe")
    for program in programs:
        copy(program, root / program[1:])
    for binary in [root / "usr/bin/bootwright", root / "usr/lib/bootwright/bootwright-fetch", *(root / "bin").iterdir(), *(root / "sbin").iterdir()]:
        for library in re.findall(r"/\S+", command("ldd", binary)):
            copy(library, root / library[1:])

    def boot(volume: Path) -> Boot:
        # The kernel is many processes, in a namespace that goes with the first of them, which is not the kernel: process 1
        # cannot be aborted, and that is how a panic ends. What it keeps in files is its memory, and sockets.
        console = command(
            "setpriv", "--pdeathsig", "KILL",
            "unshare", "--net", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "timeout", "--signal=KILL", "60",
            "linux.uml", "root=/dev/root", "rootfstype=hostfs", f"rootflags={root}", "rw", "init=/init", f"ubd0r={volume}",
            "mem=128M", f"uml_dir={world.new_folder('uml')}/", "con=null", "con0=null,fd:1", "ssl=null", "quiet",
            env={"TMPDIR": str(world.folder)}, cwd=world.folder,
        )  # fmt: skip
        print(console)
        result = root / "result"
        modules = [line.split() for line in (result / "modules").read_text().splitlines()]
        return Boot(
            json.loads((result / "status.json").read_text()),
            (result / "mounts").read_text(),
            {fields[0]: int(fields[2]) for fields in modules},
        )

    return boot


@pytest.fixture
def seed(world: World) -> Path:
    folder = world.new_folder("seed")
    folder.mkdir()
    (folder / "meta-data").write_text(META_DATA)
    (folder / "user-data").write_text(USER_DATA)
    return folder


def iso9660(seed: Path, label: str) -> Path:
    image = seed.with_suffix(".iso")
    command("xorriso", "-as", "mkisofs", "-quiet", "-volid", label, "-joliet", "-rational-rock", "-output", image, seed)
    return image


def vfat(seed: Path, label: str) -> Path:
    image = seed.with_suffix(".vfat")
    command("mkfs.vfat", "-C", "-n", label, image, "1440")
    command("mcopy", "-i", image, *seed.iterdir(), "::")
    return image


@pytest.mark.parametrize(("make", "label", "module"), [(iso9660, "cidata", "isofs"), (vfat, "cidata", "vfat"), (vfat, "CIDATA", "vfat")])
def test_the_seed_is_read(
    boot: Callable[[Path], Boot], seed: Path, make: Callable[[Path, str], Path], label: str, module: str
) -> None:
    booted = boot(make(seed, label))
    run = booted.status["run"]
    assert run["instance"]["platform"] == "nocloud" and run["instance"]["id"] == "iid-77"
    assert run["instance"]["hostname"] == "web-77"
    assert run["role"] == "web" and run["revision"]["asked"] == REVISION
    assert run["error"]["stage"] == "repository"
    # Nothing stays mounted, also not where no list of mounts shows it.
    assert "ubd" not in booted.mounts
    assert booted.modules[module] == 0


def nothing(seed: Path) -> None:
    """As a volume looks whose folder is damaged."""


def link(seed: Path) -> None:
    (seed / "user-data").symlink_to("/etc/bootwright/agent.json")


def pipe(seed: Path) -> None:
    os.mkfifo(seed / "user-data")


@pytest.mark.parametrize(
    ("spoil", "code"), [(nothing, "platform.seed_missing"), (link, "volume.unreadable"), (pipe, "volume.unreadable")]
)
def test_a_seed_of_anything_but_files_is_told(
    boot: Callable[[Path], Boot], world: World, spoil: Callable[[Path], None], code: str
) -> None:
    seed = world.new_folder("seed")
    seed.mkdir()
    spoil(seed)
    run = boot(iso9660(seed, "cidata")).status["run"]
    assert run["stage"] == "platform" and run["error"]["code"] == code


def test_a_volume_of_another_kind_is_told(boot: Callable[[Path], Boot], world: World) -> None:
    image = world.new_folder("image")
    command("mke2fs", "-q", "-t", "ext2", "-L", "cidata", image, "1M")
    booted = boot(image)
    run = booted.status["run"]
    assert run["stage"] == "platform" and run["instance"] is None
    assert run["error"]["code"] == "volume.unreadable" and "/dev/disk/by-label/cidata" in run["error"]["message"]
    assert run["attempts"] == run["attempt"] == 3  # the volume may be being written
    assert booted.modules["isofs"] == booted.modules["vfat"] == 0
