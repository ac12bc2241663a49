"""Clocks that are set, kills, and the quick Puppet: what other tests stand on."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from client import Client, client
from control_repo import ControlRepo
from instance import Instance
from interruption import kill_at_random, quick_puppet, set_clock
from real_machine import wait_for


@pytest.mark.parametrize("year", ["1970", "2200"])
def test_the_agent_s_programs_have_the_time_that_was_told(new_instance: Callable[..., Instance], year: str) -> None:
    instance = new_instance()
    for program in (instance.BINARY, instance.FETCH, instance.DOWNLOAD):
        instance.write(program, "#!/bin/sh\ndate -u +%Y; cut -d. -f1 /proc/uptime; ls / > /dev/null\nexec date -u +%Y\n", 0o755)
    before = instance.run(["date", "+%Y"]).stdout.strip()
    set_clock(instance, f"{year}-03-01 00:00:00")
    for program in (instance.BINARY, instance.FETCH, instance.DOWNLOAD):
        shown = instance.run([program], check=True).stdout.split()
        assert shown[0] == shown[2] == year != before
    assert instance.run(["date", "+%Y"]).stdout.strip() == before


def test_durations_are_measured_as_ever(new_instance: Callable[..., Instance]) -> None:
    instance = new_instance()
    uptime = "cut -d' ' -f1 /proc/uptime"
    instance.write(instance.BINARY, f"#!/bin/sh\n{uptime}\nsleep 0.3\n{uptime}\ntimeout 0.3 sleep 60\n{uptime}\n", 0o755)
    instance.write(instance.FETCH, "#!/bin/sh\n", 0o755)
    set_clock(instance, "1970-01-01 00:00:10")
    first, second, third = map(float, instance.run([instance.BINARY]).stdout.split())
    assert 0.25 < second - first < 5 and 0.25 < third - second < 5


def test_certificates_are_not_valid_yet_in_1970(client: Client, repo: ControlRepo) -> None:
    url = repo.url("https", host="git.test")
    client.instance.write(Instance.BINARY, f"#!/bin/sh\nexec curl -sS '{url}'\n", 0o755)
    client.instance.write(Instance.FETCH, "#!/bin/sh\n", 0o755)
    set_clock(client.instance, "1970-01-01 00:00:10")
    done = client.instance.run([Instance.BINARY], env=client.env)
    assert done.returncode == 60 and "not yet valid" in done.stderr, done.stderr


def test_what_is_killed_at_random_leaves_nothing_running(new_instance: Callable[..., Instance]) -> None:
    instance = new_instance()
    # Children in their own sessions, and orphans; and one atomic step at the end of each.
    script = "rm -f /root/done; for i in 1 2 3 4 5; do setsid sh -c 'sleep 30 & sleep 0.01'; done; pkill sleep; touch /root/done"
    ends: list[bool] = []

    def check(round_: str) -> None:
        # pkill does not wait for what it ends; a sleep that nobody has ended takes 30 s.
        wait_for(lambda: not instance.processes(), f"nothing runs, {round_}", 5)
        ends.append(instance.exists("/root/done"))

    kills = kill_at_random(instance, ["sh", "-c", script], check=check, rounds=30)
    assert len(ends) == 33 and all(ends[:3])
    assert len(kills.moments) + kills.too_late == 30 and len(kills.moments) >= 15
    assert max(kills.moments) > kills.usual / 2 > min(kills.moments)


def test_the_quick_puppet_leaves_what_the_real_one_left(instance: Instance) -> None:
    configuration = quick_puppet(instance, "changed")
    arguments = ["apply", "--logdest=/tmp/log.jsonl", "--publicdir=/tmp", "--resourcefile=/tmp/resources.txt", "/x"]
    began = time.monotonic()
    assert instance.run([configuration["puppet"]["path"], *arguments]).returncode == 2
    assert time.monotonic() - began < 2
    assert "changed: 2" in instance.read("/tmp/last_run_summary.yaml") and instance.read("/tmp/resources.txt")
