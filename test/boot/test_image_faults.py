"""The base image at its first boot, where something that it needs is away for a while: it says so, and converges with no hand on it.

Each test has a machine of its own. test/boot/images builds the image, and runs this."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from conftest import ROOT
from image_machine import Disk, bake_seed, has_not_been_restarted
from instance import INSTANCE_ID
from metadata_services import Ec2
from network import METADATA_ADDRESS, SERVERS_ADDRESS
from nspawn import Container
from real_machine import wait_for
from surroundings import Surroundings
from test_boot import READY, SERVICE, page, status, wait_until_ready
from world import World

pytestmark = pytest.mark.skipif("BOOTWRIGHT_IMAGE" not in os.environ, reason="by name only: test/boot/images")


def error_now(machine: Container) -> dict[str, Any]:
    """What the status gives as the reason why the instance is not configured: of an attempt that is to be repeated, of the run that
    ended, or of a run that cannot begin."""
    found = status(machine)
    run = found["run"] or {}
    error = (found.get("blocked") or {}).get("error") or (run.get("retry") or {}).get("error") or run.get("error")
    return error or {}


def is_said_by_status(machine: Container, codes: set[str]) -> None:
    """What an operator sees who asks, and what a script sees."""

    def told() -> bool:
        done = machine.run("bootwright", "status")
        return done.returncode != 0 and any(code in done.stdout for code in codes)

    wait_for(told, f"{codes} in what `bootwright status` prints", 60, every=0.2)
    assert "configured: role" not in machine.run("run-parts", "/etc/update-motd.d", check=True).stdout


def is_waiting_for(machine: Container, stage: str, codes: set[str]) -> None:
    """It says so in each of the ways in which somebody may look, and the rest of the boot goes on."""

    def again() -> bool:
        run = status(machine)["run"]
        return run is not None and run["stage"] == stage and run["attempt"] >= 2 and error_now(machine).get("code") in codes

    wait_for(again, f"a second attempt after {codes}", 120)
    found = status(machine)
    assert (found["configured"], found["ready"]) == (None, False)
    is_said_by_status(machine, codes)
    assert machine.property(SERVICE, "ActiveState") == "activating" and machine.property(READY, "ActiveState") == "inactive"
    wait_for(lambda: machine.property("multi-user.target", "ActiveState") == "active", "the rest of the boot", 60)


def is_configured_by_itself(machine: Container, world: World) -> dict[str, Any]:
    found = wait_until_ready(machine, timeout=240)
    assert (found["run"]["outcome"], found["run"]["role"]) == ("changed", "web")
    assert found["run"]["instance"]["id"] == INSTANCE_ID
    assert INSTANCE_ID in page(world)
    assert has_not_been_restarted(machine)
    return found


def test_a_metadata_service_that_is_away(new_machine: Callable[..., Container], world: World, surroundings: Surroundings) -> None:
    surroundings.metadata.reset(Ec2(user_data=surroundings.role_config("web")))
    world.network.filter(f"ip daddr {METADATA_ADDRESS} tcp dport 80 drop")
    machine = new_machine("no-metadata")
    machine.boot()
    is_waiting_for(machine, "platform", {"http.timeout", "http.unreachable"})
    world.network.servers.run("nft", "flush", "ruleset")
    is_configured_by_itself(machine, world)


def test_a_git_host_that_is_away(new_machine: Callable[..., Container], world: World, surroundings: Surroundings) -> None:
    surroundings.metadata.reset(Ec2(user_data=surroundings.role_config("web")))
    world.network.filter(f"ip daddr {SERVERS_ADDRESS} tcp dport {{ 80, 443 }} reject with tcp reset")
    machine = new_machine("no-git")
    machine.boot()
    is_waiting_for(machine, "repository", {"server.unreachable"})
    assert status(machine)["run"]["role"] == "web"
    world.network.servers.run("nft", "flush", "ruleset")
    is_configured_by_itself(machine, world)


def test_no_network_at_all_and_a_seed(new_machine: Callable[..., Container], world: World, surroundings: Surroundings) -> None:
    """The cable leads nowhere, and no DHCP answers. What the machine is to be, it has from its hypervisor."""
    surroundings.metadata.reset(Ec2(enabled=False))
    world.network.servers.run("ip", "link", "set", "v0", "down")
    config = surroundings.role_config("web").decode()
    machine = new_machine("seed", agent={}, options=[f"--set-credential=bootwright.role_config:{config}"])
    bake_seed(machine, surroundings.repo.bare)
    machine.boot()
    run = wait_until_ready(machine)["run"]
    assert (run["outcome"], run["role"], run["instance"]["platform"]) == ("changed", "web", "credential")
    assert run["revision"]["resolved"] == surroundings.repo.head and run["places"] == []
    served = machine.run("curl", "-sS", "http://127.0.0.1/", check=True).stdout
    assert surroundings.repo.head in served
    assert "10.99.0" not in machine.run("ip", "-4", "address", check=True).stdout


@pytest.mark.parametrize("leave", [0, 300_000], ids=["to the last block", "but for 300 kB"])
def test_a_disk_that_was_full_before_the_first_run(new_machine: Callable[..., Container], world: World, surroundings: Surroundings, leave: int) -> None:
    surroundings.metadata.reset(Ec2(user_data=surroundings.role_config("web")))
    disk = Disk(ROOT / "build/boot/full-disk.img", "900M", world.new_folder("disk"))
    try:
        machine = new_machine(f"full-{leave}", folder=disk.mount_point)
        disk.fill(leave)
        machine.boot()
        wait_for(lambda: error_now(machine).get("code") == "io.no_space", "the word that the disk is full", 120)
        assert status(machine)["configured"] is None
        is_said_by_status(machine, {"io.no_space"})
        assert machine.property(SERVICE, "ActiveState") == "activating" and has_not_been_restarted(machine)
        disk.make_space()
        found = is_configured_by_itself(machine, world)
        assert found.get("blocked") is None
        for record in machine.path("/var/lib/bootwright").rglob("*.json"):
            json.loads(record.read_text())
        machine.power_off()
    finally:
        disk.remove()
