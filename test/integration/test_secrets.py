"""Nothing secret leaves: a secret of its own is planted in each place that can hold one, and looked for, in every way of writing
it, in all that is not root's alone."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import stat
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from forward_proxy import ForwardProxy
from interruption import quick_puppet
from metadata_server import Ec2, MetadataServer, Tree
from roles import IMPATIENT, merged
from servers import ControlRepo, GitServer
from test_credentials import overheard
from world import SERVERS_ADDRESS, Instance

HOOK = "/etc/bootwright/hook.token"
CREDENTIALS = "/run/credentials/bootwright.service"

#: Where a secret may be, and the secret. Each has signs that somebody escapes; those in URLs are written as %XX there.
PLANTED = {
    "text in data": 'data-o\'neil "q" \\ /?#@%+',
    "number in data": "7305129846",
    "lines in data": "first-line-of-data\nsecond-line-of-data",
    "long text in data": "".join(f"long-{number:04d}-" for number in range(500)),
    "list in data": "deep-in-a-list-of-data",
    "data of the image": "data-of-the-image'",
    "password in repository.url": GitServer.PASSWORD + "'/?#@",
    "token in a mirror": "token-of-a-mirror/@",
    "query of a snapshot's place": "signature-of-a-snapshot+/=",
    "password in configuration.url": "password/of:the#second",
    "password of a credential's file": "password-in-a-file/'",
    "systemd credential": "password-in-a-credential",
    "proxy": "proxy's/secret?",
    "path of a web hook": "path-of-a-web-hook",
    "query of a web hook": "query-of-a-web-hook",
    "token of a web hook": "token-of-a-web-hook",
    "query of a wait condition": "query-of-a-wait-condition",
    "query of a health check": "query-of-a-health-check",
    "ssh key": "c2VjcmV0LW9mLXRoZS1zc2gta2V5LWluLWEtbGluZQ",
    "key of the client": "Y2xpZW50LWtleS1vZi10aGUtaW1hZ2UtaW4tYS1saW5l",
}

#: What may hold secrets, since it is root's alone: their names below /var/lib/bootwright. docs/files.md says so.
OF_ROOT = ("role_config.json", "data.json", "puppet.jsonl", "observation.json", "catalog.json.gz", "instance.json", "last_good.json", "resources.txt")

#: What Puppet itself keeps there, with modes of its own, behind folders of mode 0700.
OF_PUPPET = "/var/lib/bootwright/puppet/var/state/"


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
    return [place for place, secret in secrets.items() if any(form in text for form in forms(secret))]


def test_the_search_finds_what_it_looks_for() -> None:
    for place, secret in PLANTED.items():
        for form in forms(secret):
            assert place in planted_in(b"before " + form + b" after"), (place, form)
    assert planted_in(b"nothing of all that") == []


# The machine


class Plan:
    """What an instance is given, and what is asked of it afterwards."""

    def __init__(self, instance: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer) -> None:
        self.instance, self.git, self.repo, self.metadata = instance, git, repo, metadata
        self.env = {"CREDENTIALS_DIRECTORY": CREDENTIALS}
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

    def plant(self) -> None:
        write = self.instance.write
        write("/etc/bootwright/ca.pem", self.git.ca_file.read_bytes())
        write("/etc/bootwright/known_hosts", self.git.known_hosts)
        write("/etc/bootwright/token", PLANTED["password of a credential's file"] + "\n", 0o600)
        write(f"{CREDENTIALS}/git.token", PLANTED["systemd credential"], 0o600)
        write(HOOK, PLANTED["token of a web hook"] + "\n", 0o600)
        begin, end = "-----BEGIN OPENSSH PRIVATE KEY-----\n", "\n-----END OPENSSH PRIVATE KEY-----\n"
        write("/etc/bootwright/ssh_key", begin + PLANTED["ssh key"] + end, 0o600)
        self.instance.configure(merged(IMPATIENT, self.config))
        self.metadata.service = Ec2(json.dumps(self.role).encode())

    def puppet(self, body: str) -> None:
        """A role whose catalog says aloud what it was given."""
        self.repo.commit_class("loud", body)
        self.role["role"] = "loud"
        self.role["repository"]["revision"] = self.repo.head

    def run(self) -> dict[str, Any]:
        """One run, which is overheard, and all that it leaves; nothing planted is found."""
        self.plant()
        process = self.instance.start_bootwright("run", env=self.env)
        heard = overheard(process, self.env)
        process.wait()
        outputs = {"its log": process.output, "arguments and environments": "" if self.manifest_tells else heard}
        for words in (["status"], ["status", "--json"], ["explain"], ["explain", "--json"], ["metadata"], ["capture", "/root/captured"]):
            done = self.instance.bootwright(*words, env=self.env)
            outputs[" ".join(words)] = done.stdout + done.stderr
        found = {where: planted_in(text.encode()) for where, text in outputs.items()}
        found |= {str(file): planted_in(content) for file, content in readable(self.instance)}
        found["the capture"] = planted_in(b"\n".join(f.read_bytes() for f in self.instance.path("/root/captured").rglob("*") if f.is_file()))
        assert {where: what for where, what in found.items() if what} == {}
        run = self.instance.status()["run"]
        assert isinstance(run, dict)
        return run


def readable(instance: Instance) -> Iterator[tuple[Path, bytes]]:
    """The files of the agent that are not root's alone, unpacked."""
    for root in ("/run/bootwright", "/var/lib/bootwright", "/var/cache/bootwright"):
        for file in instance.path(root).rglob("*"):
            status = file.lstat()
            closed = stat.S_IMODE(status.st_mode) & 0o077 == 0 and status.st_uid == 0
            if OF_PUPPET in str(file) and stat.S_IMODE(instance.path(OF_PUPPET).parent.stat().st_mode) == 0o700:
                continue
            if stat.S_ISREG(status.st_mode) and not (closed and file.name in OF_ROOT):
                content = file.read_bytes()
                with contextlib.suppress(OSError):
                    content = gzip.decompress(content) if file.suffix == ".gz" else content
                yield file, content


@pytest.fixture
def plan(instance: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer) -> Plan:
    made = Plan(instance, git, repo, metadata)
    made.config |= quick_puppet(instance)
    return made


# The ends that a run may have


def test_a_server_that_refuses_the_password(plan: Plan) -> None:
    run = plan.run()
    assert run["error"]["stage"] == "repository" and len(run["places"]) == 4, run
    assert any("401" in answer["said"] for answer in run["places"])


@pytest.mark.parametrize("host", ["no-such-host.test", f"{SERVERS_ADDRESS}:9", "wrong-name"])
def test_a_server_that_cannot_be_reached_or_trusted(plan: Plan, host: str) -> None:
    place = plan.repo.url("https", at=host, host="git.test") if host == "wrong-name" else f"https://{host}/x.git"
    plan.role["repository"] |= {"url": place.replace("://", f"://reader:{quoted('password in repository.url')}@"), "mirrors": []}
    assert plan.run()["error"]["stage"] == "repository"


@pytest.mark.parametrize("host", ["files.test", "credentials.test"])
def test_credentials_of_the_image_for_a_server_that_refuses_them(plan: Plan, host: str) -> None:
    plan.instance.write("/etc/hosts", plan.instance.read("/etc/hosts") + f"{SERVERS_ADDRESS} {host}\n")
    plan.role["repository"] |= {"url": plan.repo.url("https", at="password", host=host), "mirrors": []}
    assert plan.run()["error"]["stage"] == "repository"


def test_a_second_repository(plan: Plan) -> None:
    url = plan.repo.url("https", at="password", host="git.test")
    plan.role["configuration"] = {
        "url": url.replace("://", f"://reader:{quoted('password in configuration.url')}@"), "revision": plan.repo.head
    }  # fmt: skip
    assert plan.run()["error"]["code"] == "repository.access_denied"


@pytest.mark.parametrize("source", ["configuration", "https_proxy", "HTTPS_PROXY"])
@pytest.mark.parametrize("end", ["refuses", "unreachable", "no URL"])
def test_a_proxy(plan: Plan, new_forward_proxy: Callable[..., ForwardProxy], source: str, end: str) -> None:
    address = f"{SERVERS_ADDRESS}:9" if end == "unreachable" else new_forward_proxy(user="worker", password="right").url()[7:]
    proxy = f"http://worker:{PLANTED['proxy'] if end == 'no URL' else quoted('proxy')}@{address}"
    if source == "configuration":
        plan.config["repository"]["proxy"] = proxy
    else:
        plan.env[source] = proxy
    error = plan.run()["error"]
    assert error["code"] == {"no URL": "config.invalid", "refuses": "repository.access_denied"}.get(end, "repository.unreachable"), error


@pytest.mark.parametrize("scheme", ["http", "git", "ssh"])
@pytest.mark.parametrize("key", ["url", "mirrors"])
def test_credentials_are_not_sent_in_clear(plan: Plan, key: str, scheme: str) -> None:
    url = f"{scheme}://reader:{quoted('password in repository.url')}@git.test/private/x.git"
    plan.role["repository"][key] = url if key == "url" else [url]
    before = len(plan.git.details())
    error = plan.run()["error"]
    assert error["code"] == "role.invalid" and f"repository.{key}" in error["message"] and "in clear" in error["message"]
    assert not [request for request in plan.git.details()[before:] if request["authorization"]]


#: Passwords as a careless operator writes them: a URL of another meaning, which is refused, and shown nowhere.
CARELESS = ["it/hunter2", "hunter2?x", "hunter2#x", 'hun"hunter2', "hunter2@x", "12/hunter2", "hunter2 x", "hunter2\\x", "hunter2%zz"]


@pytest.mark.parametrize("password", CARELESS)
def test_a_password_that_is_not_encoded(plan: Plan, password: str) -> None:
    plan.role["repository"]["url"] = f"https://reader:{password}@git.test/x.git"
    error = plan.run()["error"]
    assert error["code"] == "role.invalid" and "repository.url" in error["message"]
    said = plan.instance.read("/run/bootwright/status.json") + plan.instance.bootwright("explain").stdout
    assert "hunter2" not in said


@pytest.mark.parametrize("url", ["http://bob:{}@{}/", "http://{}@{}/", "https://bob:{}@{}/"])
def test_the_url_of_a_seed(new_instance: Callable[..., Instance], metadata: MetadataServer, url: str) -> None:
    seed = "ds=nocloud;s=" + url.format("hunter2-of-the-seed", f"{SERVERS_ADDRESS}:9")
    instance = new_instance(sys_files={}, cmdline=f"ro {seed} quiet")
    instance.configure(merged(IMPATIENT, {"retry": {"platform": {"attempts": 1}}}))
    metadata.service = Tree([])
    done = instance.bootwright("run")
    assert instance.status()["run"]["error"]["code"] == "http.bad_url"
    outputs = [done.stdout, done.stderr, instance.read("/run/bootwright/status.json")]
    outputs += [instance.bootwright(*words).stdout for words in (["explain"], ["status"], ["metadata"])]
    assert not [text for text in outputs if "hunter2" in text]


# What Puppet says

LOUD = """  $all = [lookup('a::text'), lookup('a::number'), lookup('some::lines'), lookup('long'), lookup('deep'), lookup('of::image')]
  $all.each |$n, $one| {{
    notify {{ "told ${{n}}": message => "it is ${{one}} as told" }}
    warning("beware of ${{one}}")
  }}
{more}"""


@pytest.mark.parametrize(
    ("end", "more"),
    [
        ("good", ""),
        ("a failing command", "  $all.each |$n, $one| {\n    exec { \"/bin/false ${shellquote(\"${one}\")}\": }\n  }\n"),
        ("a catalog that does not compile", "  fail(\"it ends with ${all}\")\n"),
    ],
)
def test_what_puppet_says(
    instance: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer, end: str, more: str
) -> None:
    plan = Plan(instance, git, repo, metadata)
    plan.puppet(LOUD.format(more=more))
    plan.manifest_tells = end == "a failing command"
    plan.role["repository"] |= {"url": repo.url(), "mirrors": []}
    run = plan.run()
    expected = {"good": "changed", "a failing command": "changed_with_failures"}.get(end, "compile_failed")
    assert run["outcome"] == expected, run["error"]
    assert "[redacted]" in json.dumps(run)


# Who may read what

#: What others than root may reach.
FOR_ALL = {"/run/bootwright/status.json", "/run/bootwright/apt.conf"}


def test_what_the_agent_keeps_is_root_s_alone(instance: Instance, repo: ControlRepo, metadata: MetadataServer) -> None:
    instance.configure(IMPATIENT)
    metadata.service = Ec2(json.dumps({"role": "base", "repository": {"url": repo.url(), "revision": repo.head}}).encode())
    instance.run(["sh", "-c", "umask 000; exec \"$@\"", "-", instance.BINARY, "run"], check=True, timeout=120)
    open_to_all, others = set(), set()
    for root in ("/run/bootwright", "/var/lib/bootwright", "/var/cache/bootwright"):
        top = instance.path(root)
        for path in (file for file in top.rglob("*") if top.exists() and not file.is_symlink()):
            name = f"{root}/{path.relative_to(top)}"
            above = [parent for parent in path.parents if top in (parent, *parent.parents)]
            if path.is_file() and path.stat().st_mode & 0o077 and all(parent.stat().st_mode & 0o011 for parent in above):
                open_to_all.add(name)
            if path.stat().st_mode & 0o022 and not name.startswith(OF_PUPPET):
                others.add(name)
    assert open_to_all <= FOR_ALL and others == set()
    run = instance.path("/var/lib/bootwright/runs/000001")
    modes = {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in run.iterdir() if file.name in OF_ROOT or file.suffix == ".json"}
    assert set(modes.values()) == {"0o600"} and "puppet.jsonl" in modes, modes
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
