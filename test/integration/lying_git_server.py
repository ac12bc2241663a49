"""A git server that lies. It speaks git's smart HTTP in versions 0, 1 and 2 through the real `git upload-pack`, and says
something else where it was told to."""

from __future__ import annotations

import gzip
import http.server
import random
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any

from control_repo import ControlRepo
from network import SERVERS_ADDRESS, Namespace
from real_machine import CLEAN_ENVIRONMENT
from shapes import ShapedRepo

#: What a request asks for: "info/refs" (capabilities in version 2, else all refs), "ls-refs" (version 2 only) or "fetch".
STAGES = ("info/refs", "ls-refs", "fetch")

FLUSH = b"0000"

AnyRepo = ControlRepo | ShapedRepo


def packet(content: bytes) -> bytes:
    return f"{len(content) + 4:04x}".encode() + content


def packets(content: bytes) -> Iterator[bytes]:
    """The packets of a git stream, as they are: the special ones have no content."""
    at = 0
    while at + 4 <= len(content):
        length = int(content[at : at + 4], 16)
        end = at + max(4, length)
        yield content[at:end]
        at = end


def band(number: int, content: bytes) -> bytes:
    """1: the pack, 2: progress, 3: a fatal error."""
    return b"".join(packet(bytes([number]) + content[at : at + 60000]) for at in range(0, len(content), 60000))


@dataclass
class Answer:
    """What honest git answered to a fetch: what comes before the pack, and the pack."""

    head: bytes
    pack: bytes

    @classmethod
    def of(cls, content: bytes) -> Answer:
        head, pack = b"", b""
        for one in packets(content):
            if one[4:5] in (b"\1", b"\2", b"\3"):
                pack += one[5:] if one[4:5] == b"\1" else b""
            elif not pack:
                head += one
        return cls(head, pack)

    @property
    def whole(self) -> bytes:
        return self.head + band(1, self.pack) + FLUSH


#: Makes the stream that is sent from what honest git said to the request. An endless one is no lack of it.
Lie = Callable[[bytes], Iterator[bytes]]


@dataclass
class Told:
    stage: str
    lie: Lie
    times: int | None


# Lies about the pack


def about_the_pack(tell: Callable[[Answer], Iterator[bytes]]) -> Lie:
    """An answer without a pack stays as it is: in version 0 the first one to a shallow fetch only lists where history ends."""

    def lie(honest: bytes) -> Iterator[bytes]:
        answer = Answer.of(honest)
        return tell(answer) if answer.pack else iter([honest])

    return lie


def pack_instead(pack: bytes) -> Lie:
    return about_the_pack(lambda answer: iter([Answer(answer.head, pack).whole]))


def wrong_pack(repo: AnyRepo, revision: str) -> Lie:
    """The pack of another commit: sound in itself, and not what was asked for."""
    return pack_instead(make_pack(repo.bare, objects_of(repo.bare, revision)))


def pack_without(repo: AnyRepo, revision: str, path: str) -> Lie:
    """A sound pack that lacks a file or a folder ("" for the root) of the commit."""
    lacking = git(repo.bare, "rev-parse", f"{revision}:{path}").decode().strip()
    return pack_instead(make_pack(repo.bare, [name for name in objects_of(repo.bare, revision) if name != lacking]))


def surplus_pack(repo: AnyRepo, revision: str, megabytes: int) -> Lie:
    """What was asked for, and much that was not."""
    objects = objects_of(repo.bare, revision)
    for number in range(megabytes):
        ballast = random.Random(number).randbytes(1024 * 1024)
        objects.append(git(repo.bare, "hash-object", "-w", "--stdin", input=ballast).decode().strip())
    return pack_instead(make_pack(repo.bare, objects))


def truncated_pack(share: float = 0.5, *, politely: bool = True) -> Lie:
    """politely: as if it were all; else the answer breaks off inside a packet."""

    def tell(answer: Answer) -> Iterator[bytes]:
        if politely:
            yield Answer(answer.head, answer.pack[: int(len(answer.pack) * share)]).whole
        else:
            yield answer.whole[: len(answer.head) + int(len(answer.pack) * share)]

    return about_the_pack(tell)


def flipped_pack(share: float = 0.5) -> Lie:
    """One bit of the pack is another one."""

    def tell(answer: Answer) -> Iterator[bytes]:
        pack = bytearray(answer.pack)
        pack[min(len(pack) - 1, int(len(pack) * share))] ^= 1
        yield Answer(answer.head, bytes(pack)).whole

    return about_the_pack(tell)


def no_pack() -> Lie:
    """The answer ends where the pack should begin."""
    return about_the_pack(lambda answer: iter([answer.head + FLUSH]))


def bomb_pack(megabytes: int) -> bytes:
    """A pack of a few kilobytes with one file that becomes large. Its checksum is right."""
    size = megabytes * 1024 * 1024
    # Type 3 (blob) and the size, four bits and then seven in each byte: gitformat-pack(5).
    number, header = size >> 4, bytearray([0x30 | (size & 15)])
    while number:
        header[-1] |= 0x80
        header.append(number & 0x7F)
        number >>= 7
    deflate = zlib.compressobj(9)
    content = b"".join(deflate.compress(bytes(1024 * 1024)) for _ in range(megabytes)) + deflate.flush()
    pack = b"PACK" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big") + bytes(header) + content
    return pack + sha1(pack).digest()


def bomb(megabytes: int) -> Lie:
    return pack_instead(bomb_pack(megabytes))


def sideband_error(text: str, after: float = 0.5) -> Lie:
    """A fatal error of the server after a share of the pack."""

    def tell(answer: Answer) -> Iterator[bytes]:
        part = answer.pack[: int(len(answer.pack) * after)]
        yield answer.head + band(1, part) + band(3, text.encode() + b"\n") + FLUSH

    return about_the_pack(tell)


def endless_progress(every: float = 0.05, text: bytes = b"Counting objects\r") -> Lie:
    """Talks of its progress, and never sends the pack. every: seconds; 0: as fast as can be."""

    def tell(answer: Answer) -> Iterator[bytes]:
        yield answer.head
        while True:
            yield band(2, text) if every else band(2, text * 1000)
            time.sleep(every)

    return about_the_pack(tell)


def endless_pack() -> Lie:
    """The pack, and then zeros for ever."""

    def tell(answer: Answer) -> Iterator[bytes]:
        yield answer.head + band(1, answer.pack)
        while True:
            yield band(1, bytes(60000))

    return about_the_pack(tell)


# Lies about anything


def instead(content: bytes) -> Lie:
    """These bytes, for example packet(b"ERR no\\n"), b"000g" or a page of HTML."""

    def lie(honest: bytes) -> Iterator[bytes]:
        yield content

    return lie


def error_packet(text: str) -> Lie:
    """How upload-pack says that it cannot: the whole answer is one packet."""
    return instead(packet(f"ERR {text}\n".encode()))


def cut_short(keep: int) -> Lie:
    """The answer's first bytes."""

    def lie(honest: bytes) -> Iterator[bytes]:
        yield honest[:keep]

    return lie


def many_refs(count: int | None = None) -> Lie:
    """Invented refs among the true ones, without an end if no number is given. For "ls-refs" and, in version 0, "info/refs"."""

    def lie(honest: bytes) -> Iterator[bytes]:
        true = list(packets(honest))
        yield b"".join(true[:-1])
        number = 0
        while count is None or number < count:
            lines = range(number, number + 1000 if count is None else min(count, number + 1000))
            yield b"".join(packet(f"{line:040x} refs/heads/invented-{line:09d}\n".encode()) for line in lines)
            number += 1000
        yield FLUSH

    return lie


# The server


class LyingGitServer:
    """In the servers' namespace, beside the honest server of the same repositories."""

    def __init__(self, namespace: Namespace, port: int) -> None:
        self.port = port
        #: The stages that were asked for, with the version: "fetch 2".
        self.requests: list[str] = []
        self._told: list[Told] = []
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = _Server(("", 0), handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = namespace.listen(SERVERS_ADDRESS, port)
        self._repositories: dict[str, Path] = {}
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, repo: AnyRepo) -> str:
        self._repositories[repo.name] = repo.bare
        return f"http://{SERVERS_ADDRESS}:{self.port}/{repo.name}.git"

    def tell(self, lie: Lie, stage: str = "fetch", times: int | None = None) -> None:
        """What it says from now on when it is asked for this; times: only the next ones."""
        assert stage in STAGES
        with self._lock:
            self._told.append(Told(stage, lie, times))

    def be_honest(self) -> None:
        with self._lock:
            self._told.clear()
            self.requests.clear()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, name: str, stage: str, version: str, honest: Callable[[Path], bytes]) -> Iterator[bytes] | None:
        """The stream to send; None: there is no such repository."""
        repository = self._repositories.get(name)
        if repository is None:
            return None
        with self._lock:
            self.requests.append(f"{stage} {version}")
            told = next((told for told in self._told if told.stage == stage and told.times != 0), None)
            if told is not None and told.times is not None:
                told.times -= 1
        content = honest(repository)
        return iter([content]) if told is None else told.lie(content)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: LyingGitServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        name, _, rest = self.path.removeprefix("/").partition(".git/")
        if rest != "info/refs?service=git-upload-pack":
            self.send_error(404)
            return
        head = packet(b"# service=git-upload-pack\n") + FLUSH
        arguments = ["--http-backend-info-refs"]
        self._send(name, "info/refs", "advertisement", lambda repository: head + self._upload_pack(repository, arguments, b""))

    def do_POST(self) -> None:
        name, _, rest = self.path.removeprefix("/").partition(".git/")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if rest != "git-upload-pack":
            self.send_error(404)
            return
        stage = "ls-refs" if body[4:].startswith(b"command=ls-refs") else "fetch"
        self._send(name, stage, "result", lambda repository: self._upload_pack(repository, [], body))

    def _version(self) -> str:
        protocol = self.headers.get("Git-Protocol", "")
        return protocol.removeprefix("version=").partition(":")[0] or "0"

    def _upload_pack(self, repository: Path, arguments: list[str], body: bytes) -> bytes:
        return subprocess.run(
            ["git", "upload-pack", "--stateless-rpc", *arguments, repository],
            input=body, capture_output=True, timeout=60,
            env={**CLEAN_ENVIRONMENT, "GIT_PROTOCOL": self.headers.get("Git-Protocol", "")},
        ).stdout  # fmt: skip

    def _send(self, name: str, stage: str, kind: str, honest: Callable[[Path], bytes]) -> None:
        answer = self.owner.answer(name, stage, self._version(), honest)
        if answer is None:
            self.send_error(404)
            return
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", f"application/x-git-upload-pack-{kind}")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for part in answer:
                self.wfile.write(part)
        except OSError:
            pass  # the client has had enough


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # the client went away


# Packs


def git(repository: Path, *arguments: str, input: bytes = b"") -> bytes:
    return subprocess.run(
        ["git", "-C", repository, *arguments], input=input, capture_output=True, check=True, timeout=60, env=CLEAN_ENVIRONMENT
    ).stdout


def objects_of(repository: Path, revision: str) -> list[str]:
    """The commit, without its parents, and all that its tree holds."""
    listed = git(repository, "rev-list", "--objects", "--no-object-names", f"{revision}^{{tree}}").decode().split()
    return [revision, *listed]


def make_pack(repository: Path, objects: list[str], *options: str) -> bytes:
    return git(repository, "pack-objects", "--stdout", "-q", *options, input="\n".join(objects).encode() + b"\n")
