"""What instances talk to: a git server over HTTP, HTTPS and ssh, control repositories on it, and a proxy that fails."""

from __future__ import annotations

import contextlib
import itertools
import random
import select
import shutil
import socket
import struct
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from world import SERVERS_ADDRESS, Namespace, Process, World, command

REPOSITORY_ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY_ROOT / "docs/examples/control-repo"

_NGINX = """\
user root;
worker_processes 1;
daemon off;
pid /run/git-nginx.pid;
error_log /var/log/git-error.log;
events { worker_connections 256; }
http {
    log_format requests '$scheme $request_method $request_uri $status $body_bytes_sent';
    access_log /var/log/git-access.log requests;
    client_max_body_size 0;
    server {
        listen ADDRESS:80;
        listen ADDRESS:443 ssl;
        ssl_certificate /etc/git-server/server.pem;
        ssl_certificate_key /etc/git-server/server.key;

        # The same repositories, for those who know the password. Inside the location: after a rewrite it would not hold.
        location ~ ^/private(/.+)$ {
            auth_basic "git";
            auth_basic_user_file /etc/git-server/passwords;
            include /etc/git-server/backend;
            fastcgi_param PATH_INFO $1;
            fastcgi_param REMOTE_USER $remote_user;
        }
        location / {
            include /etc/git-server/backend;
            fastcgi_param PATH_INFO $uri;
        }
    }
}
"""

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
fastcgi_param GIT_PROTOCOL $http_git_protocol;
"""

_SSHD = """\
ListenAddress ADDRESS
Port 22
HostKey /etc/git-server/host_key
AuthorizedKeysFile /etc/git-server/authorized_keys
AllowUsers git
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
PidFile none
ForceCommand git-shell -c "$SSH_ORIGINAL_COMMAND"
"""


class GitServer:
    """nginx with git-http-backend, and sshd, on a machine of their own. Repositories are bare folders in /srv/git."""

    USER, PASSWORD = "reader", "s3cret-of-the-reader"

    def __init__(self, world: World) -> None:
        self.folder = folder = world.new_folder("git")  # keys and certificates, the ones that clients need too
        # Seen from both sides at paths that git can work with.
        self.repositories = folder / "repositories"
        self.repositories.mkdir(parents=True)
        self.machine = world.machine("servers", world.network.servers, shared={"/srv/git": self.repositories})
        self.ca_file = folder / "ca.pem"
        self.ssh_key = folder / "ssh_key"
        self.other_ssh_key = folder / "other_ssh_key"  # one that the server does not know
        self.known_hosts = ""
        self._daemons: list[Process] = []
        self._make_certificates()
        self._make_keys()
        self._configure()
        self.start()

    def _make_certificates(self) -> None:
        here = self.folder
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command(
            "openssl", "req", "-x509", *new_key, "-keyout", here / "ca.key", "-out", self.ca_file,
            "-days", "30", "-subj", "/CN=CA of the tests",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip
        command(
            "openssl", "req", *new_key, "-keyout", here / "server.key", "-out", here / "server.csr", "-subj", "/CN=git.test"
        )  # fmt: skip
        (here / "extensions").write_text(
            f"basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n"
            f"subjectAltName=DNS:git.test,IP:{SERVERS_ADDRESS}\n"
        )
        command(
            "openssl", "x509", "-req", "-in", here / "server.csr", "-CA", self.ca_file, "-CAkey", here / "ca.key",
            "-CAcreateserial", "-days", "30", "-extfile", here / "extensions", "-out", here / "server.pem",
        )  # fmt: skip

    def _make_keys(self) -> None:
        for name in ("ssh_key", "other_ssh_key", "host_key"):
            command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", self.folder / name)
        public = " ".join((self.folder / "host_key.pub").read_text().split()[:2])
        self.known_hosts = f"{SERVERS_ADDRESS},git.test {public}\n"

    def _configure(self) -> None:
        machine = self.machine
        for name, mode in (("server.pem", 0o644), ("server.key", 0o600), ("host_key", 0o600)):
            machine.write(f"/etc/git-server/{name}", (self.folder / name).read_bytes(), mode)
        machine.write("/etc/git-server/authorized_keys", (self.folder / "ssh_key.pub").read_text())
        password = command("openssl", "passwd", "-apr1", "-stdin", input=self.PASSWORD + "\n").strip()
        machine.write("/etc/git-server/passwords", f"{self.USER}:{password}\n")
        machine.write("/etc/git-server/nginx.conf", _NGINX.replace("ADDRESS", SERVERS_ADDRESS))
        machine.write("/etc/git-server/backend", _BACKEND)
        machine.write("/etc/git-server/sshd_config", _SSHD.replace("ADDRESS", SERVERS_ADDRESS))
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
        self._daemons = [
            machine.start(["fcgiwrap", "-c", "4", "-s", "unix:/run/fcgiwrap.socket"]),
            machine.start(["nginx", "-c", "/etc/git-server/nginx.conf"]),
            machine.start(["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/git-server/sshd_config"]),
        ]
        for port in (80, 443, 22):
            machine.namespace.wait_until_listening(SERVERS_ADDRESS, port)

    def stop(self) -> None:
        """Connections are refused from now on."""
        for daemon in self._daemons:
            daemon.stop()
        self._daemons = []

    def ensure_running(self) -> None:
        if not self._daemons:
            self.start()

    def requests(self) -> list[str]:
        """What was asked over HTTP: "SCHEME METHOD PATH STATUS BYTES" each."""
        log = self.machine.path("/var/log/git-access.log")
        return log.read_text().splitlines() if log.exists() else []

    def url(self, name: str, scheme: str = "http", *, port: int | None = None, credentials: bool = False) -> str:
        """port: that of a proxy. credentials: the path that needs them, with user and password in the URL."""
        place = SERVERS_ADDRESS + ("" if port is None else f":{port}")
        if scheme == "ssh":
            return f"ssh://git@{place}/srv/git/{name}.git"
        if credentials:
            return f"{scheme}://{self.USER}:{self.PASSWORD}@{place}/private/{name}.git"
        return f"{scheme}://{place}/{name}.git"


class ControlRepo:
    """A control repository on the git server. Its commits have fixed dates and authors, so that the same content has the same
    revision each time."""

    def __init__(self, server: GitServer, name: str, work: Path, source: Path = EXAMPLE) -> None:
        self.server, self.name, self.work = server, name, work
        self.bare = server.repositories / f"{name}.git"
        self._seconds = itertools.count(1767225600, 60)  # 2026-01-01
        shutil.copytree(source, work)
        command("git", "init", "-q", "--bare", "-b", "main", self.bare)
        self._git("init", "-q", "-b", "main")
        #: The revision of the repository as it came.
        self.first = self._commit("The example")

    @property
    def head(self) -> str:
        return self._git("rev-parse", "HEAD").strip()

    def url(self, scheme: str = "http", *, port: int | None = None, credentials: bool = False) -> str:
        return self.server.url(self.name, scheme, port=port, credentials=credentials)

    def commit(self, changes: Mapping[str, str | bytes | None], message: str = "A change") -> str:
        """Writes files (None: removes them), commits, pushes to main, and returns the revision."""
        for path, content in changes.items():
            file = self.work / path
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return self._commit(message)

    def commit_class(self, name: str, body: str) -> str:
        """Adds a class of the module role, for example commit_class("broken", "notify { 'x' ")."""
        return self.commit({f"site-modules/role/manifests/{name}.pp": f"class role::{name} {{\n{body}\n}}\n"}, f"Role {name}")

    def commit_compile_error(self) -> str:
        return self.commit({"manifests/site.pp": "node default {\n  include no::such::class\n}\n"}, "Broken")

    def commit_ballast(self, megabytes: int) -> str:
        """Adds files that do not compress, so that a transfer takes a while. The same ones each time."""
        numbers = random.Random(megabytes)
        files: dict[str, str | bytes | None] = {
            f"ballast/{number}.bin": numbers.randbytes(1024 * 1024) for number in range(megabytes)
        }
        return self.commit(files, "Ballast")

    def tag(self, name: str, revision: str = "HEAD", *, annotated: bool = False) -> None:
        self._git("tag", "-f", *(["-a", "-m", name] if annotated else []), name, revision)
        self._git("push", "-q", "-f", str(self.bare), f"refs/tags/{name}")

    def branch(self, name: str, revision: str = "HEAD") -> None:
        """Makes or moves a branch of the server's repository."""
        self._git("push", "-q", "-f", str(self.bare), f"{revision}:refs/heads/{name}")

    def rewind(self, revision: str) -> None:
        """Moves main back: what came after is no longer reachable from any branch, as after a forced push."""
        self._git("reset", "-q", "--hard", revision)
        self._git("push", "-q", "-f", str(self.bare), "HEAD:refs/heads/main")

    def server_config(self, key: str, value: str) -> None:
        """A setting of the server's repository, for example ("uploadpack.allowAnySHA1InWant", "true")."""
        command("git", "-C", self.bare, "config", key, value)

    def remove(self) -> None:
        shutil.rmtree(self.bare)
        shutil.rmtree(self.work)

    def _commit(self, message: str) -> str:
        date = f"{next(self._seconds)} +0000"
        self._git("add", "-A")
        self._git("commit", "-q", "--allow-empty", "-m", message, env={"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date})
        self._git("push", "-q", str(self.bare), "HEAD:refs/heads/main")
        return self.head

    def _git(self, *arguments: str, env: Mapping[str, str] = {}) -> str:
        person = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "Tests"), ("EMAIL", "tests@example.com"))
        }
        date = {"GIT_COMMITTER_DATE": "1767225600 +0000"}
        quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
        return command("git", "-C", self.work, *arguments, env={**person, **date, **quiet, **env})


class FaultProxy:
    """A TCP proxy in front of a server, in the servers' namespace. It passes everything on until it is told otherwise; what it
    is told holds for connections that are made afterwards, and ends with heal()."""

    def __init__(self, namespace: Namespace, port: int, upstream: tuple[str, int] = (SERVERS_ADDRESS, 80)) -> None:
        self.port = port
        self._namespace, self._upstream = namespace, upstream
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self.connections = 0
        self.bytes_down = 0  # from the server to clients
        self.heal()

    def heal(self) -> None:
        with self._lock:
            self._behaviour = _Behaviour()
        self._close_connections()
        if self._listener is None:
            # In the namespace: the thread, so that its connections to the server are, too.
            with self._namespace.entered():
                self._listener = socket.create_server((SERVERS_ADDRESS, self.port), backlog=64)
                threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def refuse(self) -> None:
        """Nobody listens."""
        if self._listener is not None:
            # A thread that sits in accept() would keep the socket alive: shutdown wakes it up.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def silence(self, times: int | None = None) -> None:
        """Accepts, and neither reads nor writes. times: only the next ones."""
        self._behave(_Behaviour(after=0, how="silence", times=times))

    def cut(self, after: int, how: str = "reset", times: int | None = None) -> None:
        """After so many bytes from the server, on each connection: "silence", "reset" or "close"."""
        self._behave(_Behaviour(after=after, how=how, times=times))

    def limit(self, bytes_per_second: int) -> None:
        self._behave(_Behaviour(rate=bytes_per_second))

    def _behave(self, behaviour: _Behaviour) -> None:
        with self._lock:
            self._behaviour = behaviour

    def close(self) -> None:
        self.refuse()
        self._close_connections()

    def _close_connections(self) -> None:
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                behaviour = self._behaviour.next()
                self._open.add(client)
            threading.Thread(target=self._serve, args=(client, behaviour), daemon=True).start()

    def _serve(self, client: socket.socket, behaviour: _Behaviour) -> None:
        try:
            if behaviour.after == 0 and behaviour.how == "silence":
                self._wait_for_end(client)
                return
            with socket.create_connection(self._upstream) as server:
                self._pump(client, server, behaviour)
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.discard(client)
            client.close()

    def _pump(self, client: socket.socket, server: socket.socket, behaviour: _Behaviour) -> None:
        passed = 0
        started = time.monotonic()
        while True:
            readable, _, _ = select.select([client, server], [], [])
            if client in readable:
                content = client.recv(65536)
                if not content:
                    return
                server.sendall(content)
            if server in readable:
                size = 65536 if behaviour.rate is None else max(1, behaviour.rate // 20)
                if behaviour.after is not None:
                    size = min(size, behaviour.after - passed)
                content = server.recv(size)
                if not content:
                    return
                client.sendall(content)
                passed += len(content)
                with self._lock:
                    self.bytes_down += len(content)
                if behaviour.rate is not None:
                    time.sleep(max(0.0, started + passed / behaviour.rate - time.monotonic()))
                if behaviour.after is not None and passed >= behaviour.after:
                    if behaviour.how == "silence":
                        self._wait_for_end(client)
                    elif behaviour.how == "reset":
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return

    @staticmethod
    def _wait_for_end(client: socket.socket) -> None:
        """Until the client gives up, or heal(). What it sends is not read."""
        poller = select.poll()
        poller.register(client, select.POLLRDHUP)
        poller.poll()


class _Behaviour:
    def __init__(
        self, after: int | None = None, how: str = "", rate: int | None = None, times: int | None = None
    ) -> None:
        self.after, self.how, self.rate, self.times = after, how, rate, times

    def next(self) -> _Behaviour:
        """What the next connection gets."""
        if self.times is None:
            return self
        if self.times == 0:
            return _Behaviour()
        self.times -= 1
        return _Behaviour(self.after, self.how, self.rate)
