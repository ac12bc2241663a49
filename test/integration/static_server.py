"""A plain web server for files, as snapshots are served by: it knows nothing of git."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from authority import Certificate
from machine import Process
from network import SERVERS_ADDRESS
from world import World

PORTS = {"http": 9100, "https": 9101}

#: The path before the file's name, by how the server is to be.
PLACES = {
    "": "",
    "no-range": "/no-range",  # ignores Range: always the whole file
    "no-validator": "/no-validator",  # neither ETag nor Last-Modified
    "weak": "/weak",  # an ETag that does not name one content
    "wrong-part": "/wrong-part",  # in answer to Range: another part than was asked for
    "gone": "/gone",  # 410
    "forbidden": "/forbidden",
    "moved": "/moved",  # to the file
    "moved-to-other": "/moved-to-other",  # …by another name of the server
    "loop": "/loop",
    "html": "/html",  # 200 and a page instead of each file, as captive portals do
}

_NGINX = """\
user root;
worker_processes 1;
daemon off;
pid /run/static-nginx.pid;
error_log /var/log/static-error.log;
events { worker_connections 1024; }
http {
    log_format details escape=json '{"method": "$request_method", "scheme": "$scheme", "host": "$http_host", "uri": "$request_uri",'
        ' "status": $status, "range": "$http_range", "if_range": "$http_if_range", "authorization": "$http_authorization",'
        ' "user_agent": "$http_user_agent", "sent": $body_bytes_sent}';
    access_log /var/log/static-details.log details;
    default_type application/octet-stream;
    server {
        listen ADDRESS:HTTP_PORT backlog=1024;
        listen ADDRESS:HTTPS_PORT ssl backlog=1024;
        ssl_certificate /etc/static-server/server.pem;
        ssl_certificate_key /etc/static-server/server.key;
        location / { root /srv/static; }
        location /no-range/ { alias /srv/static/; max_ranges 0; }
        location /no-validator/ { alias /srv/static/; etag off; add_header Last-Modified ""; }
        location /weak/ { alias /srv/static/; etag off; add_header Last-Modified ""; add_header ETag 'W/"one"'; }
        location /wrong-part/ {
            alias /srv/static/;
            if ($http_range) { add_header Content-Range "bytes 0-8/9"; return 206 "something"; }
        }
        location /gone/ { return 410; }
        location /forbidden/ { return 403; }
        location /html/ { default_type text/html; return 200 "<html>Please log in</html>"; }
        location ~ ^/moved(/.+)$ { return 302 $scheme://$http_host$1; }
        location ~ ^/moved-to-other(/.+)$ { return 302 $scheme://other.test:$server_port$1; }
        location /loop/ { return 302 $scheme://$http_host$request_uri; }
    }
}
"""


class StaticServer:
    """nginx on a machine of its own. Files are those in `folder`; static.test is one of its names."""

    def __init__(self, world: World, certificate: Certificate) -> None:
        self.folder = world.new_folder("static-files")
        self.folder.mkdir()
        self.machine = machine = world.machine("static", world.network.servers, shared={"/srv/static": self.folder})
        configuration = _NGINX.replace("ADDRESS", SERVERS_ADDRESS)
        for scheme, port in PORTS.items():
            configuration = configuration.replace(f"{scheme.upper()}_PORT", str(port))
        machine.write("/etc/static-server/nginx.conf", configuration)
        machine.write("/etc/static-server/server.pem", certificate.pem.read_bytes())
        machine.write("/etc/static-server/server.key", certificate.key.read_bytes(), 0o600)
        self._daemon: Process | None = None
        self.start()

    def start(self) -> None:
        self._daemon = self.machine.start(["nginx", "-c", "/etc/static-server/nginx.conf"])
        for port in PORTS.values():
            self.machine.namespace.wait_until_listening(SERVERS_ADDRESS, port)

    def stop(self) -> None:
        """Connections are refused from now on."""
        if self._daemon is not None:
            self._daemon.stop()
        self._daemon = None

    def ensure_running(self) -> None:
        if self._daemon is None:
            self.start()

    def put(self, name: str, content: bytes | Path) -> None:
        """Offers a file, or replaces it by another one: as a new file, so that who is reading the old one goes on doing so."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_bytes(content.read_bytes() if isinstance(content, Path) else content)

    def url(
        self, name: str, scheme: str = "http", *, at: str = "", host: str = SERVERS_ADDRESS, port: int | None = None
    ) -> str:
        """at: one of PLACES. port: that of a proxy."""
        return f"{scheme}://{host}:{port or PORTS[scheme]}{PLACES[at]}/{name}"

    def requests(self) -> list[dict[str, Any]]:
        """What was asked: method, scheme, host, uri, status, range, if_range, authorization, user_agent, sent (bytes of bodies)."""
        log = self.machine.path("/var/log/static-details.log")
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
