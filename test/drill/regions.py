"""Two regions: the one that gets lost, and the one that stays. Each has a git host, a store of snapshots and a store of images; behind
both stand the same real servers (git, Swift), so that what they hold is the same until one of them is gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from control_repo import EXAMPLE, ControlRepo
from fault_proxy import FaultProxy
from network import SERVERS_ADDRESS
from servers import GitServer
from swift import PORTS, REGION, Swift
from world import World

#: Of all that the region has.
LOST_ADDRESS = "10.99.0.33"
PREFIX = "puppet"

#: What the example's web server does not have: something that is meant to be another on each cloud.
_DRILL = """\
  include role::web
  $cloud = $facts['cloud']
  file { '/etc/where':
    ensure  => file,
    content => "${cloud['platform']} ${cloud['region']}\\n",
  }"""


class Regions:
    def __init__(self, world: World, control_repo: Path | None, role: str) -> None:
        """control_repo: a folder, instead of the example's; its role."""
        self._world = world
        git = GitServer(world)
        self.swift = Swift(world, git.certificate)
        work = world.new_folder("control")
        self.repo = ControlRepo(git, "control", work, EXAMPLE if control_repo is None else control_repo)
        self.role = role
        if control_repo is None:
            self.role = "drill"
            self.repo.commit_class(self.role, _DRILL)
        world.network.servers.run("ip", "addr", "add", f"{LOST_ADDRESS}/32", "dev", "v0")
        ports = {80: 80, PORTS["http"]: PORTS["http"]}
        self._lost = [
            FaultProxy(world.network.servers, port, (SERVERS_ADDRESS, behind), address=LOST_ADDRESS) for port, behind in ports.items()
        ]

    def role_config(self) -> dict[str, Any]:
        """The one of all places: the lost region first."""
        mirrors = [f"s3://{Swift.BUCKET}/{PREFIX}", self.repo.url()]
        return {
            "role": self.role,
            "repository": {"url": self.repo.url(host=LOST_ADDRESS), "mirrors": mirrors, "revision": self.repo.head},
        }

    def store(self, *, lost: bool, prefix: str) -> dict[str, str]:
        """A target of packaging/image/publish."""
        endpoint = self.swift.endpoint(host=LOST_ADDRESS if lost else SERVERS_ADDRESS)
        return {"kind": "s3", "bucket": Swift.BUCKET, "region": REGION, "endpoint": endpoint, "prefix": prefix}

    def lose(self, deaths: dict[str, str]) -> None:
        """deaths: subnets, and whether those there are refused or hear nothing. Everybody else hears nothing."""
        verdicts = {"refused": "reject with tcp reset", "silent": "drop"}
        rules = [f"ip saddr {subnet} ip daddr {LOST_ADDRESS} meta l4proto tcp {verdicts[how]}" for subnet, how in deaths.items()]
        self._world.network.filter(*rules, f"ip daddr {LOST_ADDRESS} meta l4proto tcp drop")

    def come_back(self) -> None:
        self._world.network.reset()

    def close(self) -> None:
        for proxy in self._lost:
            proxy.close()


def image_files() -> dict[str, tuple[str, int]]:
    """What each image has beside the agent, with its mode: a store of snapshots, which is in the region that gets lost."""
    keys = dict(zip(("access_key", "secret_key"), Swift.OWNER))
    store = {"endpoint": f"http://{LOST_ADDRESS}:{PORTS['http']}", "keys_file": "/etc/bootwright/keys.json"}
    return {
        "/etc/bootwright/keys.json": (json.dumps(keys), 0o600),
        "/etc/bootwright/agent.json": (json.dumps({"s3": store}), 0o644),
    }
