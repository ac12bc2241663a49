#!/usr/bin/python3
"""A metadata service, as an instance sees it at 169.254.169.254.

As a library: MetadataServer(listener, Ec2(user_data=b"...")) answers in threads of this process; `service` can be replaced,
`fault()` makes chosen requests fail in a chosen way, and `requests` records what was asked.

As a program:  metadata_server.py ec2 --user-data FILE      or      metadata_server.py tree FOLDER-or-JSON
"""

from __future__ import annotations

import argparse
import http.server
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from metadata_faults import Connection, Fault
from metadata_services import Ec2, Request, Service, Tree


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
