"""The first steps that the README shows, taken as they stand there."""

from __future__ import annotations

import re

from instance import Instance
from real_machine import REPOSITORY_ROOT


def steps(heading: str) -> str:
    section = (REPOSITORY_ROOT / "README.md").read_text().split(f"## {heading}\n", 1)[1]
    block = re.search(r"```\n(.*?)```", section, re.DOTALL)
    assert block
    return block.group(1)


def test_five_minutes_to_a_first_instance(instance: Instance) -> None:
    instance.run(["rm", "-rf", "/etc/bootwright"], check=True)
    script = f"set -e; cd {REPOSITORY_ROOT}\n" + steps("Five minutes to a first instance of your own")
    done = instance.run(["sh", "-c", script], timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "configured: role base" in done.stdout + done.stderr
    assert instance.status()["run"]["outcome"] in ("changed", "unchanged")
    assert instance.status()["configured"]["role"] == "base"
