"""What an instance finds on its network, for machines with a real systemd."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from control_repo import ControlRepo
from metadata_server import MetadataServer
from metadata_services import Ec2
from network import INSTANCE_ADDRESS, METADATA_ADDRESS, SERVERS_ADDRESS
from real_machine import CLEAN_ENVIRONMENT
from servers import GitServer
from world import World


@dataclass
class Surroundings:
    """What an instance finds on its network: DHCP, the metadata service, and the control repository."""

    metadata: MetadataServer
    repo: ControlRepo

    def role_config(self, role: str, revision: str | None = None, **more: Any) -> bytes:
        repository = {"url": self.repo.url("http"), "revision": revision or self.repo.head}
        return json.dumps({"role": role, "repository": repository, **more}).encode()


@contextmanager
def surround(world: World) -> Iterator[Surroundings]:
    git = GitServer(world)
    repo = ControlRepo(git, "control", world.new_folder("repository"))
    metadata = MetadataServer(world.network.servers.listen(METADATA_ADDRESS, 80), Ec2())
    dhcp = subprocess.Popen(
        [
            "setpriv", "--pdeathsig", "KILL", "nsenter", f"--net={world.network.servers.path}",
            "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=root", "--pid-file=", "--port=0",
            "--interface=v0", "--bind-interfaces", f"--dhcp-leasefile={world.folder}/leases", "--dhcp-authoritative",
            # Each machine gets the first address, whatever it calls itself: they have the same cable, one after the other.
            f"--dhcp-range={INSTANCE_ADDRESS},10.99.0.50,1h", "--dhcp-sequential-ip", "--dhcp-ignore-clid", f"--dhcp-option=option:router,{SERVERS_ADDRESS}",
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=CLEAN_ENVIRONMENT,
    )  # fmt: skip
    try:
        yield Surroundings(metadata, repo)
    finally:
        dhcp.kill()
        dhcp.wait()
        metadata.close()
