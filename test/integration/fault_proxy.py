"""A TCP proxy that fails as told, in front of any server."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import select
import socket
import struct
import termios
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from network import SERVERS_ADDRESS, Namespace


@dataclass
class Behaviour:
    """What a connection gets; by default what the server gives."""

    after: int | None = None  # bytes from the server
    of_all: bool = False  # …on all connections together, not on each
    how: str = ""  # and then "silence", "reset" or "close"
    rate: int | None = None  # bytes a second from the server
    flip: int | None = None  # the offset of a byte whose lowest bit is turned
    flip_in_body: bool = False  # …in the body of the first HTTP answer, not in all that the server sends
    answer: bytes | None = None  # instead of the server's
    times: int | None = None  # how many connections get it: then all goes well


class FaultProxy:
    """In the servers' namespace. It passes everything on until it is told otherwise; what it is told holds for connections that
    are made afterwards, and ends with heal(). TLS goes through it as it is: a flipped bit breaks TLS, nothing in it.

    A connection whose first packet is lost: world.network.filter(f"tcp dport {proxy.port} drop")."""

    def __init__(
        self, namespace: Namespace, port: int, upstream: tuple[str, int] = (SERVERS_ADDRESS, 80), *, address: str = SERVERS_ADDRESS
    ) -> None:
        self.address, self.port = address, port
        self._namespace, self._upstream = namespace, upstream
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._passed_since = 0  # bytes from the server since it was told how to behave
        self._timer: threading.Timer | None = None
        #: What went through so far, the bytes without those of TCP and IP: from clients to the server, and from it to them.
        self.connections = 0
        self.bytes_up = 0
        self.bytes_down = 0
        self.heal()

    def forget(self) -> None:
        """Counts from zero."""
        with self._lock:
            self.connections = self.bytes_up = self.bytes_down = 0

    def heal(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._behave(Behaviour())
        self._close_connections()
        if self._listener is None:
            # In the namespace: the thread, so that its connections to the server are, too.
            with self._namespace.entered():
                self._listener = socket.create_server((self.address, self.port), backlog=1024)
                threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def refuse(self) -> None:
        """Nobody listens. What is connected stays so."""
        if self._listener is not None:
            # A thread that sits in accept() would keep the socket alive: shutdown wakes it up.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def cut_off(self, seconds: float) -> None:
        """Ends every connection and refuses new ones; heals by itself after a while."""
        self.refuse()
        self._close_connections()
        self._timer = threading.Timer(seconds, self.heal)
        self._timer.daemon = True
        self._timer.start()

    def silence(self, times: int | None = None) -> None:
        """Accepts, and neither reads nor writes. times: only the next ones."""
        self._behave(Behaviour(after=0, how="silence", times=times))

    def cut(self, after: int, how: str = "reset", times: int | None = None, *, of_all: bool = False) -> None:
        """After so many bytes from the server, on each connection: "silence", "reset" or "close" (as if all were said). of_all:
        after so many on all connections from now on; with times=1 a client that comes back is then served well."""
        self._behave(Behaviour(after=after, how=how, times=times, of_all=of_all))

    def limit(self, bytes_per_second: int, times: int | None = None) -> None:
        self._behave(Behaviour(rate=bytes_per_second, times=times))

    def flip(self, offset: int, times: int | None = None, *, in_body: bool = False) -> None:
        """Turns a bit of what a connection gets from the server. in_body: of its first HTTP answer's body."""
        self._behave(Behaviour(flip=offset, flip_in_body=in_body, times=times))

    def answer(self, status: int, headers: Mapping[str, str] = {}, body: bytes = b"", times: int | None = None) -> None:
        """Answers HTTP requests itself, one on each connection."""
        fields = {"Content-Length": str(len(body)), "Connection": "close", **headers}
        head = "".join([f"HTTP/1.1 {status} Told so\r\n", *(f"{name}: {value}\r\n" for name, value in fields.items()), "\r\n"])
        self._behave(Behaviour(answer=head.encode() + body, times=times))

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.refuse()
        self._close_connections()

    def _behave(self, behaviour: Behaviour) -> None:
        with self._lock:
            self._behaviour = behaviour
            self._passed_since = 0

    def _next_behaviour(self) -> Behaviour:
        """What the next connection gets. One that counts over all connections is used up when it strikes, not here."""
        behaviour = self._behaviour
        if behaviour.times is None:
            return behaviour
        if behaviour.times == 0:
            return Behaviour()
        if not behaviour.of_all:
            behaviour.times -= 1
        return dataclasses.replace(behaviour)

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
                behaviour = self._next_behaviour()
                self._open.add(client)
            threading.Thread(target=self._serve, args=(client, behaviour), daemon=True).start()

    def _serve(self, client: socket.socket, behaviour: Behaviour) -> None:
        try:
            if behaviour.after == 0 and behaviour.how == "silence":
                self._wait_for_end(client)
            elif behaviour.answer is not None:
                self._answer(client, behaviour.answer)
            else:
                with socket.create_connection(self._upstream) as server:
                    self._pump(client, server, behaviour)
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.discard(client)
            client.close()

    def _pump(self, client: socket.socket, server: socket.socket, behaviour: Behaviour) -> None:
        flipping = None if behaviour.flip is None else _Flipping(behaviour.flip, behaviour.flip_in_body)
        passed = 0
        started = time.monotonic()
        # Not select: the numbers of sockets go beyond its 1024 when a whole fleet comes.
        poller = select.poll()
        poller.register(client, select.POLLIN)
        poller.register(server, select.POLLIN)
        while True:
            readable = {number for number, _ in poller.poll()}
            if client.fileno() in readable:
                content = client.recv(65536)
                if not content:
                    return
                with self._lock:
                    self.bytes_up += len(content)
                server.sendall(content)
            if server.fileno() in readable:
                left = self._left(behaviour, passed)
                if left <= 0:
                    self._end(client, behaviour)
                    return
                content = server.recv(min(left, 65536 if behaviour.rate is None else max(1, behaviour.rate // 20)))
                if not content:
                    return
                with self._lock:
                    self.bytes_down += len(content)
                    self._passed_since += len(content)
                client.sendall(content if flipping is None else flipping.applied(content))
                passed += len(content)
                if behaviour.rate is not None:
                    time.sleep(max(0.0, started + passed / behaviour.rate - time.monotonic()))
                if self._left(behaviour, passed) <= 0:
                    self._end(client, behaviour)
                    return

    def _left(self, behaviour: Behaviour, passed: int) -> int:
        """How many bytes a connection may still get."""
        if behaviour.after is None:
            return 65536
        return behaviour.after - (self._passed_since if behaviour.of_all else passed)

    def _end(self, client: socket.socket, behaviour: Behaviour) -> None:
        if behaviour.of_all and behaviour.times is not None:
            with self._lock:
                self._behaviour = dataclasses.replace(self._behaviour, times=max(0, (self._behaviour.times or 0) - 1))
                self._passed_since = 0
        if behaviour.how == "silence":
            self._wait_for_end(client)
        elif behaviour.how == "reset":
            _wait_until_sent(client)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    @staticmethod
    def _answer(client: socket.socket, answer: bytes) -> None:
        request = b""
        while b"\r\n\r\n" not in request and (content := client.recv(65536)):
            request += content
        client.sendall(answer)
        # What is left unread would make the end a reset, and the answer could be lost.
        client.shutdown(socket.SHUT_WR)
        client.settimeout(2)
        while client.recv(65536):
            pass

    @staticmethod
    def _wait_for_end(client: socket.socket) -> None:
        """Until the client gives up, or heal(). What it sends is not read."""
        poller = select.poll()
        poller.register(client, select.POLLRDHUP)
        poller.poll()


def _wait_until_sent(connection: socket.socket) -> None:
    """A reset throws away what the kernel has not sent yet."""
    end = time.monotonic() + 2
    waiting = bytearray(4)
    while time.monotonic() < end:
        fcntl.ioctl(connection, termios.TIOCOUTQ, waiting)
        if not any(waiting):
            return
        time.sleep(0.001)


class _Flipping:
    """Turns one bit of a stream."""

    def __init__(self, offset: int, in_body: bool) -> None:
        self._offset: int | None = None if in_body else offset  # in the stream, once that is known
        self._in_body = offset
        self._head = b""
        self._passed = 0

    def applied(self, content: bytes) -> bytes:
        if self._offset is None:
            self._head += content
            end = self._head.find(b"\r\n\r\n")
            if end >= 0:
                self._offset = end + 4 + self._in_body
        changed = bytearray(content)
        if self._offset is not None and 0 <= self._offset - self._passed < len(changed):
            changed[self._offset - self._passed] ^= 1
        self._passed += len(content)
        return bytes(changed)
