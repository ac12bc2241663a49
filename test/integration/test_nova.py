"""What OpenStack's own metadata service says of an instance. By name only: 170 packages are fetched and unpacked into a folder; none
is installed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import unpacked
from control_repo import ControlRepo
from instance import Instance
from nova import INSTANCE_ID, PROJECT, Nova
from roles import role_config
from runs import run_once
from world import World

pytestmark = pytest.mark.skipif(
    "BOOTWRIGHT_VENDOR_TOOLS" not in os.environ,
    reason="by name only: BOOTWRIGHT_VENDOR_TOOLS=1 python3 -m pytest test/integration/test_nova.py",
)


def test_an_instance_of_openstack_configures_itself(new_instance: Callable[..., Instance], world: World, repo: ControlRepo, tmp_path: Path) -> None:
    instance = new_instance(sys_files={"class/dmi/id/product_name": "OpenStack Nova\n"})
    root = unpacked.unpack(["nova-api"], tmp_path / "packages")
    nova = Nova(root, tmp_path / "nova", world.network.servers, role_config(repo).decode(), {"team": "search"})
    try:
        run = run_once(instance, "changed")
        metadata = json.loads(instance.bootwright("metadata", "--json").stdout)
    finally:
        nova.close()
    assert run["instance"]["platform"] == "openstack" and run["instance"]["id"] == INSTANCE_ID
    assert run["revision"]["resolved"] == repo.head
    said = {key: metadata[key] for key in ("hostname", "zone", "account", "tags")}
    assert said == {"hostname": "web-1.novalocal", "zone": "nova", "account": PROJECT, "tags": {"team": "search"}}
