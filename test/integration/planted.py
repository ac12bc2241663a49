"""Secrets, each in a place of its own, and the search for them in all that is not root's alone."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import gzip
import json
import stat
import tarfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2, Reply, Request
from network import SERVERS_ADDRESS
from public_clouds import ec2_role
from roles import IMPATIENT, merged
from servers import GitServer
from test_credentials import overheard

HOOK = "/etc/bootwright/hook.token"
REPORT = "/root/report.tar.gz"
FACTS = "/root/facts.json"
CREDENTIALS = "/run/credentials/bootwright.service"

#: Each place that may hold a secret, and the secret, by the test of test_secrets.py whose every run holds it for certain: that
#: is checked. Each has signs that somebody escapes; those in URLs are written as %XX there.
PLACES: dict[str, dict[str, str]] = {
    "test_a_server_that_refuses_the_password": {
        # Values of user-data, and of the image's configuration.
        "text in data": 'data-o\'neil "q" \\ /?#@%+',
        "number in data": "7305129846",
        "lines in data": "first-line-of-data\nsecond-line-of-data",
        "long text in data": "".join(f"long-{number:04d}-" for number in range(500)),
        "list in data": "deep-in-a-list-of-data",
        "data of the image": "data-of-the-image'",
        # URLs of repositories and snapshots.
        "password in repository.url": GitServer.PASSWORD + "'/?#@",
        "token in a mirror": "token-of-a-mirror/@",
        "query of a snapshot's place": "signature-of-a-snapshot+/=",
        # Credentials by host.
        "password of a credential's file": "password-in-a-file/'",
        "systemd credential": "password-in-a-credential",
        "ssh key": "c2VjcmV0LW9mLXRoZS1zc2gta2V5LWluLWEtbGluZQ",
        # Who is told, and what is looked at.
        "path of a web hook": "path-of-a-web-hook",
        "query of a web hook": "query-of-a-web-hook",
        "token of a web hook": "token-of-a-web-hook",
        "query of a wait condition": "query-of-a-wait-condition",
        "query of a health check": "query-of-a-health-check",
        # What the metadata service hands out.
        "token of the metadata service": "of-the-metadata-service/token+==",
    },
    "test_a_second_repository": {"password in configuration.url": "password/of:the#second"},
    "test_a_proxy": {"proxy": "proxy's/secret?"},
    "test_the_key_of_the_client": {"key of the client": ""},  # made anew for each session
    "test_keys_of_an_object_store": {"secret key of S3": "secret/key+of/s3'"},
    "test_a_secret_of_a_cloud_s_store": {
        "secret of a store": "secret-of-a-store'/\"",
        "identity of the instance": "identity/of+the/instance==",
    },
    "test_an_ssh_key_of_a_cloud_s_store": {"ssh key of a store": "a2V5LW9mLWEtc3RvcmUtaW4tYS1sb25nLWxpbmU"},
    "test_a_token_of_a_web_hook": {"token that goes to the web hook": "token/that+goes-to.the~hook"},
    "test_a_private_module": {
        "password in a Puppetfile": "password-of/a'module",
        "token in a Puppetfile": "token-of/a-module",
    },
    "test_a_tag_that_names_the_repository": {"password in a tag": "in/a#tag-of-the-cloud"},
}  # fmt: skip

PLANTED = {place: secret for places in PLACES.values() for place, secret in places.items()}

#: What may hold secrets, since it is root's alone: their names below /var/lib/bootwright. docs/files.md says so.
OF_ROOT = ("role_config.json", "data.json", "puppet.jsonl", "observation.json", "catalog.json.gz", "facts.json.gz", "instance.json", "last_good.json", "resources.txt")

#: What Puppet itself keeps there, and what the repositories' own files say, with modes of their own, behind folders of mode 0700.
OF_PUPPET = ("/var/lib/bootwright/puppet/var/state/", "/var/lib/bootwright/puppet/var/ssl")
BEHIND_ROOT = (*OF_PUPPET, "/var/lib/bootwright/checkout/", "/var/lib/bootwright/configuration/")


def quoted(place: str) -> str:
    return urllib.parse.quote(PLANTED[place], safe="")


def forms(secret: str) -> Iterator[bytes]:
    """The secret as others write it, whole, by line, and cut in half."""
    parts = {secret, *secret.split("\n"), secret[: len(secret) // 2], secret[len(secret) // 2 :], secret[:4000]}
    for part in {part for part in parts if len(part) >= 8}:
        yield part.encode()
        yield urllib.parse.quote(part, safe="").encode()
        yield urllib.parse.quote(part, safe="").lower().encode()
        yield json.dumps(part)[1:-1].encode()
        yield json.dumps(json.dumps(part)[1:-1])[1:-1].encode()
        yield part.replace("'", "'\\''").encode()
    for before in ("", "x", "xx"):  # without the characters that hang on what stands around it
        whole = base64.b64encode((before + secret).encode())
        yield whole[4 if before else 0 : -4]
        yield base64.urlsafe_b64encode((before + secret).encode())[4 if before else 0 : -4]


def planted_in(text: bytes, secrets: dict[str, str] = PLANTED) -> list[str]:
    """The places whose secret stands there. One that is "" is in use nowhere yet."""
    return [place for place, secret in secrets.items() if secret and any(form in text for form in forms(secret))]


def ssh_key_of(secret: str) -> str:
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{secret}\n-----END OPENSSH PRIVATE KEY-----\n"


class KnownToken(Ec2):
    """A metadata service whose session token is the planted one."""

    def _token(self, request: Request) -> Reply:
        reply = super()._token(request)
        if reply.status != 200:
            return reply
        token = PLANTED["token of the metadata service"]
        self.tokens[token] = float("inf")
        return dataclasses.replace(reply, body=token.encode())


class Plan:
    """What an instance is given, and what is asked of it afterwards."""

    def __init__(self, instance: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer, test: str) -> None:
        """test: the name of the one that runs."""
        self.instance, self.git, self.repo, self.metadata, self.test = instance, git, repo, metadata, test
        self.secrets = dict(PLANTED)
        self.given: set[bytes] = set()  #: all that is handed over
        self.there = {file: file.stat().st_mtime_ns for file in self._files()}  #: before anything ran
        self.env = {"CREDENTIALS_DIRECTORY": CREDENTIALS}
        self.tags: dict[str, str] = {}
        self.user_data: bytes | None = None  #: instead of the role
        self.manifest_tells = False  #: in the arguments of a command of its own, which everybody can read
        user, password = GitServer.USER, quoted("password in repository.url")
        base = repo.url("https", at="password", host="git.test")
        self.url = base.replace("://", f"://{user}:{password}@")
        self.mirrors = [
            base.replace("://", f"://{quoted('token in a mirror')}@").replace("git.test", "other.test"),
            "https://static.test/{revision}.bundle?sig=" + quoted("query of a snapshot's place"),
            repo.url("ssh", host="git.test"),
        ]
        self.config: dict[str, Any] = {
            "repository": {
                "ca_file": "/etc/bootwright/ca.pem", "stall": "2s", "timeout": "20s",
                "credentials": [
                    {"host": "files.test", "user": "reader", "from": {"file": "/etc/bootwright/token"}},
                    {"host": "credentials.test", "user": "reader", "from": {"credential": "git.token"}},
                ],
            },
            "retry": {"repository": {"attempts": 1}, "platform": {"attempts": 1}, "puppet": {"attempts": 1}},
            "role_config": {"data": {"of::image": PLANTED["data of the image"]}},
        }  # fmt: skip
        self.role: dict[str, Any] = {
            "role": "base",
            "repository": {"url": self.url, "mirrors": self.mirrors, "revision": repo.head},
            "data": {
                "a::text": PLANTED["text in data"], "a::number": int(PLANTED["number in data"]),
                "some::lines": PLANTED["lines in data"], "long": PLANTED["long text in data"],
                "deep": [{"in": [PLANTED["list in data"]]}],
            },
            "announce": {
                "webhook": {
                    "url": f"https://{SERVERS_ADDRESS}:9/{PLANTED['path of a web hook']}?key={PLANTED['query of a web hook']}",
                    "token_from": {"file": HOOK},
                },
                "wait_condition": f"https://{SERVERS_ADDRESS}:9/x?Signature={PLANTED['query of a wait condition']}",
            },
            "health": {
                "timeout": "1s",
                "checks": [{"http": f"http://127.0.0.1:9/?token={PLANTED['query of a health check']}"}],
            },
        }  # fmt: skip

    def write(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        self.instance.write(path, content, mode)
        self.given.add(content.encode() if isinstance(content, str) else content)

    def plant(self) -> None:
        self.write("/etc/bootwright/ca.pem", self.git.ca_file.read_bytes())
        self.write("/etc/bootwright/known_hosts", self.git.known_hosts)
        self.write("/etc/bootwright/token", PLANTED["password of a credential's file"] + "\n", 0o600)
        self.write(f"{CREDENTIALS}/git.token", PLANTED["systemd credential"], 0o600)
        self.write(HOOK, PLANTED["token of a web hook"] + "\n", 0o600)
        self.write("/etc/bootwright/ssh_key", ssh_key_of(PLANTED["ssh key"]), 0o600)
        self.write("/etc/bootwright/agent.json", json.dumps(merged(IMPATIENT, self.config)))
        self.given |= {value.encode() for value in self.env.values()}
        self.serve()

    def serve(self) -> None:
        """The metadata service says the role."""
        user_data = json.dumps(self.role).encode() if self.user_data is None else self.user_data
        service = KnownToken(user_data, tags=self.tags)
        service.files |= ec2_role()
        self.metadata.service = service
        self.given |= {user_data, *(value.encode() for value in self.tags.values())}

    def puppet(self, body: str) -> None:
        """A role whose catalog says aloud what it was given."""
        self.repo.commit_class("loud", body)
        self.role["role"] = "loud"
        self.role["repository"]["revision"] = self.repo.head

    def only_place(self, url: str) -> None:
        self.role["repository"] |= {"url": url, "mirrors": []}

    def run(self) -> dict[str, Any]:
        """One run, which is overheard, and all that it leaves; nothing planted is found."""
        self.plant()
        process = self.instance.start_bootwright("run", env=self.env)
        heard = overheard(process, self.env)
        process.wait()
        self.held()
        outputs = {"its log": process.output, "arguments and environments": "" if self.manifest_tells else heard}
        self.instance.write("/usr/local/bin/ssh", "#!/bin/sh\nexec bootwright status --json\n", 0o755)  # a fleet of this one machine
        for words in (
            ["status"], ["status", "--json"], ["status", "--oneline"], ["explain"], ["explain", "--json"], ["metadata"], ["capture", "/root/captured"], ["capture", "--facts", FACTS], ["report", REPORT],
            ["doctor"], ["doctor", "--json"], ["history"], ["history", "--json"], ["history", "--run", "1"], ["history", "--run", "1", "--json"],
            ["complete", "RUN"], ["complete", "REVISION"], ["complete", "LOCK"], ["locks"], ["metrics"], ["timeline"], ["timeline", "--text"],
            ["fleet", "web-1"], ["fleet", "web-1", "--json"],
        ):  # fmt: skip
            done = self.instance.bootwright(*words, env=self.env)
            outputs[" ".join(words)] = done.stdout + done.stderr
        self.instance.remove("/usr/local/bin/ssh")
        found = {where: planted_in(text.encode(), self.secrets) for where, text in outputs.items()}
        found |= {str(file): planted_in(content, self.secrets) for file, content in self.readable()}
        captured = [file.read_bytes() for file in self.instance.path("/root/captured").rglob("*") if file.is_file()]
        if self.instance.exists(FACTS):  # Puppet has come so far
            captured.append(self.instance.path(FACTS).read_bytes())
            self.instance.remove(FACTS)
        found["the capture"] = planted_in(b"\n".join(captured), self.secrets)
        with tarfile.open(self.instance.path(REPORT)) as archive:
            packed = {member.name: archive.extractfile(member) for member in archive.getmembers()}
            found |= {name: planted_in(file.read(), self.secrets) for name, file in packed.items() if file is not None}
        leaks = {where: what for where, what in found.items() if what}
        assert leaks == {}, leaks
        self.instance.remove("/root/captured")
        self.instance.remove(REPORT)
        run = self.instance.status()["run"]
        assert isinstance(run, dict)
        return run

    def held(self) -> None:
        """Each secret that the list promises of this test was handed over."""
        service = self.metadata.service
        self.given |= {token.encode() for token in getattr(service, "tokens", {})}
        promised = {place: self.secrets[place] for place in PLACES.get(self.test, {})}
        handed_over = planted_in(b"\n".join(self.given), promised)
        assert handed_over == list(promised), f"never planted: {set(promised) - set(handed_over)}"

    def readable(self) -> Iterator[tuple[Path, bytes]]:
        """The files that are not root's alone, unpacked: of the agent's folders all but OF_ROOT, whoever can get there; of the
        rest of the disk what the run has left for others."""
        for file in self._files():
            status = file.lstat()
            closed = stat.S_IMODE(status.st_mode) & 0o077 == 0 and status.st_uid == 0
            name = "/" + str(file).partition("/root/")[2]
            is_agents = name.startswith(("/run/bootwright/", "/var/lib/bootwright/", "/var/cache/bootwright/"))
            if name.startswith(BEHIND_ROOT) and stat.S_IMODE(self.instance.path("/var/lib/bootwright").stat().st_mode) == 0o700:
                continue
            if file in self.there and status.st_mtime_ns == self.there[file]:
                continue
            if not (closed and (file.name in OF_ROOT or not is_agents)):
                content = file.read_bytes()
                with contextlib.suppress(OSError):
                    content = gzip.decompress(content) if file.suffix == ".gz" else content
                is_catalog = closed and name.startswith("/var/lib/bootwright/past/") and content.startswith(b'{"digest":')
                if content not in self.given and not is_catalog:  # which is catalog.json.gz of a run by another name
                    yield file, content

    def _files(self) -> Iterator[Path]:
        written = [path.relative_to(self.instance.base / "upper") for path in (self.instance.base / "upper").rglob("*")]
        for path in written:
            file = self.instance.path(f"/{path}", follow=False)
            if file.is_file() and not file.is_symlink():
                yield file
        for root in ("/run", "/tmp", "/dev/shm"):
            yield from (file for file in self.instance.path(root).rglob("*") if file.is_file() and not file.is_symlink())
