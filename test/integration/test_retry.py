"""`bootwright retry`: nobody has to wait for the daemon's next try after a failure."""

from __future__ import annotations

import json

from control_repo import ControlRepo
from instance import Instance
from interruption import quick_puppet
from metadata_server import MetadataServer
from metadata_services import Ec2
from roles import IMPATIENT, merged, role_config


def test_nobody_waits_for_the_next_try(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    patience = {"retry": {"permanent": {"base": "1h", "cap": "1h"}}}
    instance.configure(merged(IMPATIENT, quick_puppet(instance), {"puppet": {"warm": False}}, patience))
    metadata.service = Ec2(b'{"rol": 1}')
    none = instance.bootwright("retry")
    assert none.returncode == 1 and "daemon.not_running" in none.stderr
    daemon = instance.start_bootwright("daemon")
    instance.wait_for_status(lambda s: "role.invalid" in json.dumps(s["daemon"] or {}), "the plan after the failure")
    metadata.service = Ec2(role_config(repo))
    asked = instance.bootwright("retry", env={"SUDO_USER": "alice"})
    assert asked.returncode == 0 and "runs at once" in asked.stdout
    status = instance.wait_for_status(lambda s: s["configured"], "the run that was asked for")
    assert status["run"]["cause"]["why"] == "asked_for" and status["run"]["cause"]["by"].startswith("alice")
    full = instance.run(["sh", "-c", "bootwright retry >/dev/full"])
    assert full.returncode == 1 and "output.lost" in full.stderr
    assert daemon.stop() == 0
    nobody = instance.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/bootwright", "retry"])
    assert nobody.returncode == 1 and "io.not_permitted" in nobody.stderr
