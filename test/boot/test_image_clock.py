"""A machine whose clock stands in 1970 when it is switched on, as one without a battery, and whose repository is served over https.

The whole machine in QEMU, as only that has a clock of its own. test/boot/images clock builds the image, and runs this."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
import time

import pytest
from conftest import ROOT
from image_machine import EC2
from metadata_services import Ec2
from real_machine import command
from roles import merged
from surroundings import Surroundings
from whole_machine import CABLE, WholeMachine, mounted_root, prepare
from world import World

pytestmark = pytest.mark.skipif("BOOTWRIGHT_RAW_IMAGE" not in os.environ, reason="by name only: test/boot/images clock")

#: Seconds, on two cores that others use, too.
LIMIT = 900
_CA = "/etc/bootwright/ca.pem"
#: Seconds between 1900, with which NTP begins, and 1970 (RFC 5905, figure 4).
_NTP_EPOCH = 2_208_988_800


class TimeServer:
    """A server of NTP, that has its time from this machine's clock (RFC 5905, 7.3)."""

    def __init__(self, listener: socket.socket) -> None:
        self._socket = listener
        self.asked = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # closed
            self._answer()

    def _answer(self) -> None:
        while True:
            request, client = self._socket.recvfrom(512)
            if len(request) < 48 or request[0] & 7 != 3:
                continue
            now = time.time() + _NTP_EPOCH
            stamp = struct.pack("!II", int(now), int(now % 1 * 2**32))
            # Mode 4 in the version that was asked for; stratum 1, a dispersion of a millisecond, and where it is from.
            head = struct.pack("!BBbbII4s", (request[0] & 0x38) | 4, 1, request[2], -20, 0, 66, b"GPS\0")
            self._socket.sendto(head + stamp + request[40:48] + stamp + stamp, client)
            self.asked += 1

    def close(self) -> None:
        self._socket.close()


def test_a_clock_in_1970(world: World, surroundings: Surroundings) -> None:
    disk = ROOT / "build/boot/clock.img"
    command("cp", "--sparse=always", os.environ["BOOTWRIGHT_RAW_IMAGE"], disk)
    git = surroundings.repo.server
    files = {
        "/etc/bootwright/agent.d/image_machine.json": json.dumps(merged(EC2, {"repository": {"ca_file": _CA}})),
        _CA: git.ca_file.read_text(),
        # There are no time servers of Debian's here, and waiting for their names would take as long as the test.
        "/etc/systemd/timesyncd.conf.d/none.conf": "[Time]\nFallbackNTP=\n",
    }
    prepare(disk, world.new_folder("clock"), files)
    pin = {"url": surroundings.repo.url("https"), "revision": surroundings.repo.head}
    surroundings.metadata.reset(Ec2(user_data=json.dumps({"role": "web", "repository": pin}).encode()))
    machine = WholeMachine(world, disk, clock="1970-01-01T00:00:00")
    try:
        machine.boot()
        # Nobody answers who knows the time: it says what it waits for, and what its clock says.
        status = machine.wait_for_status(lambda status: (status["run"] or {}).get("waiting"), "a run that waits", LIMIT)
        print(status["run"]["waiting"])
        assert status["run"]["waiting"]["for"].startswith("the clock to be set: it says ")
        assert (status["run"]["stage"], status["configured"]) == ("repository", None)
        # systemd puts a clock that stands before its own release to that moment (systemd(1), "clock epoch"): never 1970.
        says = status["run"]["waiting"]["for"].split("it says ")[1][:10]
        assert "2020" < says < time.strftime("%Y-%m-%d", time.gmtime())

        with world.network.servers.entered():
            listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            listener.bind((CABLE, 123))
        time_server = TimeServer(listener)
        status = machine.wait_for_status(
            lambda status: status["configured"] and status["run"]["state"] == "finished", "the end of the run", LIMIT
        )
        time_server.close()
        assert time_server.asked > 0
        run = status["run"]
        assert (run["number"], run["outcome"], run["role"]) == (1, "changed", "web")
        assert time.strptime(run["finished"]["wall"][:10], "%Y-%m-%d") >= time.strptime(time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400)), "%Y-%m-%d")
        print(f"began at {run['started']['wall']}, ended at {run['finished']['wall']}, took {run['duration_s']:.1f} s")
        # What it took is by the clock that never jumps.
        assert run["duration_s"] < LIMIT
        machine.listen_for(40)
    finally:
        machine.remove()
    with mounted_root(disk, world.new_folder("clock-root")) as root:
        record = json.loads(next((root / "var/lib/bootwright/runs").glob("000001/report.json")).read_text())
        assert record["outcome"] == "changed"
    disk.unlink()
