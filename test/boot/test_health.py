"""READY, and what waits for bootwright-ready.target, wait for the checks of the role config: under a real systemd."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from metadata_services import Ec2
from nspawn import Container
from real_machine import command, wait_for
from surroundings import Surroundings
from test_boot import READY, SERVICE, UNITS, install, status, wait_until_ready

UNIT = """\
[Unit]
DefaultDependencies=no

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/test -e /srv/loaded
"""


def test_the_service_is_not_ready_before_a_unit_is_active(
    new_container: Callable[..., Container], surroundings: Surroundings, package: Path
) -> None:
    surroundings.metadata.reset(Ec2(enabled=False))
    health = {"timeout": "5m", "checks": [{"unit": "shop.service"}]}
    config = surroundings.role_config("base", health=health).decode()
    machine = new_container("health", options=[f"--set-credential=bootwright.role_config:{config}"])
    install(machine, package)
    machine.write("/etc/systemd/system/shop.service", UNIT)
    for name, text in UNITS.items():
        machine.write(f"/etc/systemd/system/{name}", text)
        command("systemctl", f"--root={machine.root}", "--quiet", "enable", name)
    machine.boot()

    wait_for(lambda: (status(machine)["run"] or {}).get("health"), "the first look at the checks", timeout=60)
    found = status(machine)
    (check,) = found["run"]["health"]
    assert (found["run"]["stage"], check["ok"]) == ("health", False)
    assert "inactive" in check["said"]
    assert (found["configured"], found["ready"]) == (None, False)
    # Puppet is done; nobody is told that the instance is ready.
    assert machine.property(SERVICE, "ActiveState") == "activating"
    assert machine.property(READY, "ActiveState") == "inactive"
    assert machine.property("strict.service", "ActiveState") == "inactive"

    machine.write("/srv/loaded", "")
    machine.run("systemctl", "start", "shop.service", check=True)
    found = wait_until_ready(machine)
    assert found["ready"] is True
    assert [(check["ok"], check["said"]) for check in found["run"]["health"]] == [(True, "active")]
    wait_for(lambda: machine.property("strict.service", "ActiveState") == "active", "strict.service")
    machine.power_off()
