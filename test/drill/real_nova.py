"""OpenStack's own metadata service: Debian's nova-api with nothing else of OpenStack, for one instance in a database of SQLite.

What is not real: Neutron, which says that the instance has no port, and its metadata agent, which tells Nova who asks."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import subprocess
from pathlib import Path

from launching import Debian
from metadata_server import MetadataServer
from metadata_services import Reply, Request, Tree
from network import Namespace
from problem import Problem
from real_machine import hold

_PORT, _NEUTRON_PORT = 8775, 9696
_INSTANCE, _PROJECT, _SECRET = "d8e02d56-2648-49a3-bf97-6be8f1204f38", "f7ac731cc11f40efbc03a9f9e1d1d21f", "shared"
_CONFIGURATION = f"""\
[DEFAULT]
enabled_apis = metadata
metadata_listen = 127.0.0.1
metadata_listen_port = {_PORT}
metadata_workers = 1
state_path = FOLDER
transport_url = fake://
[api]
local_metadata_per_cell = true
[api_database]
connection = sqlite:///FOLDER/api.sqlite
[database]
connection = sqlite:///FOLDER/nova.sqlite
[neutron]
auth_type = none
endpoint_override = http://127.0.0.1:{_NEUTRON_PORT}
service_metadata_proxy = true
metadata_proxy_shared_secret = {_SECRET}
[oslo_concurrency]
lock_path = FOLDER
[wsgi]
api_paste_config = UNPACKED/usr/share/nova-common/api-paste.ini
"""


class Nova:
    """A metadata_services.Service."""

    def __init__(self, servers: Namespace, folder: Path, debian: Debian, user_data: str) -> None:
        folder.mkdir()
        self._servers = servers
        configuration = folder / "nova.conf"
        configuration.write_text(_CONFIGURATION.replace("FOLDER", str(folder)).replace("UNPACKED", str(debian.root)))
        (folder / "user-data").write_text(user_data)
        script = Path(__file__).with_name("real_nova_instance.py")
        made = subprocess.run(
            ["/usr/bin/python3", "-P", script, configuration, folder / "user-data", _INSTANCE, _PROJECT],
            env=debian.environment, capture_output=True, text=True, timeout=180,
        )  # fmt: skip
        if made.returncode != 0:
            raise Problem(f"Nova's databases were not made: {made.stderr[-2000:]}")
        neutron = Tree([{"path": "/v2.0/ports", "headers": {"Content-Type": "application/json"}, "body": {"ports": []}}])
        self._neutron = MetadataServer(servers.listen("127.0.0.1", _NEUTRON_PORT), neutron)
        variables = [f"{name}={value}" for name, value in debian.environment.items()]
        self._api = hold(
            "nsenter", f"--net={servers.path}", "env", "-i", *variables,
            "/usr/bin/python3", debian.root / "usr/bin/nova-api", "--config-file", configuration, "--log-file", folder / "log",
        )  # fmt: skip
        servers.wait_until_listening("127.0.0.1", _PORT, timeout=90)

    def answer(self, request: Request) -> Reply:
        """What Neutron's agent adds. Source: "Metadata service" in Nova's administration guide, and nova/api/metadata/handler.py."""
        connection = http.client.HTTPConnection("127.0.0.1", _PORT, timeout=30)
        connection.sock = self._servers.connect("127.0.0.1", _PORT, timeout=30)
        headers = {
            "X-Instance-ID": _INSTANCE,
            "X-Tenant-ID": _PROJECT,
            "X-Instance-ID-Signature": hmac.new(_SECRET.encode(), _INSTANCE.encode(), hashlib.sha256).hexdigest(),
            "X-Forwarded-For": "10.0.0.5",
        }
        path = request.path + (f"?{request.query}" if request.query else "")
        try:
            connection.request(request.method, path, body=request.body or None, headers=headers)
            answer = connection.getresponse()
            return Reply(answer.status, answer.read(), {"Content-Type": answer.headers.get("Content-Type", "")})
        finally:
            connection.close()

    def close(self) -> None:
        self._api.kill()
        self._api.wait()
        self._neutron.close()
