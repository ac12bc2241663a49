"""What the benchmarks share."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test/integration"), str(ROOT / "test/fakes"), str(ROOT / "test/boot")]

from world import Instance  # noqa: E402

PROGRAM = ROOT / "build/release/bootwright"

#: Runs a command in the instance; prints what the kernel says of it and of all that it waited for.
MEASURE = """\
import json, os, resource, sys, time
began = time.monotonic()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
own_cpu, own_peak = {}, 0
while True:
    done, status, usage = os.wait4(pid, os.WNOHANG)
    if done:
        break
    try:  # the process itself, without its children; the last look is at most 5 ms before its end
        for task in os.listdir(f"/proc/{pid}/task"):
            own_cpu[task] = int(open(f"/proc/{pid}/task/{task}/schedstat").read().split()[0])
        own_peak = next(int(line.split()[1]) for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM"))
    except (OSError, StopIteration, ValueError):
        pass
    time.sleep(0.005)
print(json.dumps({
    "wall": time.monotonic() - began, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss / 1024,
    "own_cpu": sum(own_cpu.values()) / 1e6, "own_peak": own_peak / 1024, "status": os.waitstatus_to_exitcode(status),
}))
"""


#: The figures of one command; "peak" is in MiB, the rest in seconds.
Figures = dict[str, float]


def build() -> None:
    for command in (["cmake", "--preset", "release"], ["cmake", "--build", "--preset", "release", "--target", "package"]):
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def measure(instance: Instance, *command: str) -> Figures:
    instance.write("/root/measure.py", MEASURE)
    done = instance.run(["/usr/bin/python3", "/root/measure.py", *command], timeout=300, check=True)
    figures: Figures = json.loads(done.stdout)
    if figures["status"] != 0:
        raise RuntimeError(f"{command}: exit {figures['status']}\n{done.stderr}")
    return figures


def show(results: dict[str, list[Figures]], seconds: str = "s") -> None:
    """Medians, and ratios to the first."""
    base = next(iter(results.values()))
    scale = {"s": 1, "ms": 1000}[seconds]
    print(f"{'':32} {'wall':>18}   {'CPU':>18}   {'largest process':>20}")
    for name, rounds in results.items():
        cells = []
        for key, unit, factor in (("wall", seconds, scale), ("cpu", seconds, scale), ("peak", "MiB", 1)):
            median = statistics.median(figures[key] for figures in rounds) * factor
            ratio = statistics.median(a[key] / b[key] for a, b in zip(rounds, base, strict=True))
            cells.append(f"{median:8.2f} {unit:3} {ratio:5.2f}")
        print(f"{name:32} {'   '.join(cells)}")
