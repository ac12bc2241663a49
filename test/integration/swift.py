"""An S3-compatible object store: OpenStack Swift with its S3 API, on a machine of its own beside the other servers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from authority import Certificate
from machine import Machine
from network import SERVERS_ADDRESS
from servers import Daemons
from world import World

REGION = "us-east-1"
#: Of nginx in front of Swift, which adds TLS and a log.
PORTS = {"http": 9000, "https": 9443}
_SWIFT_PORT = 9090

_NODE = """\
[swift-hash]
swift_hash_path_prefix = tests
swift_hash_path_suffix = tests
[storage-policy:0]
name = one
default = yes
"""

_STORAGE = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = PORT
devices = /srv/swift
mount_check = false
workers = 0
user = root
swift_dir = /etc/swift
fallocate_reserve = 0
disable_fallocate = yes
[pipeline:main]
pipeline = KIND-server
[app:KIND-server]
use = egg:swift#KIND
"""

# storage_domain: BUCKET.s3.test is served as well as s3.test/BUCKET. The cache is asked for tokens, and S3 has none: it may be dead.
_PROXY = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = PORT
workers = 0
user = root
swift_dir = /etc/swift
[pipeline:main]
pipeline = catch_errors cache s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
[filter:slo]
use = egg:swift#slo
[filter:s3api]
use = egg:swift#s3api
location = REGION
storage_domain = s3.test
[filter:tempauth]
paste.filter_factory = swift_node:auth_factory
user_tests_owner = OWNER_SECRET .admin
user_tests_stranger = STRANGER_SECRET
key_OWNER_KEY = tests:owner
key_STRANGER_KEY = tests:stranger
"""

_NGINX = """\
user root;
worker_processes 1;
daemon off;
pid /run/swift-nginx.pid;
error_log /var/log/swift-error.log;
events { worker_connections 1024; }
http {
    log_format details escape=json '{"method": "$request_method", "scheme": "$scheme", "host": "$http_host", "uri": "$request_uri",'
        ' "status": $status, "authorization": "$http_authorization", "security_token": "$http_x_amz_security_token",'
        ' "range": "$http_range", "received": $request_length, "sent": $bytes_sent}';
    access_log /var/log/swift-details.log details;
    client_max_body_size 0;
    server {
        listen ADDRESS:HTTP_PORT;
        listen ADDRESS:HTTPS_PORT ssl;
        ssl_certificate /etc/swift/server.pem;
        ssl_certificate_key /etc/swift/server.key;
        location / {
            proxy_pass http://127.0.0.1:SWIFT_PORT;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_buffering off;
            proxy_request_buffering off;
        }
    }
}
"""


class Swift(Daemons):
    """BUCKET exists, and only the owner may do anything in it. The names s3.test and BUCKET.s3.test lead here, too."""

    BUCKET = "snapshots"
    #: Access key and secret, as the metadata service hands them out to an instance's role.
    OWNER = ("AKIAOWNEROFTHETESTS", "s3cret/of+the/owner")
    STRANGER = ("AKIASTRANGER", "s3cret/of+the/stranger")

    def __init__(self, world: World, certificate: Certificate) -> None:
        # Swift keeps metadata in extended attributes: of a file system in memory, where the kernel has them there (since 6.6).
        self.machine = machine = world.machine("swift", world.network.servers, tmpfs={"/srv/swift": "size=512m,mode=755"})
        machine.path("/srv/swift/disk").mkdir()
        machine.write("/etc/swift/swift.conf", _NODE)
        values = {
            "ADDRESS": SERVERS_ADDRESS, "HTTP_PORT": PORTS["http"], "HTTPS_PORT": PORTS["https"], "SWIFT_PORT": _SWIFT_PORT,
            "REGION": REGION, "OWNER_KEY": self.OWNER[0], "OWNER_SECRET": self.OWNER[1],
            "STRANGER_KEY": self.STRANGER[0], "STRANGER_SECRET": self.STRANGER[1],
        }  # fmt: skip
        for kind, port in (("account", 6202), ("container", 6201), ("object", 6200)):
            machine.write(f"/etc/swift/{kind}.conf", _filled(_STORAGE, {"KIND": kind, "PORT": port}))
        machine.write("/etc/swift/proxy.conf", _filled(_PROXY, {**values, "PORT": _SWIFT_PORT}))
        machine.write("/etc/swift/nginx.conf", _filled(_NGINX, values))
        machine.write("/etc/swift/server.pem", certificate.pem.read_bytes())
        machine.write("/etc/swift/server.key", certificate.key.read_bytes(), 0o600)
        machine.write("/root/swift_node.py", Path(__file__).with_name("swift_node.py").read_bytes())
        super().__init__()
        self.start()
        self._curl("-X", "PUT", self.url(""))

    def start(self) -> None:
        self._daemons = [
            self.machine.start(["/usr/bin/python3", "/root/swift_node.py", "/etc/swift"]),
            self.machine.start(["nginx", "-c", "/etc/swift/nginx.conf"]),
        ]
        for address, port in (("127.0.0.1", _SWIFT_PORT), *((SERVERS_ADDRESS, port) for port in PORTS.values())):
            self.machine.namespace.wait_until_listening(address, port)

    def url(self, name: str, scheme: str = "http", *, host: str = SERVERS_ADDRESS, port: int | None = None) -> str:
        """Of an object in BUCKET, in the style with the bucket in the path."""
        return f"{self.endpoint(scheme, host=host, port=port)}/{self.BUCKET}/{name}"

    def endpoint(self, scheme: str = "http", *, host: str = SERVERS_ADDRESS, port: int | None = None) -> str:
        return f"{scheme}://{host}:{port or PORTS[scheme]}"

    def put(self, name: str, content: bytes) -> None:
        self.machine.write("/tmp/object", content)
        self._curl("-T", "/tmp/object", self.url(name), content=content)

    def requests(self) -> list[dict[str, Any]]:
        """What was asked: method, scheme, host, uri, status, authorization, security_token, range, received and sent (bytes)."""
        log = self.machine.path("/var/log/swift-details.log")
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def _curl(self, *arguments: str, content: bytes = b"") -> None:
        self.machine.run([*signed_curl(*self.OWNER, content=content), "-sS", "--fail-with-body", *arguments], check=True)


def signed_curl(key: str, secret: str, *, content: bytes = b"") -> list[str]:
    """curl with the signature that S3 wants. Debian 12's does not send the header with the hash of the content by itself."""
    digest = hashlib.sha256(content).hexdigest()
    return ["curl", "--aws-sigv4", f"aws:amz:{REGION}:s3", "--user", f"{key}:{secret}", "-H", f"x-amz-content-sha256: {digest}"]


def _filled(template: str, values: Mapping[str, object]) -> str:
    for name, value in sorted(values.items(), key=lambda item: -len(item[0])):
        template = template.replace(name, str(value))
    return template
