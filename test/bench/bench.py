"""What the benchmarks share."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test/integration"), str(ROOT / "test/fakes"), str(ROOT / "test/boot")]

from instance import Instance  # noqa: E402

#: BOOTWRIGHT names another one than that which build() makes.
PROGRAM = Path(os.environ.get("BOOTWRIGHT", ROOT / "build/release/bootwright")).absolute()

#: measure.cpp, built.
MEASURE = ROOT / "build/bench/measure"

#: The figures of one command; "peak" is in MiB, the rest in seconds.
Figures = dict[str, float]


def build() -> None:
    MEASURE.parent.mkdir(parents=True, exist_ok=True)
    commands: list[list[str | Path]] = [["g++", "-std=c++20", "-O2", "-static", "-o", MEASURE, "test/bench/measure.cpp"]]
    if "BOOTWRIGHT" not in os.environ:
        commands += [["cmake", "--preset", "release"], ["cmake", "--build", "--preset", "release", "--target", "package"]]
    for command in commands:
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def measure(instance: Instance, *command: str, root: str = "/") -> Figures:
    """root: what the command sees as "/"."""
    program = instance.path(root) / "measure"
    if not program.exists():
        shutil.copy(MEASURE, program)
    done = instance.run(["/usr/sbin/chroot", root, "/measure", *command], timeout=300, check=True)
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
