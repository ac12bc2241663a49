"""A proxy for http and https, as companies put between their machines and the world."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import threading

from network import SERVERS_ADDRESS, SERVERS_NAMES, Namespace

#: A name of the servers that only the proxy knows: what reaches it came through.
INSIDE = "inside.test"


class ForwardProxy:
    """In the servers' namespace: CONNECT for https (and whatever else), and requests with a whole URL for http."""

    def __init__(self, namespace: Namespace, port: int, *, user: str = "", password: str = "") -> None:
        """user: one who does not log in so gets 407."""
        self.port = port
        #: What went through, and in brackets what was refused: "CONNECT git.test:443", "GET http://…", "[407 GET http://…]".
        self.requests: list[str] = []
        self._login = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""
        with namespace.entered():
            self._listener = socket.create_server((SERVERS_ADDRESS, port), backlog=1024)
            threading.Thread(target=self._accept, daemon=True).start()

    def url(self, credentials: str = "") -> str:
        """credentials: "USER:PASSWORD"."""
        return f"http://{credentials + '@' if credentials else ''}{SERVERS_ADDRESS}:{self.port}"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError, ValueError):
            # One request a connection: to http servers "Connection: close" is sent, so that no second one comes.
            head, rest = _read_head(client)
            lines = head.decode("latin-1").split("\r\n")
            method, target, _ = lines[0].split(" ", 2)
            headers = [line for line in lines[1:] if not line.lower().startswith(("proxy-", "connection:"))]
            login = next((line.split(":", 1)[1].strip() for line in lines if line.lower().startswith("proxy-authorization:")), "")
            if login != self._login:
                self.requests.append(f"[407 {method} {target}]")
                _refuse(client, 407, 'Proxy-Authenticate: Basic realm="proxy"\r\n')
                return
            place = target if method == "CONNECT" else target.removeprefix("http://").split("/", 1)[0]
            host, _, port = place.partition(":")
            known = host in (SERVERS_ADDRESS, INSIDE, *SERVERS_NAMES)
            try:
                server = socket.create_connection((SERVERS_ADDRESS if known else host, int(port or 80)), timeout=5)
            except OSError:
                self.requests.append(f"[502 {method} {target}]")
                _refuse(client, 502)
                return
            self.requests.append(f"{method} {target}")
            with server:
                if method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                    server.sendall(rest)
                else:
                    path = "/" + target.removeprefix("http://").partition("/")[2]
                    request = [f"{method} {path} HTTP/1.1", *headers, "Connection: close", "", ""]
                    server.sendall("\r\n".join(request).encode("latin-1") + rest)
                _pass_on(client, server)


def _read_head(client: socket.socket) -> tuple[bytes, bytes]:
    """A request's head, and what came behind it."""
    received = b""
    while b"\r\n\r\n" not in received:
        content = client.recv(65536)
        if not content or len(received) > 65536:
            raise ValueError("no request")
        received += content
    head, _, rest = received.partition(b"\r\n\r\n")
    return head, rest


def _refuse(client: socket.socket, status: int, header: str = "") -> None:
    client.sendall(f"HTTP/1.1 {status} No\r\n{header}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
    client.shutdown(socket.SHUT_WR)
    client.settimeout(2)
    while client.recv(65536):
        pass


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    """Until one of the two ends."""
    server.settimeout(None)
    ways = {client.fileno(): (client, server), server.fileno(): (server, client)}
    poller = select.poll()
    for number in ways:
        poller.register(number, select.POLLIN)
    while True:
        for number, _ in poller.poll():
            source, target = ways[number]
            content = source.recv(65536)
            if not content:
                return
            target.sendall(content)
