"""What instances talk to: a git server over HTTP, HTTPS, ssh and git's own protocol."""

from __future__ import annotations

import json
from typing import Any

from authority import Authority
from machine import Process
from network import SERVERS_ADDRESS, SERVERS_NAMES
from real_machine import command
from world import World

_NGINX = """\
user root;
worker_processes 1;
daemon off;
pid /run/git-nginx.pid;
error_log /var/log/git-error.log;
events { worker_connections 1024; }
http {
    log_format requests '$scheme $request_method $request_uri $status $body_bytes_sent';
    log_format details escape=json '{"method": "$request_method", "scheme": "$scheme", "host": "$http_host", "uri": "$request_uri",'
        ' "status": $status, "authorization": "$http_authorization", "git_protocol": "$http_git_protocol",'
        ' "user_agent": "$http_user_agent", "received": $request_length, "sent": $bytes_sent}';
    access_log /var/log/git-access.log requests;
    access_log /var/log/git-details.log details;
    client_max_body_size 0;
    ssl_certificate /etc/git-server/server.pem;
    ssl_certificate_key /etc/git-server/server.key;
    server {
        listen ADDRESS:80 backlog=1024;
        listen ADDRESS:443 ssl backlog=1024;
        include /etc/git-server/places;
    }
    server {
        listen ADDRESS:4431 ssl;
        ssl_certificate /etc/git-server/expired.pem;
        ssl_certificate_key /etc/git-server/expired.key;
        include /etc/git-server/places;
    }
    server {
        listen ADDRESS:4432 ssl;
        ssl_certificate /etc/git-server/wrong-name.pem;
        ssl_certificate_key /etc/git-server/wrong-name.key;
        include /etc/git-server/places;
    }
    server {
        listen ADDRESS:4433 ssl;
        ssl_certificate /etc/git-server/stranger.pem;
        ssl_certificate_key /etc/git-server/stranger.key;
        include /etc/git-server/places;
    }
    server {
        listen ADDRESS:4435 ssl;
        ssl_certificate /etc/git-server/ending.pem;
        ssl_certificate_key /etc/git-server/ending.key;
        include /etc/git-server/places;
    }
    server {
        listen ADDRESS:4434 ssl;
        ssl_client_certificate /etc/git-server/ca.pem;
        ssl_verify_client on;
        include /etc/git-server/places;
    }
}
"""

# Credentials are asked for inside each location: after a rewrite it would not hold.
_PLACES = """\
location ~ ^/private(/.+)$ {
    auth_basic "git";
    auth_basic_user_file /etc/git-server/passwords;
    include /etc/git-server/backend;
    fastcgi_param GIT_PROTOCOL $http_git_protocol;
    fastcgi_param PATH_INFO $1;
    fastcgi_param REMOTE_USER $remote_user;
}
location ~ ^/bearer(/.+)$ {
    if ($http_authorization != "Bearer TOKEN") {
        add_header WWW-Authenticate 'Bearer realm="git"' always;
        return 401;
    }
    include /etc/git-server/backend;
    fastcgi_param GIT_PROTOCOL $http_git_protocol;
    fastcgi_param PATH_INFO $1;
}
location ~ ^/v0(/.+)$ {
    include /etc/git-server/backend;
    fastcgi_param HTTP_GIT_PROTOCOL "";
    fastcgi_param PATH_INFO $1;
}
location ~ ^/moved(/.+)$ { return 301 $scheme://$http_host$1$is_args$args; }
location ~ ^/moved-relatively(/.+)$ { absolute_redirect off; return 301 $1$is_args$args; }
location ~ ^/moved-to-https(/.+)$ { return 301 https://git.test$1$is_args$args; }
location ~ ^/moved-to-http(/.+)$ { return 301 http://git.test$1$is_args$args; }
location ~ ^/moved-to-other(/.+)$ { return 301 $scheme://other.test$1$is_args$args; }
location ~ ^/moved-to-file(/.+)$ { return 301 file:///srv/git$1; }
location /loop/ { return 301 $scheme://$http_host$request_uri; }
location / {
    include /etc/git-server/backend;
    fastcgi_param GIT_PROTOCOL $http_git_protocol;
    fastcgi_param PATH_INFO $uri;
}
"""

#: What /status/CODE/NAME.git answers to everything.
STATUS_CODES = (400, 401, 403, 404, 410, 429, 500, 502, 503)

# Without GIT_PROTOCOL, by which git speaks version 2. (It knows HTTP_GIT_PROTOCOL, too, which nginx passes on by itself.)
_BACKEND = """\
fastcgi_pass unix:/run/fcgiwrap.socket;
fastcgi_buffering off;
fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
fastcgi_param GIT_PROJECT_ROOT /srv/git;
fastcgi_param GIT_HTTP_EXPORT_ALL "";
fastcgi_param REQUEST_METHOD $request_method;
fastcgi_param QUERY_STRING $query_string;
fastcgi_param CONTENT_TYPE $content_type;
fastcgi_param CONTENT_LENGTH $content_length;
fastcgi_param REMOTE_ADDR $remote_addr;
fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
"""

_SSHD = """\
ListenAddress ADDRESS
AuthorizedKeysFile /etc/git-server/authorized_keys
AllowUsers git
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
PidFile none
MaxStartups 1000
ForceCommand git-shell -c "$SSH_ORIGINAL_COMMAND"
"""

# Port 22 lets git ask for version 2; 2222 does not, as sshd does by default.
_SSHD_PLAIN = (
    _SSHD
    + """\
Port 22
Port 2222
HostKey /etc/git-server/host_key
Match LocalPort 22
    AcceptEnv GIT_PROTOCOL
"""
)

_SSHD_CERTIFIED = (
    _SSHD
    + """\
Port 2223
HostKey /etc/git-server/certified_host_key
HostCertificate /etc/git-server/certified_host_key-cert.pub
AcceptEnv GIT_PROTOCOL
"""
)

#: Where the same repositories are served otherwise: the port of each scheme, and the path before the repository's name.
PLACES: dict[str, tuple[dict[str, int], str]] = {
    "": ({}, ""),
    "password": ({}, "/private"),
    "bearer": ({}, "/bearer"),
    "v0": ({"ssh": 2222}, "/v0"),
    "host-certificate": ({"ssh": 2223}, ""),
    "expired": ({"https": 4431}, ""),
    "wrong-name": ({"https": 4432}, ""),
    "stranger": ({"https": 4433}, ""),
    "client-certificate": ({"https": 4434}, ""),
    "ending": ({"https": 4435}, ""),  # its certificate holds for three more days
    **{
        name: ({}, f"/{name}")
        for name in (
            "moved", "moved-relatively", "moved-to-https", "moved-to-http", "moved-to-other", "moved-to-file", "loop",
            *(f"status/{code}" for code in STATUS_CODES),
        )
    },
}  # fmt: skip


def _status_locations() -> str:
    """A location for each code. 401 asks for a password, 429 and 503 to come back after a second."""
    headers = {401: "WWW-Authenticate 'Basic realm=\"git\"'", 429: "Retry-After 1", 503: "Retry-After 1"}
    lines = ""
    for code in STATUS_CODES:
        header = f"add_header {headers[code]} always; " if code in headers else ""
        lines += f"location /status/{code}/ {{ {header}return {code}; }}\n"
    return lines


class Daemons:
    """Programs of a server, which start() puts into _daemons."""

    def __init__(self) -> None:
        self._daemons: list[Process] = []

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """Connections are refused from now on."""
        for daemon in self._daemons:
            daemon.stop()
        self._daemons = []

    def ensure_running(self) -> None:
        if not self._daemons:
            self.start()


class GitServer(Daemons):
    """nginx with git-http-backend, git daemon, and sshd, on a machine of their own. Repositories are bare folders in /srv/git.
    PLACES says in what other ways each of them is served."""

    USER, PASSWORD = "reader", "s3cret-of-the-reader"
    TOKEN = "t0ken-of-the-reader"

    def __init__(self, world: World) -> None:
        self.folder = folder = world.new_folder("git")  # keys and certificates, the ones that clients need too
        # Seen from both sides at paths that git can work with.
        self.repositories = folder / "repositories"
        self.repositories.mkdir(parents=True)
        self.machine = world.machine("servers", world.network.servers, shared={"/srv/git": self.repositories})
        self.authority = Authority(folder)
        self.ca_file = self.authority.file
        self.certificate = self.authority.certificate(
            "server", [f"IP:{SERVERS_ADDRESS}", "DNS:inside.test", *(f"DNS:{name}" for name in SERVERS_NAMES)]
        )
        self.client_certificate = self.authority.certificate("client")
        self.ssh_key = folder / "ssh_key"
        self.other_ssh_key = folder / "other_ssh_key"  # one that the server does not know
        #: Lines of known_hosts: with the host's keys, and with the authority that signed the key of "host-certificate".
        self.known_hosts = ""
        self.known_authority = ""
        super().__init__()
        self._make_keys()
        self._configure()
        self.start()

    def _make_keys(self) -> None:
        folder = self.folder
        for name in ("ssh_key", "other_ssh_key", "host_key", "certified_host_key", "host_authority"):
            command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", folder / name)
        command(
            "ssh-keygen", "-q", "-s", folder / "host_authority", "-h", "-I", "git.test", "-n", f"git.test,{SERVERS_ADDRESS}",
            folder / "certified_host_key.pub",
        )  # fmt: skip

        def public(name: str) -> str:
            return " ".join((folder / f"{name}.pub").read_text().split()[:2])

        self.known_hosts = (
            f"{SERVERS_ADDRESS},git.test {public('host_key')}\n[{SERVERS_ADDRESS}]:2222,[git.test]:2222 {public('host_key')}\n"
        )
        self.known_authority = (
            f"@cert-authority [{SERVERS_ADDRESS}]:2223,[git.test]:2223,{SERVERS_ADDRESS},git.test {public('host_authority')}\n"
        )

    def _configure(self) -> None:
        machine = self.machine
        certificates = {
            "server": self.certificate,
            "expired": self.authority.certificate("expired", ["DNS:git.test"], made_at="2020-01-01"),
            "ending": self.authority.certificate("ending", ["DNS:git.test"], made_at="27 days ago"),
            "wrong-name": self.authority.certificate("wrong-name", ["DNS:example.com"]),
            "stranger": Authority(self.folder / "stranger", "a stranger").certificate("stranger", ["DNS:git.test"]),
        }
        for name, certificate in certificates.items():
            machine.write(f"/etc/git-server/{name}.pem", certificate.pem.read_bytes())
            machine.write(f"/etc/git-server/{name}.key", certificate.key.read_bytes(), 0o600)
        machine.write("/etc/git-server/ca.pem", self.ca_file.read_bytes())
        for name in ("host_key", "certified_host_key", "certified_host_key-cert.pub"):
            machine.write(f"/etc/git-server/{name}", (self.folder / name).read_bytes(), 0o600)
        machine.write("/etc/git-server/authorized_keys", (self.folder / "ssh_key.pub").read_text())
        passwords = ""
        for user, password in ((self.USER, self.PASSWORD), ("x-access-token", self.TOKEN)):
            crypted = command("openssl", "passwd", "-apr1", "-stdin", input=password + "\n").strip()
            passwords += f"{user}:{crypted}\n"
        machine.write("/etc/git-server/passwords", passwords)
        machine.write("/etc/git-server/nginx.conf", _NGINX.replace("ADDRESS", SERVERS_ADDRESS))
        machine.write("/etc/git-server/places", _PLACES.replace("TOKEN", self.TOKEN) + _status_locations())
        machine.write("/etc/git-server/backend", _BACKEND)
        machine.write("/etc/git-server/sshd_config", _SSHD_PLAIN.replace("ADDRESS", SERVERS_ADDRESS))
        machine.write("/etc/git-server/sshd_config_certified", _SSHD_CERTIFIED.replace("ADDRESS", SERVERS_ADDRESS))
        # sshd reads repositories as the user git, who does not own them.
        machine.write("/etc/gitconfig", "[safe]\n\tdirectory = *\n")
        for file, line in (
            ("/etc/passwd", "git:x:64001:64001::/srv/git:/bin/sh"),
            ("/etc/group", "git:x:64001:"),
            ("/etc/shadow", "git:*:20000:0:99999:7:::"),
        ):
            mode = machine.path(file).stat().st_mode & 0o777
            machine.write(file, machine.read(file) + line + "\n", mode)

    def start(self) -> None:
        machine = self.machine
        machine.path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        machine.remove("/run/fcgiwrap.socket")
        sshd = ["/usr/sbin/sshd", "-D", "-e", "-f"]
        self._daemons = [
            machine.start(["fcgiwrap", "-c", "4", "-s", "unix:/run/fcgiwrap.socket"]),
            machine.start(["nginx", "-c", "/etc/git-server/nginx.conf"]),
            machine.start([*sshd, "/etc/git-server/sshd_config"]),
            machine.start([*sshd, "/etc/git-server/sshd_config_certified"]),
            # The program itself: under `git daemon` a signal would end only its parent.
            machine.start(
                [
                    "/usr/lib/git-core/git-daemon", "--reuseaddr", "--export-all", "--informative-errors",
                    f"--listen={SERVERS_ADDRESS}", "--base-path=/srv/git", "/srv/git",
                ]
            ),
        ]  # fmt: skip
        for port in (80, 443, 22, 2223, 9418):
            machine.namespace.wait_until_listening(SERVERS_ADDRESS, port)

    def requests(self) -> list[str]:
        """What was asked over HTTP: "SCHEME METHOD PATH STATUS BYTES" each."""
        return self._log("/var/log/git-access.log")

    def details(self) -> list[dict[str, Any]]:
        """The same with method, scheme, host, uri, status, authorization, git_protocol, user_agent, received and sent (bytes,
        headers included)."""
        return [json.loads(line) for line in self._log("/var/log/git-details.log")]

    def _log(self, path: str) -> list[str]:
        log = self.machine.path(path)
        return log.read_text().splitlines() if log.exists() else []

    def url(
        self,
        name: str,
        scheme: str = "http",
        *,
        at: str = "",
        host: str = SERVERS_ADDRESS,
        port: int | None = None,
        credentials: bool = False,
    ) -> str:
        """at: one of PLACES, for example "moved" or "status/429". port: that of a proxy. credentials: the path that needs them,
        with user and password in the URL."""
        ports, folder = PLACES["password" if credentials else at]
        port = port or ports.get(scheme)
        place = host if port is None else f"{host}:{port}"
        if scheme == "ssh":
            return f"ssh://git@{place}/srv/git/{name}.git"
        if scheme == "git":
            return f"git://{place}/{name}.git"
        secret = f"{self.USER}:{self.PASSWORD}@" if credentials else ""
        return f"{scheme}://{secret}{place}{folder}/{name}.git"
