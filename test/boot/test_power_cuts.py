"""The power goes at any moment of a first boot: the next boot ends configured, and what the status had said to be done is done.

The writes and flushes of one first boot are recorded, of the whole machine in QEMU. Then, for each cut, the disk is built again without
what no flush had covered, e2fsck mends it as it does at a boot, and a machine in systemd-nspawn goes on from there.

test/boot/images power-cuts [COUNT [SEED]] builds the image, and runs this. The same seed cuts the same recording at the same moments."""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import random
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from image_machine import EC2, failed_units, machine_in
from instance import INSTANCE_ID
from metadata_services import Ec2
from nspawn import Container
from power_cuts import Entry, Replay, read_log
from real_machine import CLEAN_ENVIRONMENT, command, wait_for
from surroundings import Surroundings
from test_boot import page, wait_until_ready
from whole_machine import ROOT_START, Said, WholeMachine, mounted_root, prepare
from world import World

by_name = pytest.mark.skipif("BOOTWRIGHT_RAW_IMAGE" not in os.environ, reason="by name only: test/boot/images power-cuts")

FOLDER = ROOT / "build/boot/power-cuts"
#: Seconds. On two cores that others use, too, the boot takes two minutes, and Puppet the same.
LIMIT = 1200
#: The kernel writes back by itself what is older than half a minute: a cut just after the end of the run is the one that loses most.
AFTERWARDS = 40

#: What the role puts on the disk.
FILES = (
    "/etc/motd", "/etc/sysctl.d/60-control-repo.conf", "/etc/cron.daily/remove-old-crashes", "/srv/web/index.html", "/etc/nginx/conf.d/web.conf", "/srv/made-once",
)  # fmt: skip
#: The last one is of a program that flushes nothing, and is never made again once it is there, be it empty.
WEB = """\
class role::web {
  include profile::base
  include profile::web
  exec { 'make once':
    command  => '/usr/bin/seq 50000 > /srv/made-once',
    creates  => '/srv/made-once',
    provider => shell,
    require  => Class['profile::base', 'profile::web'],
  }
}
"""


def log_of(*entries: tuple[int, int, bytes]) -> bytes:
    """A log as blklogwrites writes it, of entries (sector, flags, data)."""
    whole = struct.pack("<QQQI", 0x6A736677736872, 1, len(entries), 512).ljust(512, b"\0")
    for sector, flags, data in entries:
        whole += struct.pack("<QQQQ", sector, len(data) // 512, flags, 0).ljust(512, b"\0") + data
    return whole


class Numbers(random.Random):
    """Which part of what is unflushed is kept: all of it or nothing."""

    def __init__(self, share: float) -> None:
        super().__init__(1)
        self._share = share

    def choice(self, _: Any) -> Any:
        return self._share


@pytest.mark.parametrize(
    ("cut", "share", "expected"),
    [(1, 0.0, b"...."), (1, 1.0, b"A..."), (2, 0.0, b"...."), (2, 1.0, b"AB.."), (3, 0.0, b"AB.."), (4, 0.0, b"AB.."), (4, 1.0, b"CB.."), (5, 0.0, b"AB.D")],
)
def test_a_cut_takes_only_what_no_flush_has_covered(tmp_path: Path, cut: int, share: float, expected: bytes) -> None:
    disk, log, target = tmp_path / "disk", tmp_path / "log", tmp_path / "target"
    disk.write_bytes(b"." * 4 * 512)
    log.write_bytes(log_of((0, 0, b"A" * 512), (1, 0, b"B" * 512), (0, 1, b""), (0, 0, b"C" * 512), (3, 2, b"D" * 512)))
    replay = Replay(disk, log, read_log(log))
    replay.go_to(cut)
    target.write_bytes(disk.read_bytes())
    lost = replay.cut(target, Numbers(share))
    assert target.read_bytes()[::512] == expected
    assert lost == (0 if share else replay.unflushed)


def test_a_log_that_was_cut_off_ends_before_its_last_entry(tmp_path: Path) -> None:
    whole = log_of((0, 0, b"A" * 512), (1, 0, b"B" * 1024))
    log = tmp_path / "log"
    log.write_bytes(whole[:-1])
    assert [entry.place for entry in read_log(log)] == [0]
    log.write_bytes(b"x" * 1024)
    with pytest.raises(ValueError, match="no log of writes"):
        read_log(log)


def test_what_qemu_records_is_read(tmp_path: Path) -> None:
    disk, log = tmp_path / "disk", tmp_path / "log"
    disk.write_bytes(bytes(1 << 20))
    log.touch()
    node = f"driver=blklogwrites,file.driver=raw,file.file.driver=file,file.file.filename={disk},log.driver=raw,log.file.driver=file,log.file.filename={log}"
    orders = ("write -P 65 0 4k", "write -P 66 8k 8k", "flush", "write -z 16k 64k", "discard 0 64k", "write -P 67 512 512")
    command("qemu-io", "--image-opts", node, *(word for order in orders for word in ("-c", order)))
    entries = read_log(log)
    assert [(entry.place, entry.size) for entry in entries if entry.size] == [(0, 4096), (8192, 8192), (16384, 65536), (512, 512)]
    disk.write_bytes(b"." * (1 << 20))
    replay = Replay(disk, log, entries)
    replay.go_to(next(number for number, entry in enumerate(entries, 1) if entry.is_flush))
    assert disk.read_bytes()[: 24 << 10 : 4096] == b"A.BB.."
    replay.go_to(max(number for number, entry in enumerate(entries, 1) if entry.size))
    assert replay.unflushed == 65536 + 512
    replay.go_to(len(entries))
    assert replay.unflushed == 0, "QEMU flushes when it ends"


@dataclass(frozen=True)
class Recording:
    entries: list[Entry]
    said: list[Said]
    contents: dict[str, bytes]  # of the role's files in the end

    def said_before(self, cut: int) -> dict[str, Any] | None:
        """What the status had certainly said when the power went."""
        if cut == 0:
            return None
        last = self.entries[cut - 1]
        logged = last.data + last.size
        return next((said.status for said in reversed(self.said) if said.logged <= logged), None)


def record(world: World, surroundings: Surroundings) -> None:
    """Leaves in FOLDER the disk before and after a first boot, the log of its writes, and what the status said."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    command("cp", "--sparse=always", os.environ["BOOTWRIGHT_RAW_IMAGE"], FOLDER / "before")
    prepare(FOLDER / "before", world.new_folder("prepare"), {"/etc/bootwright/agent.d/image_machine.json": json.dumps(EC2)})
    command("cp", "--sparse=always", FOLDER / "before", FOLDER / "after")
    surroundings.metadata.reset(Ec2(user_data=surroundings.role_config("web")))
    machine = WholeMachine(world, FOLDER / "after", log=FOLDER / "log")
    try:
        machine.boot()
        status = machine.wait_for_status(lambda status: status["configured"] and status["run"]["state"] == "finished", "the first run's end", LIMIT)
        assert (status["run"]["number"], status["run"]["outcome"]) == (1, "changed")
        machine.listen_for(AFTERWARDS)
    finally:
        machine.remove()
    mend(FOLDER / "after")
    (FOLDER / "said.json").write_text(json.dumps([dataclasses.asdict(said) for said in machine.said]))


@pytest.fixture(scope="module")
def recording(world: World, surroundings: Surroundings) -> Recording:
    surroundings.repo.commit({"site-modules/role/manifests/web.pp": WEB})
    if "BOOTWRIGHT_RECORDED" not in os.environ:
        record(world, surroundings)
    said = [Said(**words) for words in json.loads((FOLDER / "said.json").read_text())]
    entries = read_log(FOLDER / "log")
    flushes = sum(entry.is_flush for entry in entries)
    print(f"\n{len(entries)} entries, {flushes} of them flushes, {sum(entry.size for entry in entries) / 1e6:.0f} MB; the status said {len(said)} things")
    assert flushes > 10 and said[-1].status["configured"]
    with mounted_root(FOLDER / "after", world.new_folder("after")) as root:
        contents = {path: Path(f"{root}{path}").read_bytes() for path in FILES}
    assert all(contents.values())
    return Recording(entries, said, contents)


def mend(disk: Path) -> str:
    """As systemd-fsck does it at a boot. Returns what was mended."""
    # Not FILE?offset=: having replayed the journal, e2fsck 1.47 opens it again without the offset.
    device = command("losetup", "--find", "--show", "--offset", str(ROOT_START), disk).strip()
    try:
        done = subprocess.run(["e2fsck", "-f", "-p", device], capture_output=True, text=True, timeout=300, env=CLEAN_ENVIRONMENT)
    finally:
        command("losetup", "--detach", device)
    assert done.returncode in (0, 1), f"e2fsck needs a person: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def nothing_is_broken(root: Path) -> None:
    """Of what the agent keeps: no file that has its name is half there."""
    state = root / "var/lib/bootwright"
    for record in state.rglob("*.json") if state.exists() else ():
        if ".tmp" not in record.name:
            json.loads(record.read_text())
    for packed in state.rglob("*.json.gz") if state.exists() else ():
        json.loads(gzip.decompress(packed.read_bytes()))
    for bare in state.glob("repositories/*") if state.exists() else ():
        if (bare / "objects").is_dir():
            command("git", "-c", "safe.directory=*", "-C", bare, "fsck", "--connectivity-only")


def is_as_said(root: Path, said: dict[str, Any], contents: dict[str, bytes]) -> None:
    """What the status had called done is on the disk before anything runs again."""
    if said["configured"]:
        for path, content in contents.items():
            assert Path(f"{root}{path}").read_bytes() == content, path
        assert not (root / "etc/nginx/sites-enabled/default").exists()


def goes_on(machine: Container, world: World, said: dict[str, Any] | None) -> None:
    machine.boot()
    found = wait_until_ready(machine)
    run = found["run"]
    assert (run["role"], run["instance"]["id"]) == ("web", INSTANCE_ID)
    assert run["outcome"] in ("changed", "unchanged"), run
    if said and said["configured"]:
        assert (run["number"] > said["configured"]["run"], run["outcome"]) == (True, "unchanged"), run
    elif said and said["run"]:
        assert run["number"] >= said["run"]["number"]
    assert INSTANCE_ID in page(world)
    wait_for(lambda: machine.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"), "the end of the boot")
    assert failed_units(machine) == ""
    machine.run("sshd", "-t", check=True)


@by_name
def test_it_ends_configured_whenever_the_power_goes(recording: Recording, world: World, surroundings: Surroundings) -> None:
    count, seed = int(os.environ.get("BOOTWRIGHT_CUTS", "20")), int(os.environ.get("BOOTWRIGHT_SEED", "1"))
    numbers = random.Random(seed)
    # Each fourth is made after the status said that all is done: little is written then, and all of it counts.
    done = next(cut for cut in range(len(recording.entries) + 1) if (recording.said_before(cut) or {}).get("configured"))
    cuts = sorted(numbers.randint(done if number % 4 == 0 else 0, len(recording.entries)) for number in range(count))
    durable, disk = FOLDER / "durable", FOLDER / "cut"
    command("cp", "--sparse=always", FOLDER / "before", durable)
    replay = Replay(durable, FOLDER / "log", recording.entries)
    failures = []
    for number, cut in enumerate(cuts, 1):
        replay.go_to(cut)
        command("cp", "--sparse=always", durable, disk)
        lost = replay.cut(disk, numbers)
        said = recording.said_before(cut)
        where = f"cut {number} of {count}, seed {seed}: after {cut} of {len(recording.entries)} entries, {lost} of {replay.unflushed} unflushed bytes lost, status {stage_of(said)}"
        print(where, flush=True)
        try:
            mend(disk)
            with mounted_root(disk, world.new_folder("cut")) as root:
                nothing_is_broken(root)
                if said:
                    is_as_said(root, said, recording.contents)
                (root / "etc/fstab").unlink()  # a container cannot remount the root that it was given
                surroundings.metadata.reset(Ec2(user_data=surroundings.role_config("web")))
                machine = machine_in(world, root, f"cut-{number}", agent={})
                try:
                    goes_on(machine, world, said)
                    machine.power_off()
                except (AssertionError, RuntimeError, TimeoutError) as error:
                    raise AssertionError(f"{error}\n{machine.describe()}") from error
                finally:
                    machine.leave()
        except (AssertionError, RuntimeError, ValueError) as error:
            command("cp", "--sparse=always", disk, FOLDER / f"failed-{seed}-{number}")
            failures.append(f"{where}\n{error}")
            print(failures[-1], flush=True)
    durable.unlink()
    disk.unlink()
    assert failures == []


def stage_of(said: dict[str, Any] | None) -> str:
    run = (said or {}).get("run")
    return "none" if said is None or not run else "configured" if said["configured"] else f"run {run['number']}, {run['stage']}"
