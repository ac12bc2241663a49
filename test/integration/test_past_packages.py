"""Which packages a machine had on a date, by the database of the real dpkg."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from on_disk import STATE, quick, runs
from packages import make_package
from roles import role_config

#: It kills the dpkg that runs it.
DEADLY = "#!/bin/sh\nkill -KILL $PPID\n"
STATUS = "/var/lib/dpkg/status"


@pytest.fixture
def machine(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> Instance:
    quick(instance)
    metadata.service = Ec2(role_config(repo))
    return instance


def install(machine: Instance, name: str, version: str, postinst: str = "") -> int:
    return machine.run(["dpkg", "--install", make_package(machine, name, version, postinst)]).returncode


def of_run(machine: Instance, run: int) -> Any:
    done = machine.bootwright("history", "--run", str(run), "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["kept"]["packages"]


def by_dpkg(machine: Instance) -> dict[str, str]:
    """What dpkg-query says of the same."""
    said = machine.run(["dpkg-query", "-W", "-f", "${Package} ${Architecture} ${db:Status-Status} ${Version}\\n"], check=True).stdout
    native = machine.run(["dpkg", "--print-architecture"], check=True).stdout.strip()
    packages = {}
    for name, architecture, state, version in (line.split(" ") for line in said.splitlines() if not line.endswith(" ")):
        if state not in ("not-installed", "config-files"):
            usual = architecture in (native, "all")
            packages[name if usual else f"{name}:{architecture}"] = version if state == "installed" else f"{version} {state}"
    return packages


def changes(machine: Instance, *between: int) -> dict[str, tuple[str, str | None, str | None]]:
    done = machine.bootwright("diff", *map(str, between), "--json")
    assert done.returncode == 0, done.stderr
    return {change["package"]: (change["change"], change["before"], change["after"]) for change in json.loads(done.stdout)["packages"]}


def test_each_run_knows_its_packages(machine: Instance) -> None:
    runs(machine)
    assert of_run(machine, 1) == by_dpkg(machine) and len(by_dpkg(machine)) > 100
    assert install(machine, "tool", "1.0~rc1-9") == 0
    runs(machine)
    assert install(machine, "tool", "1.0-1") == 0
    runs(machine)
    runs(machine)
    machine.run(["dpkg", "--purge", "tool"], check=True)
    runs(machine)
    assert [of_run(machine, run).get("tool") for run in range(1, 6)] == [None, "1.0~rc1-9", "1.0-1", "1.0-1", None]
    assert changes(machine, 1, 2) == {"tool": ("new", None, "1.0~rc1-9")}
    assert changes(machine, 2, 3) == {"tool": ("up", "1.0~rc1-9", "1.0-1")}
    assert changes(machine, 3, 2) == {"tool": ("down", "1.0-1", "1.0~rc1-9")}
    assert changes(machine, 3, 4) == changes(machine, 1, 5) == {}
    assert changes(machine, 4, 5) == {"tool": ("gone", "1.0-1", None)}
    assert "~ tool 1.0~rc1-9 -> 1.0-1\n" in machine.bootwright("diff", "2", "3").stdout
    shown = machine.bootwright("history", "--at", "0s", "--packages").stdout
    assert f"puppet-agent {by_dpkg(machine)['puppet-agent']}" in shown and f"    dpkg = {by_dpkg(machine)['dpkg']}\n" in shown
    # One whole list, and what differs from it in runs 2 and 3.
    kept = machine.run(["sh", "-c", f"for f in {STATE}/past/*.gz; do zcat $f | head -c 12; echo; done"], check=True).stdout
    assert (kept.count('{"packages":'), kept.count('{"changes":{')) == (1, 2), kept


def test_what_a_dpkg_that_was_killed_left_half_done(machine: Instance) -> None:
    """It has not written its database then: what it did stands beside it."""
    assert install(machine, "tool", "1.0", DEADLY) == -9
    assert machine.run(["grep", "-cx", "Package: tool", STATUS]).returncode == 1
    machine.configure({"puppet": {"package_lock_timeout": "0s"}}, "agent.d/lock.json")
    machine.run(["rm", "/var/lib/dpkg/info/tool.postinst"], check=True)
    machine.bootwright("run", "--noop")  # which completes nothing
    assert of_run(machine, 1) == by_dpkg(machine)
    assert of_run(machine, 1)["tool"] == "1.0 half-configured"
    runs(machine)
    assert of_run(machine, 2)["tool"] == by_dpkg(machine)["tool"] == "1.0"
    assert changes(machine, 1, 2)["tool"] == ("other", "1.0 half-configured", "1.0")


def test_versions_are_ordered_as_dpkg_orders_them(machine: Instance) -> None:
    make = random.Random(34)

    def version() -> str:
        upstream = "1" + "".join(make.choice("0019ab~~+.") for _ in range(make.randint(0, 6)))
        return make.choice(("", "", "1:", "02:")) + upstream + make.choice(("", "-1", "-0", "-1~", "-1+b1", "-10"))

    pairs = {f"made-{i}": (version(), version()) for i in range(200)} | {"made-same": ("1.0", "0:1.00-0")}
    real = machine.read(STATUS)
    for side in (0, 1):
        made = "".join(
            f"Package: {name}\nStatus: install ok installed\nArchitecture: all\nMaintainer: nobody <n@example.com>\nVersion: {pair[side]}\nDescription: made\n\n"
            for name, pair in pairs.items()
        )
        machine.write(STATUS, real + made)
        runs(machine)
    script = 'while read -r name a b; do if dpkg --compare-versions "$a" lt "$b"; then echo "$name up"; elif dpkg --compare-versions "$a" gt "$b"; then echo "$name down"; else echo "$name other"; fi; done'
    told = machine.run(["sh", "-c", script], input="".join(f"{name} {a} {b}\n" for name, (a, b) in pairs.items()), check=True).stdout
    differ = {name for name, (a, b) in pairs.items() if a != b}
    by_itself = {name: kind for name, kind in (line.split() for line in told.splitlines()) if name in differ}
    assert {name: change[0] for name, change in changes(machine, 1, 2).items()} == by_itself
    assert by_itself["made-same"] == "other" and {"up", "down"} < set(by_itself.values())


def test_a_machine_without_dpkg_does_not_know_its_packages(machine: Instance) -> None:
    machine.run(["mv", "/var/lib/dpkg", "/root/dpkg"], check=True)
    runs(machine)
    assert of_run(machine, 1) is None
    assert "  packages    not known\n" in machine.bootwright("history", "--run", "1").stdout
    machine.run(["mv", "/root/dpkg", "/var/lib/dpkg"], check=True)
    runs(machine)
    said = machine.bootwright("diff", "1", "2").stdout
    assert "  not compared: packages of run 1: not known\n" in said and "packages:" not in said
