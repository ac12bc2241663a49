"""OpenStack's own metadata service, Debian's nova, with one instance in its database. Stand-ins are what it asks for an instance's
security groups (Neutron), and what tells it whose request it is: Neutron's agent adds these headers, here nginx does.
Source: https://docs.openstack.org/nova/latest/admin/metadata-service.html"""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import unpacked
from metadata_server import MetadataServer
from metadata_services import Reply, Request
from network import METADATA_ADDRESS, Namespace
from real_machine import hold, wait_for

INSTANCE_ID = "f9a1c5de-0c5e-4d3a-9d4e-5c0de5c0de5c"
PROJECT = "0c5e4d3a9d4e5c0de5c0de5cf9a1c5de"
_SECRET = "between nova and neutron"
_PORT = 8775

_NOVA = f"""\
[DEFAULT]
enabled_apis = metadata
metadata_listen = 127.0.0.1
metadata_listen_port = {_PORT}
metadata_workers = 1
state_path = FOLDER
[wsgi]
api_paste_config = ROOT/usr/share/nova-common/api-paste.ini
[oslo_concurrency]
lock_path = FOLDER
[api_database]
connection = sqlite:///FOLDER/api.sqlite
[database]
connection = sqlite:///FOLDER/cell.sqlite
[neutron]
service_metadata_proxy = true
metadata_proxy_shared_secret = {_SECRET}
auth_type = none
endpoint_override = http://127.0.0.1:9696
"""

_NGINX = f"""\
user root;
daemon off;
pid FOLDER/nginx.pid;
error_log FOLDER/nginx.log;
events {{}}
http {{
    access_log off;
    server {{
        listen {METADATA_ADDRESS}:80;
        location / {{
            proxy_pass http://127.0.0.1:{_PORT};
            proxy_set_header X-Instance-ID {INSTANCE_ID};
            proxy_set_header X-Instance-ID-Signature {hmac.new(_SECRET.encode(), INSTANCE_ID.encode(), hashlib.sha256).hexdigest()};
            proxy_set_header X-Tenant-ID {PROJECT};
            proxy_set_header X-Forwarded-For $remote_addr;
        }}
    }}
}}
"""

# Run by nova's own code: CONFIG INSTANCE, the latter as JSON.
_PREPARE = """\
import base64, json, sys
from nova import config, context, objects
from nova.conf import CONF
from nova.db import migration
from nova.network import model

config.parse_args(["nova-manage", "--config-file", sys.argv[1]])
wanted = json.loads(sys.argv[2])
objects.register_all()
migration.db_sync(database="api")
migration.db_sync(database="main")
admin = context.get_admin_context()
cell = objects.CellMapping(
    admin, uuid="11111111-1111-4111-8111-111111111111", name="one", transport_url="none:///", database_connection=CONF.database.connection
)
cell.create()
addresses = [model.FixedIP(address="10.99.0.10", floating_ips=[model.IP(address="192.0.2.10", type="floating")])]
network = model.Network(
    id="22222222-2222-4222-8222-222222222222", bridge="br-int", label="private", mtu=1450,
    subnets=[model.Subnet(cidr="10.99.0.0/24", gateway=model.IP(address="10.99.0.1"), ips=addresses)],
)
cards = [model.VIF(id="33333333-3333-4333-8333-333333333333", address="fa:16:3e:00:00:01", type="ovs", network=network)]
with context.target_cell(admin, cell) as inside:
    flavor = objects.Flavor(
        inside, id=1, flavorid="1", name=wanted["flavor"], memory_mb=2048, vcpus=1, root_gb=20, ephemeral_gb=0, swap=0, rxtx_factor=1.0,
        vcpu_weight=1, disabled=False, is_public=True, extra_specs={}, description=None,
    )
    cache = objects.InstanceInfoCache(inside, instance_uuid=wanted["id"], network_info=model.NetworkInfo(cards))
    objects.Instance(
        inside, uuid=wanted["id"], project_id=wanted["project"], user_id="somebody", image_ref="44444444-4444-4444-8444-444444444444",
        display_name=wanted["name"], hostname=wanted["name"], availability_zone=wanted["zone"], launch_index=0, reservation_id="r-1",
        user_data=base64.b64encode(wanted["user_data"].encode()).decode(), metadata=wanted["meta"], system_metadata={},
        vm_state="active", flavor=flavor, old_flavor=None, new_flavor=None, info_cache=cache,
    ).create()
objects.InstanceMapping(admin, instance_uuid=wanted["id"], cell_mapping=cell, project_id=wanted["project"], user_id="somebody").create()
"""


class _NoSecurityGroups:
    """What Neutron says of an instance that has none."""

    def answer(self, request: Request) -> Reply:
        return Reply(200, json.dumps({"ports": [], "security_groups": []}).encode(), {"Content-Type": "application/json"})


class Nova:
    """Answers in the servers' namespace at the metadata address until close()."""

    def __init__(self, root: Path, folder: Path, servers: Namespace, user_data: str, meta: Mapping[str, str]) -> None:
        folder.mkdir()
        for name, text in {"nova.conf": _NOVA, "nginx.conf": _NGINX, "prepare.py": _PREPARE}.items():
            (folder / name).write_text(text.replace("FOLDER", str(folder)).replace("ROOT", str(root)))
        wanted: dict[str, Any] = {
            "id": INSTANCE_ID, "project": PROJECT, "name": "web-1", "zone": "nova", "flavor": "m1.small", "user_data": user_data, "meta": dict(meta),
        }  # fmt: skip
        environment = unpacked.environment(root, folder)
        prepared = subprocess.run(
            ["/usr/bin/python3", folder / "prepare.py", folder / "nova.conf", json.dumps(wanted)],
            env=environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert prepared.returncode == 0, prepared.stderr[-3000:]
        self._neutron = MetadataServer(servers.listen("127.0.0.1", 9696), _NoSecurityGroups())
        enter = ("nsenter", f"--net={servers.path}", "env", *(f"{name}={value}" for name, value in environment.items()))
        self._servers = [
            hold(*enter, "/usr/bin/python3", root / "usr/bin/nova-api", "--config-file", folder / "nova.conf", "--log-file", folder / "log"),
            hold(*enter, "/usr/sbin/nginx", "-c", folder / "nginx.conf"),
        ]
        wait_for(lambda: self._is_ready(servers), "nova's metadata service", timeout=90, every=0.2)

    @staticmethod
    def _is_ready(servers: Namespace) -> bool:
        try:
            return servers.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://{METADATA_ADDRESS}/openstack") == "200"
        except RuntimeError:
            return False

    def close(self) -> None:
        for server in self._servers:
            server.terminate()
            server.wait(30)
        self._neutron.close()
