"""A trace of a run, as a collector gets it: OTLP over HTTP with JSON. The collector is a web server that keeps what it is sent."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from control_repo import ControlRepo
from instance import INSTANCE_ID, Instance
from interruption import quick_puppet
from machine import Process
from metadata_server import MetadataServer
from metadata_services import Ec2
from roles import IMPATIENT, merged, role_config
from servers import GitServer

COLLECTOR = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open("/root/traces", "ab") as file:
            file.write(f"{self.path} {self.headers['Content-Type']} ".encode() + body + b"\\n")
        self.send_response(int(sys.argv[1])); self.end_headers()
http.server.HTTPServer(("127.0.0.1", 4318), Handler).serve_forever()
"""
SECRET = "hunter2-of-the-data"
NAMED = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.fixture
def traced(instance: Instance, git: GitServer, metadata: MetadataServer, repo: ControlRepo) -> Instance:
    instance.configure(merged(IMPATIENT, quick_puppet(instance), {"puppet": {"warm": False}}))
    metadata.service = Ec2(role_config(repo, data={"password": SECRET}))
    return instance


def collect(instance: Instance, status: int = 200) -> Process:
    instance.write("/root/collector.py", COLLECTOR)
    process = instance.start(["python3", "/root/collector.py", str(status)])
    instance.namespace.wait_until_listening("127.0.0.1", 4318)
    return process


def traces(instance: Instance) -> list[dict[str, Any]]:
    lines = [line.split(" ", 2) for line in instance.read("/root/traces").splitlines()]
    assert {(path, kind) for path, kind, _ in lines} == {("/v1/traces", "application/json")}
    return [json.loads(body) for *_, body in lines]


def spans_of(trace: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The spans by their names; each is as the JSON encoding of OTLP has it."""
    (resource_spans,) = trace["resourceSpans"]
    (scope_spans,) = resource_spans["scopeSpans"]
    spans = scope_spans["spans"]
    ids = {span["spanId"] for span in spans}
    for span in spans:
        assert re.fullmatch("[0-9a-f]{32}", span["traceId"]) and re.fullmatch("[0-9a-f]{16}", span["spanId"])
        assert span.get("parentSpanId", span["spanId"]) in ids
        assert re.fullmatch("[0-9]{19}", span["startTimeUnixNano"]) and int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
        assert span["kind"] == 1 and span["status"]["code"] in (1, 2)
    return {span["name"]: span for span in spans}


def test_a_good_run_and_a_bad_one_are_traces(traced: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    collector = collect(traced)
    assert traced.bootwright("run", env=NAMED).returncode == 0
    metadata.service = Ec2(role_config(repo, revision="0" * 40, data={"password": SECRET}))
    assert traced.bootwright("run", env=NAMED).returncode == 1
    good, bad = traces(traced)
    attributes = {each["key"]: each["value"]["stringValue"] for each in good["resourceSpans"][0]["resource"]["attributes"]}
    assert attributes["service.name"] == "bootwright" and attributes["host.id"] == INSTANCE_ID
    assert attributes["cloud.provider"] == "aws" and attributes["bootwright.role"] == "base"
    spans = spans_of(good)
    assert {"run", "stage platform", "stage role", "stage repository", "stage puppet", "stage record"} <= set(spans)
    assert any(name.startswith("place ") for name in spans)
    spans = spans_of(bad)
    assert spans["run"]["status"]["code"] == spans["stage repository"]["status"]["code"] == 2
    assert {"key": "error.type", "value": {"stringValue": "git.revision_not_found"}} in spans["run"]["attributes"]
    assert SECRET not in traced.read("/root/traces")
    collector.stop()


def test_a_collector_that_takes_nothing_changes_no_run(traced: Instance) -> None:
    done = traced.bootwright("run", env=NAMED)
    assert done.returncode == 0 and done.stderr.count("the trace of run 1 was not taken") == 1
    collector = collect(traced, 503)
    done = traced.bootwright("run", env=NAMED)
    assert done.returncode == 0 and "the trace of run 2 was not taken: HTTP status 503 (trace.unavailable)" in done.stderr
    assert traced.status()["run"]["warnings"] == []
    first, second = traces(traced)
    assert first == second  # a collector that took the first all the same knows the second
    collector.stop()
