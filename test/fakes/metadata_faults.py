"""What may go wrong with an answer of the metadata service: MetadataServer.fault("/path", silence())."""

from __future__ import annotations

import http.server
import random
import socket
import struct
import threading
from collections.abc import Callable, Mapping

from metadata_services import Reply


class Connection:
    """What a fault may do: answer in its own way, wait, or cut the line."""

    def __init__(self, handler: http.server.BaseHTTPRequestHandler, released: threading.Event) -> None:
        self._handler = handler
        self._released = released

    def answer(self, reply: Reply, length: int | None = None) -> None:
        """length: the Content-Length to claim."""
        self.head(reply.status, {**reply.headers, "Content-Length": str(len(reply.body) if length is None else length)})
        self.send(reply.body)

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        if "Date" in headers:  # a service with a clock of its own
            self._handler.send_response_only(status)
        else:
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
