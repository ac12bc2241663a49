"""The Puppet Forge, which no test can reach: a server that speaks version 3 of its API.

Sources: the Forge's own description (https://forgeapi.puppet.com/, openapi.json), and what its clients ask for: r10k with
puppet_forge, and `puppet module`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

import far_hosts
from authority import Authority
from forge_archives import Module
from machine import Machine
from metadata_faults import Fault
from metadata_server import MetadataServer
from metadata_services import Reply, Request
from world import World

ADDRESS = "10.99.0.3"
#: All lead to one server; a request says in its header Host which one was meant. The last one is where files may be moved to.
HOSTS = ("forgeapi.puppet.com", "forge.test", "files.forge.test")

#: The value of a key of Release.said that the Forge leaves out.
LEFT_OUT = object()

#: How many results a page has, and how many it may have at most.
PAGE, LONGEST_PAGE = 20, 100

_MADE_AT = "2020-01-01 00:00:00 -0800"
_JSON = {"Content-Type": "application/json; charset=utf-8"}
_MODULE_SLUG = re.compile(r"[a-zA-Z0-9]+[-/][a-z][a-z0-9_]*")
_RELEASE_SLUG = re.compile(_MODULE_SLUG.pattern + r"[-/][0-9]+\.[0-9]+\.[0-9]+(?:[-+].+)?")
_MESSAGES = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests",
    500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip


@dataclass
class Release:
    """What the Forge has of one version of a module."""

    module: Module
    archive: bytes
    #: Keys of its document that are to be otherwise, for example {"file_sha256": None} or {"file_uri": LEFT_OUT}.
    said: dict[str, Any] = field(default_factory=dict)
    #: When it was deleted: it is listed no more, but who knows its version still gets it.
    deleted_at: str | None = None

    @property
    def file(self) -> str:
        return f"{self.module.slug}.tar.gz"

    def document(self, module: dict[str, Any]) -> dict[str, Any]:
        true = {
            **self.brief(), "module": module, "metadata": dict(self.module.metadata), "tags": [], "pdk": False,
            "validation_score": 100, "file_md5": hashlib.md5(self.archive).hexdigest(),
            "file_sha256": hashlib.sha256(self.archive).hexdigest(), "downloads": 1, "readme": None, "changelog": None,
            "license": None, "reference": None, "tasks": [], "plans": [], "updated_at": _MADE_AT, "deleted_for": None,
        }  # fmt: skip
        return {key: value for key, value in {**true, **self.said}.items() if value is not LEFT_OUT}

    def brief(self) -> dict[str, Any]:
        """As a module lists it."""
        slug = self.module.slug
        return {
            "uri": f"/v3/releases/{slug}", "slug": slug, "version": self.module.version, "supported": False,
            "created_at": _MADE_AT, "deleted_at": self.deleted_at, "file_uri": f"/v3/files/{self.file}",
            "file_size": len(self.archive),
        }  # fmt: skip


class Forge:
    """A metadata_services.Service. It serves what add() was given, to everybody, until a test sets one of the members.

    MetadataServer is what speaks HTTP, so `requests` and faults are those of it: server.fault("/v3/files/*", …) with
    metadata_faults.truncated, body, slow, silence, reset and so on, or with refuses() for errors as the Forge says them.
    Releases are listed from the newest version on, whatever sort_by says."""

    def __init__(self) -> None:
        self.releases: list[Release] = []
        #: Where it is not "", requests without it are refused. It is wanted as `Authorization: Bearer TOKEN`.
        self.token = ""
        #: No page has more results, whatever a client asks for.
        self.longest_page = LONGEST_PAGE
        #: The URL of a server that files are to be got from, for example "https://files.forge.test"; it is answered with this status.
        self.files_at = ""
        self.moved_with = 302
        #: Of the modules that their authors gave up: the moment, by name.
        self.deprecated_at: dict[str, str] = {}

    def add(self, module: Module, archive: bytes | None = None, **said: Any) -> Release:
        """Publishes a version. archive: another one than the module's own. said: see Release.said."""
        release = Release(module, module.archive() if archive is None else archive, said)
        self.releases.append(release)
        return release

    def answer(self, request: Request) -> Reply:
        path = unquote(request.path)
        # Where files are moved to, the URL alone proves the right to them.
        if path.startswith("/storage/"):
            return self._stored(path.removeprefix("/storage/"))
        fault = self._fault(request)
        if fault is not None:
            return fault
        asked = {name: values[-1] for name, values in parse_qs(request.query).items()}
        if path in ("/v3/releases", "/v3/modules"):
            return self._list(path, asked)
        kind, _, name = path.removeprefix("/v3/").partition("/")
        if kind == "files":
            return self._file(name)
        if kind == "releases":
            return self._release(name, asked)
        return self._module(name, asked) if kind == "modules" else error(404, "The requested resource could not be found")

    def _fault(self, request: Request) -> Reply | None:
        authorization = request.headers.get("authorization")
        if not request.headers.get("user-agent"):
            return error(400, "User-Agent header is required")
        if self.token and authorization is None:
            return error(401, "This endpoint requires a valid Authorization header")
        if self.token and authorization != f"Bearer {self.token}":
            return error(403, "The provided API key is invalid or has insufficient permissions for the requested operation")
        return None if request.method in ("GET", "HEAD") else error(404, "The requested resource could not be found")

    # Answers

    def _module(self, slug: str, asked: Mapping[str, str]) -> Reply:
        if not _MODULE_SLUG.fullmatch(slug):
            return error(400, f"'{slug}' is not a valid module slug")
        name = slug.replace("/", "-")
        if all(release.module.name != name for release in self.releases):
            return error(404, "The requested resource could not be found")
        return _document(_asked_for(self._module_document(name), asked))

    def _release(self, slug: str, asked: Mapping[str, str]) -> Reply:
        if not _RELEASE_SLUG.fullmatch(slug):
            return error(400, f"'{slug}' is not a valid release slug")
        for release in self.releases:
            if release.module.slug == slug.replace("/", "-"):
                return _document(_asked_for(release.document(self._module_brief(release.module.name)), asked))
        return error(404, "The requested resource could not be found")

    def _file(self, name: str) -> Reply:
        if all(release.file != name for release in self.releases):
            return error(404, "The requested resource could not be found")
        if self.files_at:
            return Reply(self.moved_with, b"", {"Location": f"{self.files_at}/storage/{name}?{urlencode({'signature': 'a+b/c='})}"})
        return self._stored(name)

    def _stored(self, name: str) -> Reply:
        for release in self.releases:
            if release.file == name:
                headers = {"Content-Type": "application/octet-stream", "Content-Disposition": f'attachment; filename="{name}"'}
                return Reply(200, release.archive, headers)
        return error(404, "The requested resource could not be found")

    def _list(self, path: str, asked: Mapping[str, str]) -> Reply:
        try:
            limit, offset = (int(asked.get(name, default)) for name, default in (("limit", PAGE), ("offset", 0)))
        except ValueError:
            return error(400, "'limit' and 'offset' must be integers")
        if not 1 <= limit <= LONGEST_PAGE or offset < 0:
            return error(400, f"'limit' must be between 1 and {LONGEST_PAGE}, and 'offset' not negative")
        found = self._found_releases(asked) if path == "/v3/releases" else self._found_modules(asked)
        results = [_asked_for(one, asked) for one in found]
        return _document(_page(path, asked, results, min(limit, self.longest_page), offset))

    def _found_releases(self, asked: Mapping[str, str]) -> list[dict[str, Any]]:
        deleted_too = asked.get("show_deleted") == "true"
        return [
            release.document(self._module_brief(release.module.name))
            for release in _newest_first(self.releases)
            if release.module.name == asked.get("module", release.module.name).replace("/", "-")
            and release.module.name.partition("-")[0] == asked.get("owner", release.module.name.partition("-")[0])
            and (deleted_too or release.deleted_at is None)
        ]

    def _found_modules(self, asked: Mapping[str, str]) -> list[dict[str, Any]]:
        names = sorted({release.module.name for release in self.releases if release.deleted_at is None})
        owner, word = asked.get("owner", ""), asked.get("query", "")
        return [self._module_document(name) for name in names if word in name and owner in ("", name.partition("-")[0])]

    # Documents

    def _module_document(self, name: str) -> dict[str, Any]:
        all_of_it = _newest_first([release for release in self.releases if release.module.name == name])
        there = [release for release in all_of_it if release.deleted_at is None]
        current = next((release for release in there if "-" not in release.module.version), next(iter(there), None))
        return {
            **self._module_brief(name), "downloads": 1, "created_at": _MADE_AT, "updated_at": _MADE_AT, "deprecated_for": None,
            "superseded_by": None, "supported": False, "endorsement": None, "module_group": "base", "premium": False,
            "current_release": None if current is None else current.document(self._module_brief(name)),
            "releases": [release.brief() for release in all_of_it], "feedback_score": None,
            "homepage_url": f"https://git.test/{name}", "issues_url": f"https://git.test/{name}/issues",
        }  # fmt: skip

    def _module_brief(self, name: str) -> dict[str, Any]:
        author, _, short = name.partition("-")
        owner = {"uri": f"/v3/users/{author}", "slug": author, "username": author, "gravatar_id": "0" * 32}
        deprecated_at = self.deprecated_at.get(name)
        return {"uri": f"/v3/modules/{name}", "slug": name, "name": short, "deprecated_at": deprecated_at, "owner": owner}


def error(code: int, *errors: str, headers: Mapping[str, str] = {}) -> Reply:
    """As the Forge says errors."""
    document = {"message": f"{code} {_MESSAGES[code]}", "errors": list(errors)}
    return Reply(code, json.dumps(document).encode(), {**_JSON, **headers})


def refuses(code: int, *errors: str, retry_after: int | str | None = None) -> Fault:
    """For MetadataServer.fault: an error of the Forge in place of the right answer."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return lambda connection, reply: connection.answer(error(code, *errors, headers=headers))


def serve(world: World, authority: Authority) -> MetadataServer:
    """The server; a test gives it another service by reset()."""
    return far_hosts.serve(world, authority, ADDRESS, HOSTS, Forge())


def lead_to(machine: Machine) -> None:
    """The machine takes the server for all of HOSTS."""
    far_hosts.lead_to(machine, ADDRESS, HOSTS)


def _document(document: Mapping[str, Any]) -> Reply:
    return Reply(200, json.dumps(document).encode(), _JSON)


def _asked_for(document: Mapping[str, Any], asked: Mapping[str, str]) -> dict[str, Any]:
    """The document without its top-level keys that the client excludes: described with spaces between, asked for with commas."""
    left_out = set(re.split("[ ,]+", asked.get("exclude_fields", "")))
    return {key: value for key, value in document.items() if key not in left_out}


def _page(path: str, asked: Mapping[str, str], results: list[dict[str, Any]], limit: int, offset: int) -> dict[str, Any]:
    """One page of the results. The paths of the others repeat what was asked."""

    def at(place: int) -> str:
        return f"{path}?{urlencode({**asked, 'limit': limit, 'offset': place})}"

    pagination = {
        "limit": limit, "offset": offset, "first": at(0), "previous": at(max(0, offset - limit)) if offset else None,
        "current": at(offset), "next": at(offset + limit) if offset + limit < len(results) else None, "total": len(results),
    }  # fmt: skip
    return {"pagination": pagination, "results": results[offset : offset + limit]}


def _newest_first(releases: Sequence[Release]) -> list[Release]:
    return sorted(releases, key=lambda release: _order(release.module.version), reverse=True)


def _order(version: str) -> tuple[list[int], bool, list[tuple[int, int, str]]]:
    """Of versions, as https://semver.org has it: 1.0.0-rc2 before 1.0.0-rc10 only where the number stands alone."""
    numbers, _, before = version.partition("+")[0].partition("-")
    parts = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in before.split(".")] if before else []
    return [int(number) for number in numbers.split(".")], not before, parts
