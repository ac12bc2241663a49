"""A whole machine: an image's raw disk with its own boot loader, kernel and clock, in QEMU without KVM, on a cable to the servers of the tests.

Nobody can look into it, so it tells on a serial port of its own what its status says, at each change."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from network import METADATA_ADDRESS, SERVERS_ADDRESS
from real_machine import command, hold, wait_for
from world import World

#: Where the root begins in an image of packaging/image.
ROOT_START = 64 << 20
CABLE, GUEST = "10.98.0.1", "10.98.0.10"
#: For each architecture QEMU's program, and the processor that it is to be.
_EMULATORS = {"amd64": ("qemu-system-x86_64", "qemu64"), "i386": ("qemu-system-i386", "qemu32")}

#: The machine's own words go through no journal: they are out soon after the file is there.
_TELL = """\
#!/bin/sh
while :; do
    new=$(tr -d '\\n' </run/bootwright/status.json)
    [ "$new" = "$old" ] || echo "$new" >/dev/ttyS1
    old=$new
    sleep 0.5
done
"""
_TELL_UNIT = """\
[Unit]
Description=Tell the tests what the status says
DefaultDependencies=no
After=systemd-tmpfiles-setup.service

[Service]
ExecStart=/bin/sh /etc/tell

[Install]
WantedBy=sysinit.target
"""


@contextmanager
def mounted_root(image: Path, mount_point: Path) -> Iterator[Path]:
    mount_point.mkdir(exist_ok=True)
    command("mount", "-o", f"loop,offset={ROOT_START}", image, mount_point)
    try:
        yield mount_point
    finally:
        command("umount", mount_point)


def prepare(image: Path, mount_point: Path, files: dict[str, str]) -> None:
    """Adds what the tests need to an image: files, and the unit that tells what the status says."""
    with mounted_root(image, mount_point) as root:
        for path, text in {**files, "/etc/tell": _TELL, "/etc/systemd/system/tell.service": _TELL_UNIT}.items():
            file = Path(f"{root}{path}")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        command("systemctl", f"--root={root}", "--quiet", "enable", "tell.service")


@dataclass(frozen=True)
class Said:
    """What the machine's status said, and how many bytes of the log of writes there were when it was heard: not before it was said."""

    status: dict[str, Any]
    logged: int


class WholeMachine:
    """boot(), then wait_for_status(); switch_off() is a power cut."""

    def __init__(
        self, world: World, disk: Path, *, architecture: str = "amd64", log: Path | None = None, clock: str = "utc", firmware: Sequence[str] = ()
    ) -> None:
        """log: is written by QEMU's blklogwrites. clock: QEMU's -rtc base=, such as 1970-01-01T00:00:00. firmware: tables of its
        -smbios, such as type=0,vendor=Amazon EC2."""
        self.servers = world.network.servers
        self.disk, self.architecture, self.log, self.clock, self.firmware = disk, architecture, log, clock, firmware
        self.console, self._words = (world.new_folder(name) for name in ("console", "words"))
        self.said: list[Said] = []
        self._lines = 0
        self._qemu: subprocess.Popen[str] | None = None
        self.servers.run("ip", "tuntap", "add", "tap0", "mode", "tap")
        self.servers.run("ip", "address", "add", f"{CABLE}/24", "dev", "tap0")
        self.servers.run("ip", "link", "set", "tap0", "up")
        self._dhcp = hold(
            "nsenter", f"--net={self.servers.path}", "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=root", "--pid-file=",
            "--port=0", "--interface=tap0", "--bind-interfaces", f"--dhcp-leasefile={world.new_folder('leases')}", "--dhcp-authoritative",
            f"--dhcp-range={GUEST},{GUEST},1h", f"--dhcp-option=option:router,{CABLE}", f"--dhcp-option=option:ntp-server,{CABLE}",
            # The metadata service and the servers are on another cable of the same machine.
            f"--dhcp-option=121,{METADATA_ADDRESS}/32,{CABLE},{SERVERS_ADDRESS}/32,{CABLE},0.0.0.0/0,{CABLE}",
        )  # fmt: skip

    def boot(self) -> None:
        drive = [f"driver=file,filename={self.disk},node-name=disk-file,cache.no-flush=on", "driver=raw,file=disk-file,node-name=disk"]
        if self.log is not None:
            self.log.touch()
            drive += [
                f"driver=file,filename={self.log},node-name=log-file,cache.no-flush=on", "driver=raw,file=log-file,node-name=log",
                "driver=blklogwrites,file=disk,log=log,node-name=logged",
            ]  # fmt: skip
        program, processor = _EMULATORS[self.architecture]
        self._lines = 0  # its words begin anew
        self._qemu = hold(
            "nsenter", f"--net={self.servers.path}",
            program, "-accel", "tcg,thread=multi,tb-size=1024", "-cpu", processor, "-m", "1024", "-smp", "2",
            *(word for table in self.firmware for word in ("-smbios", table)),
            *(word for node in drive for word in ("-blockdev", node)),
            "-device", f"virtio-blk-pci,drive={'disk' if self.log is None else 'logged'}",
            "-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no", "-device", "virtio-net-pci,netdev=n0",
            "-rtc", f"base={self.clock}", "-no-user-config", "-nodefaults", "-no-reboot", "-display", "none", "-monitor", "none",
            "-serial", f"file:{self.console}", "-serial", f"file:{self._words}",
            stdout=subprocess.PIPE,
        )  # fmt: skip

    def wait_for_reboot(self, timeout: float) -> None:
        """Its own reboot ends QEMU, which is then started again."""
        assert self._qemu is not None
        self._qemu.wait(timeout)
        self._qemu = None
        self.boot()

    def listen(self) -> None:
        """Takes down what was said since."""
        assert self._qemu is not None
        if self._qemu.poll() is not None:
            raise RuntimeError(f"QEMU ended: {self._qemu.stdout.read() if self._qemu.stdout else ''}\n{self.tail()}")
        words = self._words.read_text(errors="replace") if self._words.exists() else ""
        logged = self.log.stat().st_size if self.log else 0  # after the words: no word is said to be older than it is
        lines = [line.strip() for line in words.split("\n")[:-1]]
        for line in lines[self._lines :]:
            if line.startswith("{"):
                self.said.append(Said(json.loads(line), logged))
        self._lines = len(lines)

    def wait_for_status(self, fits: Callable[[dict[str, Any]], Any], what: str, timeout: float) -> dict[str, Any]:
        """The first status said from now on, or the last one of before, of which fits(status) is true."""
        first = max(0, len(self.said) - 1)

        def probe() -> dict[str, Any] | None:
            self.listen()
            return next((said.status for said in self.said[first:] if fits(said.status)), None)

        try:
            found = wait_for(probe, what, timeout, every=0.1)
        except TimeoutError:
            last = self.said[-1].status if self.said else None
            raise TimeoutError(f"{what} did not come in {timeout:g} s; the status: {last}\n{self.tail()}") from None
        assert found is not None
        return found

    def listen_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.listen()
            time.sleep(0.1)

    def tail(self) -> str:
        return self.console.read_text(errors="replace")[-4000:] if self.console.exists() else "nothing on the console"

    def switch_off(self) -> None:
        """Told to end, QEMU completes what it was writing, and its log."""
        if self._qemu is not None:
            self._qemu.terminate()
            self._qemu.wait(60)
            self._qemu = None

    def remove(self) -> None:
        self.switch_off()
        self._dhcp.kill()
        self._dhcp.wait()
        self.servers.run("ip", "link", "delete", "tap0")
