"""Programs that are killed at any moment, and instances whose clock is wrong."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

from instance import Instance
from machine import Machine, Process
from real_machine import REPOSITORY_ROOT, wait_for

_FIXTURES = REPOSITORY_ROOT / "test/fixtures/puppet"

# What it leaves is what the real one left, but for its log's times. Plain sh: it costs two milliseconds.
_QUICK_PUPPET = """\
#!/bin/sh
for argument; do
    case $argument in
        --version) echo 7.23.0; exit ;;
        --logdest=*) cp /usr/share/quick-puppet/puppet.jsonl "${argument#*=}" ;;
        --publicdir=*)
            cp /usr/share/quick-puppet/last_run_summary.yaml "${argument#*=}/"
            echo '{"puppet_version": "7.23.0", "phase": "apply"}' >"${argument#*=}/observation.json"
            [ ! -e /usr/share/quick-puppet/catalog.json.gz ] || cp /usr/share/quick-puppet/catalog.json.gz "${argument#*=}/"
            ;;
        --resourcefile=*) cp /usr/share/quick-puppet/resources.txt "${argument#*=}" ;;
    esac
done
exit STATUS
"""


class Disk(Protocol):
    """A machine, or the folder that it is going to be made of."""

    def write(self, path: str, content: str | bytes, mode: int = ...) -> None: ...


def quick_puppet(instance: Disk, recorded: str = "unchanged") -> dict[str, Any]:
    """Installs a program that leaves what the real Puppet of test/fixtures/puppet/NAME left, in no time, and returns the
    configuration that names it: for tests of everything else."""
    folder = _FIXTURES / recorded
    for name in ("puppet.jsonl", "last_run_summary.yaml", "resources.txt"):
        instance.write(f"/usr/share/quick-puppet/{name}", (folder / name).read_bytes())
    status = (folder / "exit_status").read_text().strip()
    instance.write("/usr/local/bin/quick-puppet", _QUICK_PUPPET.replace("STATUS", status), 0o755)
    return {"puppet": {"path": "/usr/local/bin/quick-puppet"}}


# Tells which signals it was started to ignore and to block. Told to end, it takes its time to do so in order, as Puppet does.
_PATIENT_PUPPET = """\
#!/bin/sh
grep -E '^Sig(Ign|Blk)' /proc/self/status >/root/signals
trap 'trap "" TERM; sleep SECONDS; : >/root/ended-in-order; exit 1' TERM
: >/root/puppet-is-here
limit=600
while [ ! -e /root/go ] && [ $limit -gt 0 ]; do sleep 0.1; limit=$((limit - 1)); done
exec /usr/local/bin/quick-puppet "$@"
"""


def patient_puppet(instance: Disk, seconds_to_end: float = 0) -> dict[str, Any]:
    """As quick_puppet, but it waits for let_go() before it does its work."""
    quick_puppet(instance)
    instance.write("/usr/local/bin/patient-puppet", _PATIENT_PUPPET.replace("SECONDS", str(seconds_to_end)), 0o755)
    return {"puppet": {"path": "/usr/local/bin/patient-puppet"}}


def puppet_is_at_work(instance: Machine) -> None:
    wait_for(lambda: instance.exists("/root/puppet-is-here"), "the patient Puppet", timeout=60)


def let_go(instance: Machine) -> None:
    instance.write("/root/go", "")


@dataclass
class Kills:
    """How the rounds went."""

    usual: float  # seconds that the command takes when nobody kills it
    moments: list[float] = field(default_factory=list)  # seconds after the start, of those that were cut off
    too_late: int = 0  # rounds in which it had ended before

    def __str__(self) -> str:
        return f"cut off {len(self.moments)} times in {self.usual * 1000:.0f} ms, ended before {self.too_late} times"


def kill_at_random(
    machine: Machine,
    argv: Sequence[str],
    *,
    check: Callable[[str], None],
    before: Callable[[], None] = lambda: None,
    rounds: int = 200,
    seed: int = 1,
) -> Kills:
    """Starts the command, kills it with all that it started at a random moment, and calls check, again and again. check is told
    the round, "round 17 of seed 1, after 23.4 ms", for its messages. before: prepares each round."""
    numbers = random.Random(seed)
    usual = _usual_duration(machine, argv, before, check)
    kills = Kills(usual)
    for number in range(rounds):
        before()
        # A little beyond the usual end, so that the last steps are met, too.
        moment = numbers.uniform(0, usual * 1.05)
        began = time.monotonic()
        process = machine.start(argv)
        while process.running and time.monotonic() - began < moment:
            time.sleep(min(0.002, max(0.0, began + moment - time.monotonic())))
        if process.running:
            kills.moments.append(time.monotonic() - began)
        else:
            kills.too_late += 1
        kill_tree(machine, process)
        check(f"round {number} of seed {seed}, after {moment * 1000:.1f} ms")
    return kills


def _usual_duration(machine: Machine, argv: Sequence[str], before: Callable[[], None], check: Callable[[str], None]) -> float:
    """The median of three rounds without a kill, each of which has to pass the check."""
    durations = []
    for _ in range(3):
        before()
        began = time.monotonic()
        process = machine.start(argv)
        status = process.wait()
        durations.append(time.monotonic() - began)
        if status != 0:
            raise RuntimeError(f"{' '.join(argv)}: exit {status} without any kill\n{process.output}")
        check("without a kill")
    return sorted(durations)[1]


def kill_tree(machine: Machine, process: Process) -> None:
    """Kills a process and all that came from it, also what made a session of its own or has lost its parent. (It must be the
    only thing that runs in the machine: an orphan shows no more whose it was.)"""

    def all_gone() -> bool:
        left = [process.pid] if process.running and process.pid else []
        left += descendants(machine.pid) + (descendants(process.pid) if process.pid else [])
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    wait_for(all_gone, "the end of every process", every=0.001)
    process.wait()


def descendants(pid: int) -> list[int]:
    """Children and children's children; process ids as the tests see them."""
    found: list[int] = []
    todo = [pid]
    while todo:
        # They end while one looks, and their folders with them.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for thread in os.listdir(folder := f"/proc/{todo.pop()}/task"):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    children = [int(word) for word in Path(f"{folder}/{thread}/children").read_text().split()]
                    found += children
                    todo += children
    return found


#: Each in a folder of its own: the agent would start a fetch program that lies beside it.
_REAL_PROGRAMS = {
    Instance.BINARY: "/usr/lib/real-clock/agent/bootwright",
    Instance.FETCH: "/usr/lib/real-clock/fetch/bootwright-fetch",
    Instance.DOWNLOAD: "/usr/lib/real-clock/fetch/bootwright-download",
}


#: systemd-timesyncd's word that it has set the clock.
SYNCHRONISED = "/run/systemd/timesync/synchronized"


def set_clock(instance: Instance, moment: str, until_synchronised: bool = False) -> None:
    """From now on each start of the agent, and of all that it starts, believes that this is the time, for example
    "1970-01-01 00:00:10" or "2200-01-01 00:00:00" (UTC), and that it goes on from there. Only the time of day: what measures
    durations stays as it is. until_synchronised: only as long as SYNCHRONISED is not there."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    offset = int(datetime.fromisoformat(moment).replace(tzinfo=timezone.utc).timestamp() - time.time())
    unless = f"[ -e {SYNCHRONISED} ] || " if until_synchronised else ""
    wrapper = f"#!/bin/sh\n{unless}export LD_PRELOAD={library} FAKETIME={offset:+d} FAKETIME_DONT_FAKE_MONOTONIC=1\n"
    for program, real in _REAL_PROGRAMS.items():
        if not instance.exists(real):
            instance.run(["mkdir", "-p", str(Path(real).parent)], check=True)
            instance.run(["mv", program, real], check=True)
        instance.write(program, f'{wrapper}exec {real} "$@"\n', 0o755)


def right_clock(instance: Instance) -> None:
    for program, real in _REAL_PROGRAMS.items():
        if instance.exists(real):
            instance.run(["mv", real, program], check=True)
