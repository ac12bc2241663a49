"""NoCloud's volume labelled cidata, the volume of a vApp and Azure's provisioning medium, read by a real kernel: Debian's, as
this machine's may have none of the file systems."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from qemu import boot, machine_root
from real_machine import REPOSITORY_ROOT, command
from roles import IMPATIENT
from world import World

FIXTURES = REPOSITORY_ROOT / "test/fixtures"
META_DATA = "instance-id: iid-77\nlocal-hostname: web-77\n"
REVISION = "0123456789abcdef0123456789abcdef01234567"
# There is no such repository: the run ends after the stages that are tested here.
USER_DATA = json.dumps({"role": "web", "repository": {"url": "file:///srv/none.git", "revision": REVISION}})


# What is on a volume.


def whole(seed: Path) -> None:
    (seed / "meta-data").write_text(META_DATA)
    (seed / "user-data").write_text(USER_DATA)


def vapp(seed: Path) -> None:
    (seed / "ovf-env.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1"'
        ' xmlns:oe="http://schemas.dmtf.org/ovf/environment/1"><PropertySection>'
        '<Property oe:key="instance-id" oe:value="iid-77"/><Property oe:key="hostname" oe:value="web-77"/>'
        f'<Property oe:key="user-data" oe:value="{base64.b64encode(USER_DATA.encode()).decode()}"/>'
        "</PropertySection></Environment>\n"
    )


def nothing(seed: Path) -> None:
    """As a volume looks whose folder is damaged."""


def link(seed: Path) -> None:
    (seed / "user-data").symlink_to("/etc/bootwright/agent.json")


def pipe(seed: Path) -> None:
    os.mkfifo(seed / "user-data")


# How a volume is made.


def iso9660(seed: Path, label: str, image: Path) -> None:
    command("xorriso", "-as", "mkisofs", "-quiet", "-volid", label, "-joliet", "-rational-rock", "-output", image, seed)


def cloud_localds(seed: Path, _label: str, image: Path) -> None:
    """As most people make one."""
    command("cloud-localds", image, seed / "user-data", seed / "meta-data")


def vfat(seed: Path, label: str, image: Path) -> None:
    command("mkfs.vfat", "-C", "-n", label, image, "1440")
    command("mcopy", "-i", image, *seed.iterdir(), "::")


def vfat_boot_sector(seed: Path, label: str, image: Path) -> None:
    """As programs make one that write no label into the root folder."""
    command("mkfs.vfat", "-C", image, "1440")
    with image.open("r+b") as file:
        file.seek(43)  # BS_VolLab of FAT12
        file.write(label.ljust(11).encode())
    command("mcopy", "-i", image, *seed.iterdir(), "::")


def ext2(seed: Path, label: str, image: Path) -> None:
    command("mke2fs", "-q", "-t", "ext2", "-L", label, "-d", seed, image, "1M")


def udf(seed: Path, image: Path) -> None:
    """Azure's medium has this file system alone."""
    command("genisoimage", "-quiet", "-udf", "-V", "rd_rdfe_stable", "-o", image, seed)
    with image.open("r+b") as file:
        file.seek(16 * 2048)  # genisoimage writes iso9660 beside it, whose first descriptor is now the last one
        assert file.read(6) == b"\x01CD001"
        file.seek(16 * 2048)
        file.write(b"\xff")


@dataclass(frozen=True)
class Volume:
    fill: Callable[[Path], None]
    make: Callable[[Path, str, Path], None]
    label: str = "cidata"


VOLUMES = {
    "iso9660": Volume(whole, iso9660),
    "cloud-localds": Volume(whole, cloud_localds),
    "vfat": Volume(whole, vfat),
    "vfat in capitals": Volume(whole, vfat, "CIDATA"),
    "vfat by its boot sector": Volume(whole, vfat_boot_sector),
    "vApp": Volume(vapp, iso9660, "OVF ENV"),
    "iso9660 of nothing": Volume(nothing, iso9660),
    "iso9660 with a link": Volume(link, iso9660),
    "iso9660 with a pipe": Volume(pipe, iso9660),
    "ext2": Volume(whole, ext2),
}


@dataclass
class Left:
    """What a run with one volume left behind."""

    #: For Azure's medium what `bootwright metadata` told.
    status: dict[str, Any]
    mounts: str
    #: How often each loaded module of the kernel is in use.
    modules: dict[str, int]
    #: What udev would know of the volume.
    known: str


def users_of(modules: Path) -> dict[str, int]:
    fields = [line.split() for line in modules.read_text().splitlines()]
    return {line[0]: int(line[2]) for line in fields}


@pytest.fixture(scope="module")
def left(world: World, package: Path, kernel: Path) -> dict[str, Left]:
    """For each volume what a run with it left. They are all in one machine, as a boot costs more than a run."""
    folder = world.new_folder("cidata")
    programs = ("sh", "cat", "cp", "ln", "mkdir", "mount", "rm", "sleep", "umount", "blkid", "modprobe", "sed")
    machine_root(folder / "root", package, kernel, Path(__file__).with_name("cidata.sh"), programs)
    (folder / "root/etc/bootwright/agent.d/test.json").write_text(json.dumps(IMPATIENT))
    (folder / "root/sbin").symlink_to("bin")  # where the kernel looks for modprobe
    images = []
    for number, volume in enumerate(VOLUMES.values()):
        seed, image = folder / f"seed-{number}", folder / f"volume-{number}"
        seed.mkdir()
        volume.fill(seed)
        volume.make(seed, volume.label, image)
        images.append(image)
    captured = folder / "root/azure"
    shutil.copytree(FIXTURES / "azure/root-custom-data", captured)
    medium = folder / "provisioning"
    udf(captured / "var/lib/waagent", medium)
    shutil.rmtree(captured / "var")
    console = boot(kernel, folder / "root", [*images, medium], folder / "result")
    assert "every volume was tried" in console, console

    found = {}
    provisioning = folder / "result/provisioning"
    found["provisioning"] = Left(
        json.loads((provisioning / "metadata.json").read_text()),
        (provisioning / "mounts").read_text(),
        users_of(provisioning / "modules"),
        "",
    )
    for name, image in zip(VOLUMES, images):
        result = folder / "result" / image.name
        found[name] = Left(
            json.loads((result / "status.json").read_text()),
            (result / "mounts").read_text(),
            users_of(result / "modules"),
            next(result.glob("b*:*")).read_text(),
        )
    return found


@pytest.mark.parametrize(
    ("volume", "module"),
    [
        ("iso9660", "isofs"),
        ("cloud-localds", "isofs"),
        ("vfat", "vfat"),
        ("vfat in capitals", "vfat"),
        ("vfat by its boot sector", "vfat"),
        ("vApp", "isofs"),
    ],
)
def test_the_seed_is_read(left: dict[str, Left], volume: str, module: str) -> None:
    run = left[volume].status["run"]
    assert run["instance"]["platform"] == ("vmware" if volume == "vApp" else "nocloud") and run["instance"]["id"] == "iid-77"
    assert run["instance"]["hostname"] == "web-77"
    assert run["role"] == "web" and run["revision"]["asked"] == REVISION
    assert run["error"]["stage"] == "repository"
    # Nothing stays mounted, also not where no list of mounts shows it.
    assert "/dev/vd" not in left[volume].mounts
    assert left[volume].modules[module] == 0


def test_of_a_label_in_the_boot_sector_udev_makes_no_link(left: dict[str, Left]) -> None:
    """Else the test above would show nothing."""
    known = left["vfat by its boot sector"].known
    assert "E:ID_FS_TYPE=vfat\n" in known and "E:ID_FS_LABEL" not in known
    assert "E:ID_FS_LABEL=cidata\n" in left["vfat"].known
    assert "E:ID_FS_LABEL_ENC=OVF\\x20ENV\n" in left["vApp"].known


def test_azure_s_custom_data_is_read_from_its_medium(left: dict[str, Left]) -> None:
    metadata = left["provisioning"].status
    assert metadata["platform"] == "azure"
    assert metadata["user_data"]["origin"] == "custom data of the provisioning medium"
    assert metadata["user_data"]["bytes"] > 100
    assert "/dev/vd" not in left["provisioning"].mounts
    assert left["provisioning"].modules["udf"] == 0


@pytest.mark.parametrize(
    ("volume", "code"),
    [
        ("iso9660 of nothing", "platform.seed_missing"),
        ("iso9660 with a link", "volume.unreadable"),
        ("iso9660 with a pipe", "volume.unreadable"),
    ],
)
def test_a_seed_of_anything_but_files_is_told(left: dict[str, Left], volume: str, code: str) -> None:
    run = left[volume].status["run"]
    assert run["stage"] == "platform" and run["error"]["code"] == code


def test_a_volume_of_another_kind_is_told(left: dict[str, Left]) -> None:
    run = left["ext2"].status["run"]
    assert run["stage"] == "platform" and run["instance"] is None
    assert run["error"]["code"] == "volume.unreadable" and "/dev/disk/by-label/cidata" in run["error"]["message"]
    assert run["attempts"] == run["attempt"] == 3  # the volume may be being written
    assert left["ext2"].modules["isofs"] == left["ext2"].modules["vfat"] == 0
