"""Limits of Puppet's memory, under a kernel that keeps them: Debian's, as the memory controller of this machine's may serve the
control groups of version 1, and then there is none for version 2."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from interruption import quick_puppet
from qemu import boot, machine_root
from real_machine import command
from roles import IMPATIENT, merged
from world import World

#: Close together: between them the kernel slows down whoever takes more.
HIGH, MOST = 94 << 20, 96 << 20

#: Before the Puppet that costs nothing: takes what /run/need says. A tail keeps all that it is given.
HUNGRY = """\
#!/bin/sh
need=$(cat /run/need)
mkdir -p "/result/$need"
cp /sys/fs/cgroup/service/puppet/memory.max /sys/fs/cgroup/service/puppet/memory.high "/result/$need"
case $need in
    more) head -c 8388608 /dev/zero | tail -c 8388608 >/dev/null ;;
    much) exec tail /dev/zero ;;
    child) tail /dev/zero || true ;;
esac
exec /usr/local/bin/quick-puppet "$@"
"""


@dataclass
class Root:
    """What quick_puppet writes to."""

    folder: Path

    def write(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        file = self.folder / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(mode)


def control_repository(bare: Path, work: Path) -> str:
    """Returns its head."""
    git = ("git", "-C", work, "-c", "user.name=a", "-c", "user.email=a@example.com")
    (work / "manifests").mkdir(parents=True)
    (work / "manifests/site.pp").write_text("node default {}\n")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        command(*git, *arguments)
    command("git", "clone", "-q", "--bare", work, bare)
    return command(*git, "rev-parse", "HEAD").strip()


#: For each need the run, and the limits that it had: the most, and from where on it is slowed down.
Runs = Callable[[str], tuple[dict[str, Any], list[int]]]


@pytest.fixture(scope="module")
def runs(world: World, package: Path, kernel: Path) -> Runs:
    folder = world.new_folder("memory")
    programs = ("sh", "cat", "cp", "head", "tail", "mkdir", "rmdir", "mount", "setfattr", "sleep")
    machine_root(folder / "root", package, kernel, Path(__file__).with_name("memory.sh"), programs)
    root = Root(folder / "root")
    limits = {"platform": "file", "puppet": {"path": "/usr/local/bin/hungry", "memory_high": f"{HIGH >> 20}M", "memory_max": f"{MOST >> 20}M"}}
    root.write("/etc/bootwright/agent.json", json.dumps(merged(IMPATIENT, quick_puppet(root), limits)))
    root.write("/usr/local/bin/hungry", HUNGRY, 0o755)
    root.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    root.write("/etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    (folder / "root/srv").mkdir()
    head = control_repository(folder / "root/srv/control.git", folder / "work")
    repository = {"url": "file:///srv/control.git", "revision": head}
    root.write("/etc/bootwright/role.json", json.dumps({"role": "web", "repository": repository}))
    console = boot(kernel, root.folder, [], folder / "result")
    assert "all was tried" in console, console

    def found(need: str) -> tuple[dict[str, Any], list[int]]:
        result = folder / "result" / need
        values = [int((result / name).read_text()) for name in ("memory.max", "memory.high")]
        return json.loads((result / "status.json").read_text())["run"], values

    return found


@pytest.mark.parametrize("need", ["little", "more"])
def test_what_stays_below_the_limits_is_not_touched(runs: Runs, need: str) -> None:
    run, limits = runs(need)
    assert limits == [MOST, HIGH]
    assert (run["outcome"], run["warnings"], run["error"]) == ("unchanged", [], None)


def test_a_puppet_that_takes_too_much_is_killed_and_that_is_said(runs: Runs) -> None:
    run, limits = runs("much")
    assert limits == [MOST, HIGH]
    assert (run["outcome"], run["error"]["code"]) == ("killed", "puppet.out_of_memory"), run
    assert "puppet.memory_max" in run["error"]["advice"]


def test_what_it_starts_is_held_by_the_same_limits(runs: Runs) -> None:
    run, _ = runs("child")
    assert run["outcome"] == "unchanged"
    (warning,) = run["warnings"]
    assert "the kernel killed 1 " in warning and "memory" in warning
