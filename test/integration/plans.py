"""The plan of a test of secrets, and a server that says again what it was sent."""

from __future__ import annotations

import base64
import urllib.parse

import pytest
from control_repo import ControlRepo
from instance import Instance
from interruption import quick_puppet
from metadata_server import MetadataServer
from metadata_services import Reply, Request
from planted import Plan
from servers import GitServer


@pytest.fixture
def plan(instance: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer, request: pytest.FixtureRequest) -> Plan:
    made = Plan(instance, git, repo, metadata, request.node.originalname)
    made.config |= quick_puppet(instance)
    return made


class Echo:
    """A server that says again all that it was sent: in the body, in headers, and in where it leads to."""

    def __init__(self, code: int) -> None:
        self.code = code

    def answer(self, request: Request) -> Reply:
        sent = [value for value in (*request.headers.values(), request.path, request.query) if value]
        sent += [base64.b64decode(value.split(" ")[-1] + "==", altchars=b"-_").decode(errors="replace") for value in sent if "Basic" in value]
        body = "\n".join([*sent, *(urllib.parse.quote(value) for value in sent)])
        headers = {
            "Content-Type": "text/plain", "X-Sent": " ".join(sent).replace("\n", " "),
            "WWW-Authenticate": f'Basic realm="{sent[-1]}"', "Location": "https://hooks.example.com/" + urllib.parse.quote(" ".join(sent), safe=""),
        }  # fmt: skip
        return Reply(self.code, body.encode(), headers)
