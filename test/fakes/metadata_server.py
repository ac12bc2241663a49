#!/usr/bin/python3
"""A metadata service, as an instance sees it at 169.254.169.254.

As a library: MetadataServer(listener, Ec2(user_data=b"...")) answers in threads of this process; `service` can be replaced,
`fault()` makes chosen requests fail in a chosen way, and `requests` records what was asked.

As a program:  metadata_server.py ec2 --user-data FILE      or      metadata_server.py tree FOLDER-or-JSON
"""

from __future__ import annotations

import argparse
import base64
import http.server
import json
import os
import random
import secrets
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Request:
    method: str
    path: str  # without the query
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    at: float  # time.monotonic()
    port: int = 0  # the client's; 0 over a unix socket

    @property
    def by_facter(self) -> bool:
        return self.headers.get("user-agent") == "Ruby"

    def __str__(self) -> str:
        return f"{self.method} {self.path}" + (f"?{self.query}" if self.query else "")


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/plain"})


NOT_FOUND = Reply(404, b"<html><h1>404 - Not Found</h1></html>", {"Content-Type": "text/html"})


class Service(Protocol):
    def answer(self, request: Request) -> Reply: ...


class Ec2:
    """EC2's service, version 2 (with a token) and, where `v1` is set, version 1.

    Source of the rules: "Use the Instance Metadata Service" in the Amazon EC2 user guide.
    """

    TOKEN = "/latest/api/token"
    #: The same under each; the service keeps many more by date.
    VERSIONS = ("latest", "2021-03-23", "2018-09-24", "2016-09-02", "2009-04-04")

    def __init__(
        self,
        user_data: bytes | None = None,
        *,
        instance_id: str = "i-0123456789abcdef0",
        region: str = "eu-west-1",
        zone: str = "eu-west-1a",
        v1: bool = False,
        v2: bool = True,
        enabled: bool = True,
        tags: Mapping[str, str] | None = None,
        longest_ttl: float = 21600,
    ) -> None:
        """v2=False: an old service that has no tokens (404). enabled=False: HttpEndpoint=disabled (403 to everything).
        longest_ttl: tokens end after this many seconds, whatever was asked for."""
        self.user_data = user_data
        self.v1, self.v2, self.enabled, self.longest_ttl = v1, v2, enabled, longest_ttl
        self.tokens: dict[str, float] = {}
        hostname = "ip-10-99-0-10.eu-west-1.compute.internal"
        self.identity: dict[str, Any] = {
            "accountId": "123456789012",
            "architecture": "x86_64",
            "availabilityZone": zone,
            "billingProducts": None,
            "devpayProductCodes": None,
            "imageId": "ami-0abcdef0123456789",
            "instanceId": instance_id,
            "instanceType": "t3.small",
            "kernelId": None,
            "marketplaceProductCodes": None,
            "pendingTime": "2026-01-01T00:00:00Z",
            "privateIp": "10.99.0.10",
            "ramdiskId": None,
            "region": region,
            "version": "2017-09-30",
        }
        self.files: dict[str, str] = {
            "meta-data/ami-id": "ami-0abcdef0123456789",
            "meta-data/hostname": hostname,
            "meta-data/instance-id": instance_id,
            "meta-data/instance-type": "t3.small",
            "meta-data/local-hostname": hostname,
            "meta-data/local-ipv4": "10.99.0.10",
            "meta-data/placement/availability-zone": zone,
            "meta-data/placement/region": region,
        }
        # Off by default in EC2 too: the whole branch is then 404.
        for name, value in (tags or {}).items():
            self.files[f"meta-data/tags/instance/{name}"] = value

    def expire_tokens(self) -> None:
        """What was handed out is worth nothing from now on; a new token can be asked for."""
        self.tokens = dict.fromkeys(self.tokens, 0.0)

    def answer(self, request: Request) -> Reply:
        if not self.enabled:
            return Reply(403, b"Forbidden")
        if "x-forwarded-for" in request.headers:
            return Reply(403, b"Forbidden")  # it came through a proxy
        if request.path == self.TOKEN:
            return self._token(request)
        if request.method not in ("GET", "HEAD"):
            return Reply(405, b"Method Not Allowed")
        token = request.headers.get("x-aws-ec2-metadata-token")
        if token is None and not self.v1:
            return Reply(401, b"Unauthorized")
        if token is not None and self.v2 and self.tokens.get(token, 0) <= time.monotonic():
            return Reply(401, b"Unauthorized")
        return self._file(request.path)

    def _token(self, request: Request) -> Reply:
        if not self.v2:
            return NOT_FOUND
        if request.method != "PUT":
            return Reply(405, b"Method Not Allowed", {"Allow": "OPTIONS, PUT"})
        asked = request.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if not asked.isdigit() or not 1 <= int(asked) <= 21600:
            return Reply(400, b"Bad Request")
        token = base64.urlsafe_b64encode(secrets.token_bytes(42)).decode()
        ttl = min(float(asked), self.longest_ttl)
        self.tokens[token] = time.monotonic() + ttl
        return Reply(200, token.encode(), {"Content-Type": "text/plain", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds": asked})

    def _file(self, path: str) -> Reply:
        version, _, name = path.removeprefix("/").partition("/")
        if version not in self.VERSIONS:
            return NOT_FOUND
        if name in ("user-data", "user-data/"):  # Facter asks with the slash, and the true service does not mind
            if self.user_data is None:
                return NOT_FOUND
            return Reply(200, self.user_data, {"Content-Type": "application/octet-stream"})
        files = {**self.files, "dynamic/instance-identity/document": json.dumps(self.identity, indent=2)}
        if name in files:
            return Reply(200, files[name].encode())
        # A folder: one name a line, folders with a slash, no newline at the end.
        folder = name.rstrip("/") + "/"
        names = {f[len(folder) :] for f in files if f.startswith(folder)}
        if not names:
            return NOT_FOUND
        entries = {n.split("/")[0] + ("/" if "/" in n else "") for n in names}
        return Reply(200, "\n".join(sorted(entries)).encode())


class Tree:
    """Answers from a table. A fixture is a folder (each file answers GET at its path) or a JSON file, a list of
    {"method": "GET", "path": "/x?a=b", "require": {"Header": "value"}, "status": 200, "headers": {}, "body": "text" or JSON
    or "body_base64": "..."}, as `bootwright capture` writes it; the method "RUN" stands for a program, and fits no request.
    "method", "require", "status", "headers" may be left out. A "require" value of "*" asks for the header's presence only.
    The first entry that fits answers; when only headers are lacking the answer is 400, else 404."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        self.entries = entries

    @classmethod
    def of(cls, source: Path | Mapping[str, str | bytes]) -> Tree:
        if isinstance(source, Path) and source.is_file():
            return cls(json.loads(source.read_text()))
        if isinstance(source, Path):
            files: Mapping[str, str | bytes] = {
                "/" + str(file.relative_to(source)): file.read_bytes() for file in source.rglob("*") if file.is_file()
            }
        else:
            files = source
        return cls([{"path": path, "body": content} for path, content in files.items()])

    def answer(self, request: Request) -> Reply:
        lacking = False
        for entry in self.entries:
            path, _, query = entry["path"].partition("?")
            if request.method != entry.get("method", "GET") or request.path != path or (query and query != request.query):
                continue
            required: Mapping[str, str] = entry.get("require", {})
            sent = {name: request.headers.get(name.lower()) for name in required}
            if any(sent[name] is None or value not in ("*", sent[name]) for name, value in required.items()):
                lacking = True
                continue
            return Reply(entry.get("status", 200), self._body(entry), entry.get("headers", {}))
        return Reply(400, b"Bad Request") if lacking else NOT_FOUND

    @staticmethod
    def _body(entry: Mapping[str, Any]) -> bytes:
        if "body_base64" in entry:
            return base64.b64decode(entry["body_base64"])
        body = entry.get("body", "")
        if isinstance(body, bytes):
            return body
        return body.encode() if isinstance(body, str) else json.dumps(body).encode()


class Connection:
    """What a fault may do: answer in its own way, wait, or cut the line."""

    def __init__(self, handler: _Handler, released: threading.Event) -> None:
        self._handler = handler
        self._released = released

    def answer(self, reply: Reply, length: int | None = None) -> None:
        """length: the Content-Length to claim."""
        self.head(reply.status, {**reply.headers, "Content-Length": str(len(reply.body) if length is None else length)})
        self.send(reply.body)

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        self._handler.send_response(status)
        for name, value in {**headers, "Connection": "close"}.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def send(self, body: bytes) -> None:
        if self._handler.command != "HEAD":
            self._handler.wfile.write(body)
            self._handler.wfile.flush()

    def wait(self, seconds: float) -> bool:
        """False when the test is over."""
        return not self._released.wait(seconds)

    def send_raw(self, content: bytes) -> None:
        self._handler.wfile.write(content)
        self._handler.wfile.flush()

    def reset(self) -> None:
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The socket is closed with the last of the three.
        self._handler.rfile.close()
        self._handler.wfile.close()
        self._handler.connection.close()


#: Does its mischief on a connection whose right answer would have been the reply.
Fault = Callable[[Connection, Reply], None]


def status(code: int, body: bytes = b"", retry_after: int | str | None = None) -> Fault:
    headers = {"Content-Type": "text/html"} | ({} if retry_after is None else {"Retry-After": str(retry_after)})
    return lambda connection, reply: connection.answer(Reply(code, body, headers))


def silence(seconds: float = 600) -> Fault:
    """Accepts, reads the request, and says nothing."""

    def act(connection: Connection, reply: Reply) -> None:
        connection.wait(seconds)

    return act


def reset() -> Fault:
    return lambda connection, reply: connection.reset()


def truncated(keep: int) -> Fault:
    """Announces the whole body and ends after the first bytes of it."""
    return lambda connection, reply: connection.answer(Reply(reply.status, reply.body[:keep], reply.headers), len(reply.body))


def body(content: bytes, content_type: str | None = None) -> Fault:
    """Status 200 and this instead of the true body."""

    def act(connection: Connection, reply: Reply) -> None:
        headers = dict(reply.headers) if content_type is None else {"Content-Type": content_type}
        connection.answer(Reply(200, content, headers))

    return act


def empty() -> Fault:
    return body(b"")


def no_content() -> Fault:
    return lambda connection, reply: connection.head(204, {})


def garbage(size: int = 4096) -> Fault:
    """Bytes without meaning, the same ones each time."""
    return body(random.Random(1).randbytes(size))


def oversized(size: int = 10 * 1024 * 1024, announced: bool = True) -> Fault:
    """announced=False: no Content-Length, the end of the connection is the end of the body."""

    def act(connection: Connection, reply: Reply) -> None:
        connection.head(200, {**reply.headers, **({"Content-Length": str(size)} if announced else {})})
        for _ in range(size // 65536):
            connection.send(b" " * 65536)
        connection.send(b" " * (size % 65536))

    return act


def redirect(location: str, code: int = 302) -> Fault:
    return lambda connection, reply: connection.answer(Reply(code, b"", {"Location": location}))


def content_type(value: str) -> Fault:
    return lambda connection, reply: connection.answer(Reply(reply.status, reply.body, {**reply.headers, "Content-Type": value}))


def not_http(content: bytes = b"SSH-2.0-OpenSSH_9.2\r\n") -> Fault:
    return lambda connection, reply: connection.send_raw(content)


def slow(total: float) -> Fault:
    """The true answer, its body byte by byte over this many seconds."""

    def act(connection: Connection, reply: Reply) -> None:
        connection.head(reply.status, {**reply.headers, "Content-Length": str(len(reply.body))})
        for number in range(len(reply.body)):
            if not connection.wait(total / len(reply.body)):
                return
            connection.send(reply.body[number : number + 1])

    return act


def late(seconds: float) -> Fault:
    """The true answer, after a while."""

    def act(connection: Connection, reply: Reply) -> None:
        if connection.wait(seconds):
            connection.answer(reply)

    return act


@dataclass
class _Rule:
    pattern: str
    act: Fault
    times: int | None
    after: int


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: MetadataServer
    # The header goes out by itself otherwise, and the body waits for its acknowledgement.
    wbufsize = -1

    def version_string(self) -> str:
        return "EC2ws"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (OSError, ValueError):  # the client went away, or a fault closed the connection
            self.close_connection = True

    def _answer(self) -> None:
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(
            self.command, path, query, {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length), time.monotonic(), self.client_address[1] if self.client_address else 0,
        )  # fmt: skip
        self.close_connection = True
        self.owner.handle(request, self)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = _answer


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # the client went away


class MetadataServer:
    def __init__(self, listener: socket.socket, service: Service, on_request: Callable[[Request, int], None] | None = None) -> None:
        """The listener may belong to any network namespace. on_request is told each request and the status of its right answer."""
        self.service = service
        self.requests: list[Request] = []
        self._rules: list[_Rule] = []
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._on_request = on_request
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = _Server(("", 0), handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def fault(self, pattern: str, act: Fault, *, times: int | None = None, after: int = 0) -> None:
        """Requests that match the pattern (a path, or "METHOD path", with * and ?) fare as `act` says: the first `times` of
        them (all by default), once `after` of them went well. The rule made first wins, as long as it lasts."""
        with self._lock:
            self._rules.append(_Rule(pattern, act, times, after))

    def clear_faults(self) -> None:
        """What hangs is let go, too."""
        with self._lock:
            self._rules.clear()
            self._released.set()
            self._released = threading.Event()

    def reset(self, service: Service) -> None:
        self.clear_faults()
        with self._lock:
            self.service = service
            self.requests = []

    def count(self, pattern: str) -> int:
        """How many requests matched, but for those of Facter: it asks EC2's service as well, for Puppet's facts."""
        return sum(_fits(pattern, request) and not request.by_facter for request in list(self.requests))

    def handle(self, request: Request, handler: _Handler) -> None:
        with self._lock:
            self.requests.append(request)
            reply = self.service.answer(request)
            act = self._next_fault(request)
            connection = Connection(handler, self._released)
        if self._on_request is not None:
            self._on_request(request, reply.status)
        if act is None:
            connection.answer(reply)
        else:
            act(connection, reply)

    def _next_fault(self, request: Request) -> Fault | None:
        for rule in self._rules:
            if not _fits(rule.pattern, request) or rule.times == 0:
                continue
            if rule.after > 0:
                rule.after -= 1
                continue
            if rule.times is not None:
                rule.times -= 1
            return rule.act
        return None

    def close(self) -> None:
        self.clear_faults()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _fits(pattern: str, request: Request) -> bool:
    return fnmatchcase(f"{request.method} {request.path}" if " " in pattern else request.path, pattern)


def main() -> None:
    parser = argparse.ArgumentParser(description="A metadata service for trying things out.")
    parser.add_argument("--listen", default="169.254.169.254:80", metavar="ADDRESS:PORT")
    kinds = parser.add_subparsers(dest="kind", required=True)
    ec2 = kinds.add_parser("ec2", help="Amazon EC2, IMDSv2")
    ec2.add_argument("--user-data", type=Path, metavar="FILE")
    ec2.add_argument("--allow-v1", action="store_true")
    tree = kinds.add_parser("tree", help="answers from a folder or a JSON file")
    tree.add_argument("fixture", type=Path)
    arguments = parser.parse_args()
    service: Service
    if arguments.kind == "ec2":
        service = Ec2(arguments.user_data.read_bytes() if arguments.user_data else None, v1=arguments.allow_v1)
    else:
        service = Tree.of(arguments.fixture)
    address, _, port = arguments.listen.rpartition(":")
    server = MetadataServer(
        socket.create_server((address, int(port))), service, lambda request, code: print(f"{request} {code}", flush=True)
    )
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    server.close()
    os._exit(0)


if __name__ == "__main__":
    main()
