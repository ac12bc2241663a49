"""What metadata services answer while nothing fails."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from email.utils import formatdate
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote


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


class Maas:
    """Replays a table to who signs each request as RFC 5849 says (3.4.4, 3.5.1), at the time of this service and with a nonce of its
    own; refuses all others with 401 and the time, as MAAS does."""

    LONGEST_AGE = 300

    def __init__(self, tree: Tree, consumer: str, token: str, secret: str, *, ahead: int = 0) -> None:
        """`ahead`: the seconds by which the clock of the service is ahead."""
        self.tree = tree
        self.expected = {
            "oauth_consumer_key": consumer, "oauth_token": token, "oauth_signature_method": "PLAINTEXT",
            "oauth_signature": f"&{secret}", "oauth_version": "1.0",
        }  # fmt: skip
        self.ahead = ahead
        self.nonces: set[str] = set()

    def answer(self, request: Request) -> Reply:
        if (why := self._why_refused(request.headers.get("authorization", ""))) is not None:
            date = formatdate(time.time() + self.ahead, usegmt=True)
            return Reply(401, f"Authorization Error: {why}".encode(), {"Content-Type": "text/plain", "Date": date})
        return self.tree.answer(request)

    def _why_refused(self, header: str) -> str | None:
        scheme, _, rest = header.partition(" ")
        pairs = [part.strip().partition("=") for part in rest.split(",")]
        if scheme != "OAuth" or any(len(value) < 2 or value[0] != '"' or value[-1] != '"' for _, _, value in pairs):
            return "no OAuth header"
        given = {name: unquote(value[1:-1]) for name, _, value in pairs}
        if len(given) != len(pairs) or {name: given.get(name) for name in self.expected} != self.expected:
            return "wrong credentials"
        timestamp, nonce = given.get("oauth_timestamp", ""), given.get("oauth_nonce", "")
        if not timestamp.isdigit() or abs(int(timestamp) - time.time() - self.ahead) > self.LONGEST_AGE:
            return "Expired timestamp"
        if not nonce or nonce in self.nonces:
            return "Nonce already used"
        self.nonces.add(nonce)
        return None
