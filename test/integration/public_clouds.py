"""The public hosts of object stores, secret stores, and those who are told how it came out, which no test can reach: one server answers for all of them, over TLS, with
answers as the vendors document them, and looks at each request as they would."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

import far_hosts
from authority import Authority
from machine import Machine
from metadata_server import MetadataServer
from metadata_services import Reply, Request
from world import World

ADDRESS = "10.99.0.2"
REGION = "eu-west-1"

HOSTS = (
    "storage.googleapis.com",
    "snapshotsaccount.blob.core.windows.net",
    f"snapshots.s3.{REGION}.amazonaws.com",
    f"secretsmanager.{REGION}.amazonaws.com",
    f"ssm.{REGION}.amazonaws.com",
    "secretmanager.googleapis.com",
    "example-vault.vault.azure.net",
    f"autoscaling.{REGION}.amazonaws.com",
    f"cloudformation-waitcondition-{REGION}.s3.amazonaws.com",
    "hooks.example.com",
)

#: A wait condition's URL, and what proves the right to signal it.
WAIT_QUERY = "AWSAccessKeyId=AKIAEXAMPLE&Expires=4070908800&Signature=c2lnbmF0dXJl%2Bhunter2%3D"
WAIT_URL = f"https://cloudformation-waitcondition-{REGION}.s3.amazonaws.com/arn%3Aaws%3Acloudformation%3Aeu-west-1%3Astack/x?{WAIT_QUERY}"

#: What an instance's role hands out on EC2.
ACCESS_KEY, SECRET_KEY, SESSION_TOKEN = "ASIAEXAMPLEROLE", "s3cret/of+the/role", "FwoGZXIvYXdzE//token+of=the/role"


def ec2_role(key: str = ACCESS_KEY, secret: str = SECRET_KEY) -> dict[str, str]:
    """Files of a metadata service whose instance has a role: for Ec2.files."""
    document = {
        "Code": "Success", "LastUpdated": "2026-01-01T00:00:00Z", "Type": "AWS-HMAC", "AccessKeyId": key,
        "SecretAccessKey": secret, "Token": SESSION_TOKEN, "Expiration": "2099-01-01T00:00:00Z",
    }  # fmt: skip
    return {
        "meta-data/iam/security-credentials/": "web-server",
        "meta-data/iam/security-credentials/web-server": json.dumps(document),
    }


def aws_fault(request: Request, service: str) -> str:
    """Why Amazon would not believe the signature; "" where it would. Source: "Create a signed AWS API request"."""
    authorization = request.headers.get("authorization", "")
    algorithm, _, rest = authorization.partition(" ")
    fields = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
    if algorithm != "AWS4-HMAC-SHA256" or set(fields) != {"Credential", "SignedHeaders", "Signature"}:
        return "no signature of version 4"
    key, date, *scope = fields["Credential"].split("/")
    if (key, scope) != (ACCESS_KEY, [REGION, service, "aws4_request"]):
        return f"the wrong scope: {fields['Credential']}"
    names = fields["SignedHeaders"].split(";")
    if names != sorted(names) or not {"host", "x-amz-date", "x-amz-security-token"} <= set(names):
        return f"not all is signed that must be: {names}"
    if request.headers["x-amz-security-token"] != SESSION_TOKEN:
        return "the wrong session token"
    digest = hashlib.sha256(request.body).hexdigest()
    if request.headers.get("x-amz-content-sha256", digest) != digest:
        return "the wrong hash of the body"
    headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in names)
    canonical = "\n".join(
        [request.method, quote(request.path, safe="/-_.~%"), request.query, headers, ";".join(names), digest]
    )
    time = request.headers["x-amz-date"]
    text = "\n".join([algorithm, time, "/".join([date, *scope]), hashlib.sha256(canonical.encode()).hexdigest()])
    secret = ("AWS4" + SECRET_KEY).encode()
    for part in (date, *scope):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    return "" if hmac.new(secret, text.encode(), hashlib.sha256).hexdigest() == fields["Signature"] else "a wrong signature"


def bearer_fault(request: Request, token: str) -> str:
    return "" if request.headers.get("authorization") == f"Bearer {token}" else "a wrong token"


#: The tokens in the metadata of test/fixtures, by what they open.
GCE_TOKEN = "ya29.c.EXAMPLE-0123456789_abcdef"
AZURE_STORAGE_TOKEN = "eyJ0eXAiOiJKV1QifQ.EXAMPLE-storage.c2ln"
AZURE_VAULT_TOKEN = "eyJ0eXAiOiJKV1QifQ.EXAMPLE-vault.c2ln"

_JSON = {"Content-Type": "application/json"}


class PublicClouds:
    """A metadata_services.Service for all HOSTS. `objects` and `secrets` are what they hold, by "HOST/PATH" and by name; `told` is
    what was said to receivers, by host; `faults` says why requests were refused."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.secrets: dict[str, str] = {}
        self.faults: list[str] = []
        self.told: list[tuple[str, Any]] = []
        self.lifecycle_action_waits = True

    def answer(self, request: Request) -> Reply:
        host = request.headers.get("host", "")
        if host.startswith("secretsmanager."):
            return self._aws_secret(request, "secretsmanager", "secretsmanager.GetSecretValue", self._of_secrets_manager)
        if host.startswith("ssm."):
            return self._aws_secret(request, "ssm", "AmazonSSM.GetParameter", self._of_parameter_store)
        if host.startswith("secretmanager."):
            name = request.path.removeprefix("/v1/").removesuffix("/versions/latest:access")
            return self._secret(bearer_fault(request, GCE_TOKEN), name, self._of_secret_manager)
        if host.startswith("autoscaling."):
            return self._lifecycle_action(request)
        if host.startswith("cloudformation-waitcondition-"):
            return self._wait_condition(request)
        if host == "hooks.example.com":
            self.told.append((host, json.loads(request.body)))
            return Reply(200, b"{}", _JSON)
        if host.endswith(".vault.azure.net"):
            fault = bearer_fault(request, AZURE_VAULT_TOKEN) or ("" if request.query == "api-version=7.4" else "no version")
            return self._secret(fault, request.path.removeprefix("/secrets/"), self._of_key_vault)
        if host.endswith(".amazonaws.com"):
            return self._object(aws_fault(request, "s3"), host, request)
        if host.endswith(".windows.net"):
            version = "" if request.headers.get("x-ms-version", "") >= "2017-11-09" else "no version that takes a token"
            return self._object(bearer_fault(request, AZURE_STORAGE_TOKEN) or version, host, request)
        return self._object(bearer_fault(request, GCE_TOKEN), host, request)

    def _lifecycle_action(self, request: Request) -> Reply:
        """ "CompleteLifecycleAction", "Common errors" of the Amazon EC2 Auto Scaling API Reference."""
        fields = dict(parse_qsl(request.body.decode()))
        fault = aws_fault(request, "autoscaling")
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            fault = fault or "the wrong Content-Type"
        xml = {"Content-Type": "text/xml"}
        if fault:
            self.faults.append(fault)
            return Reply(403, b"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>", xml)
        if not self.lifecycle_action_waits:
            message = f"No active Lifecycle Action found with instance ID {fields['InstanceId']}"
            error = f"<Error><Type>Sender</Type><Code>ValidationError</Code><Message>{message}</Message></Error>"
            return Reply(400, f"<ErrorResponse>{error}</ErrorResponse>".encode(), xml)
        self.told.append(("autoscaling", fields))
        return Reply(200, b"<CompleteLifecycleActionResponse/>", xml)

    def _wait_condition(self, request: Request) -> Reply:
        """ "Creating wait conditions in a template": a presigned URL of S3, signed for a PUT with no Content-Type."""
        if request.method != "PUT" or request.headers.get("content-type") or WAIT_QUERY != request.query:
            return self._refuse(f"not what was signed: {request}")
        self.told.append(("wait_condition", json.loads(request.body)))
        return Reply(200)

    def _refuse(self, fault: str) -> Reply:
        self.faults.append(fault)
        return Reply(403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})

    def _object(self, fault: str, host: str, request: Request) -> Reply:
        if fault:
            return self._refuse(fault)
        content = self.objects.get(host + request.path)
        etag = {"ETag": f'"{hashlib.md5(content or b"").hexdigest()}"'}
        start = request.headers.get("range", "").removeprefix("bytes=").removesuffix("-")
        if content is None:
            return Reply(404, b"<Error><Code>NoSuchKey</Code></Error>", {"Content-Type": "application/xml"})
        if start and request.headers.get("if-range", etag["ETag"]) == etag["ETag"]:
            part = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            return Reply(206, content[int(start) :], {**etag, **part})
        return Reply(200, content, etag)

    def _secret(self, fault: str, name: str, document: Callable[[str, str], object]) -> Reply:
        if fault:
            return self._refuse(fault)
        if name not in self.secrets:
            return Reply(404, json.dumps({"error": {"code": 404, "status": "NOT_FOUND"}}).encode(), _JSON)
        return Reply(200, json.dumps(document(name, self.secrets[name])).encode(), _JSON)

    def _aws_secret(self, request: Request, service: str, target: str, document: Callable[[str, str], object]) -> Reply:
        fault = aws_fault(request, service)
        if fault:
            self.faults.append(fault)
            return Reply(400, json.dumps({"__type": "InvalidSignatureException"}).encode(), _JSON)
        asked: Mapping[str, object] = json.loads(request.body)
        name = str(asked.get("SecretId", asked.get("Name")))
        if request.method != "POST" or request.headers.get("x-amz-target") != target or name not in self.secrets:
            what = "ParameterNotFound" if service == "ssm" else "ResourceNotFoundException"
            return Reply(400, json.dumps({"__type": what}).encode(), _JSON)
        return Reply(200, json.dumps(document(name, self.secrets[name])).encode(), _JSON)

    # "GetSecretValue", "GetParameter", "projects.secrets.versions.access" and "Get Secret" of the vendors' references.

    @staticmethod
    def _of_secrets_manager(name: str, value: str) -> object:
        return {"ARN": f"arn:aws:secretsmanager:{REGION}:123456789012:secret:{name}-a1b2c3", "Name": name, "SecretString": value}

    @staticmethod
    def _of_parameter_store(name: str, value: str) -> object:
        return {"Parameter": {"Name": name, "Type": "SecureString", "Value": value, "Version": 1}}

    @staticmethod
    def _of_secret_manager(name: str, value: str) -> object:
        return {"name": f"{name}/versions/1", "payload": {"data": base64.b64encode(value.encode()).decode()}}

    @staticmethod
    def _of_key_vault(name: str, value: str) -> object:
        return {"value": value, "id": f"https://example-vault.vault.azure.net/secrets/{name}/0123456789abcdef"}


def serve(world: World, authority: Authority) -> MetadataServer:
    """The server; a test gives it another service by reset()."""
    return far_hosts.serve(world, authority, ADDRESS, HOSTS, PublicClouds())


def lead_to(machine: Machine) -> None:
    """The machine takes the server for all of HOSTS."""
    far_hosts.lead_to(machine, ADDRESS, HOSTS)
