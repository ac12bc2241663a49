"""Nothing secret leaves: a secret of its own is planted in each place that can hold one (planted.PLACES), and looked for, in every
way of writing it, in all that is not root's alone."""

from __future__ import annotations

import base64
import gzip
import json
import stat
from collections.abc import Callable
from typing import Any

import public_clouds
import pytest
import shapes
import test_secrets_said_again
from control_repo import ControlRepo
from forward_proxy import ForwardProxy
from instance import Instance
from interruption import quick_puppet
from machine import PLAIN_SYS
from metadata_server import MetadataServer
from metadata_services import Ec2, Tree
from network import SERVERS_ADDRESS
from plans import Echo, plan
from planted import CREDENTIALS, OF_PUPPET, OF_ROOT, PLACES, PLANTED, Plan, forms, planted_in, quoted
from roles import IMPATIENT, merged
from servers import GitServer
from test_trace import NAMED, collect


def test_the_search_finds_what_it_looks_for() -> None:
    for place, secret in PLANTED.items():
        for form in forms(secret) if secret else ():
            assert place in planted_in(b"before " + form + b" after"), (place, form)
    assert planted_in(b"nothing of all that") == []


def test_each_place_is_of_a_test() -> None:
    assert [name for name in PLACES if name not in {**globals(), **vars(test_secrets_said_again)}] == []


# Where the role config comes from, and how it is written


def as_mime(text: bytes) -> bytes:
    return b'Content-Type: multipart/mixed; boundary="b"\nMIME-Version: 1.0\n\n--b\nContent-Type: text/x-bootwright\n\n' + text + b"\n--b--\n"


#: How user-data may be written; each is JSON inside, which is YAML too.
FORMS: dict[str, Callable[[bytes], bytes]] = {
    "JSON": lambda text: text,
    "YAML": lambda text: b"%YAML 1.2\n---\n" + text,
    "cloud-config": lambda text: b"#cloud-config\nbootwright: " + text,
    "gzip": gzip.compress,
    "base64 of gzip": lambda text: base64.b64encode(gzip.compress(text)),
    "MIME": as_mime,
    "UTF-16": lambda text: b"\xff\xfe" + text.decode().encode("utf-16-le"),
}


@pytest.mark.parametrize("end", ["whole", "cut off", "a wrong type", "a key that is none"])
@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_user_data(plan: Plan, form: str, end: str) -> None:
    if end == "a wrong type":
        plan.role["data"] = [plan.role["data"]]
        plan.role["repository"]["url"] = [plan.url]
        plan.role["announce"] = plan.role["announce"]["webhook"]["url"]
    if end == "a key that is none":
        plan.role["dta"] = plan.role.pop("data")
    text = json.dumps(plan.role).encode()
    plan.user_data = FORMS[form](text[: len(text) * 2 // 3] if end == "cut off" else text)
    assert plan.run()["error"]["stage"] == ("repository" if end == "whole" else "role")


@pytest.mark.parametrize("source", ["agent.d", "role file", "credential", "seed"])
@pytest.mark.parametrize("end", ["whole", "a wrong type"])
def test_each_source_of_the_role(
    new_instance: Callable[..., Instance], git: GitServer, repo: ControlRepo, metadata: MetadataServer, source: str, end: str
) -> None:
    instance = new_instance(sys_files=PLAIN_SYS)
    plan = Plan(instance, git, repo, metadata, "test_each_source_of_the_role")
    plan.config |= quick_puppet(instance)
    if end == "a wrong type":
        plan.role["data"] = [plan.role["data"]]
        plan.role["repository"]["mirrors"] = {"first": plan.mirrors}
    document = json.dumps(plan.role)
    if source == "agent.d":
        plan.write("/etc/bootwright/agent.d/role.json", json.dumps({"role_config": plan.role}))
        plan.write("/etc/bootwright/role.json", "{}")
    elif source == "role file":
        plan.write("/etc/bootwright/role.json", document, 0o600)
    elif source == "credential":
        plan.write(f"{CREDENTIALS}/bootwright.role_config", document, 0o400)
    else:
        plan.write("/var/lib/cloud/seed/nocloud/user-data", document, 0o600)
        plan.write("/var/lib/cloud/seed/nocloud/meta-data", "instance-id: i-seed\n")
    assert plan.run()["error"]["stage"] == ("repository" if end == "whole" else "role")


def test_a_tag_that_names_the_repository(plan: Plan) -> None:
    place = plan.repo.url("https", at="password", host="git.test").replace("://", f"://reader:{quoted('password in a tag')}@")
    plan.tags = {"bootwright:repository": place, "bootwright:revision": plan.repo.head, "bootwright:role": "base"}
    del plan.role["repository"]
    assert plan.run()["error"]["code"] == "server.access_denied"


def test_a_file_of_the_second_repository(plan: Plan) -> None:
    plan.repo.commit({"role.yaml": json.dumps({"data": plan.role.pop("data"), "repository": {"url": plan.url}})})
    plan.role["repository"] = {"revision": plan.repo.head}
    plan.config["role_config"]["configuration"] = {"url": plan.repo.url(), "revision": plan.repo.head, "path": "role.yaml"}
    assert plan.run()["error"]["code"] == "server.access_denied"


# The ends that a run may have


#: Says all that the role config gave, once there is one.
LOUD_HOOK = """\
#!/usr/bin/python3
import glob, json
for file in sorted(glob.glob("/var/lib/bootwright/runs/*/role_config.json"))[-1:]:
    print(*json.load(open(file))["config"]["data"].values())
    raise SystemExit(1)
"""


def test_what_hooks_say(plan: Plan) -> None:
    for when in ("before-run", "on-failure", "after-run"):
        plan.instance.write(f"/etc/bootwright/hooks.d/{when}/loud", LOUD_HOOK, 0o755)
    first = plan.run()
    assert [(hook["hook"], hook["ok"]) for hook in first["hooks"]] == [("before-run/loud", True), ("on-failure/loud", False), ("after-run/loud", False)]
    second = plan.run()
    assert second["error"]["code"] == "hook.failed" and "[redacted]" in second["error"]["message"]
    assert all("[redacted]" in hook["said"] for hook in (*first["hooks"][1:], *second["hooks"]))


def test_what_a_collector_gets(plan: Plan) -> None:
    collector = collect(plan.instance)
    plan.env |= NAMED
    plan.run()
    assert "resourceSpans" in plan.instance.read("/root/traces")  # which the plan has searched, as everybody may read it
    collector.stop()


def test_a_server_that_refuses_the_password(plan: Plan) -> None:
    run = plan.run()
    assert run["error"]["stage"] == "repository" and len(run["places"]) == 4, run
    assert any("401" in answer["said"] for answer in run["places"])


@pytest.mark.parametrize("host", ["no-such-host.test", f"{SERVERS_ADDRESS}:9", "wrong-name"])
def test_a_server_that_cannot_be_reached_or_trusted(plan: Plan, host: str) -> None:
    place = plan.repo.url("https", at=host, host="git.test") if host == "wrong-name" else f"https://{host}/x.git"
    plan.only_place(place.replace("://", f"://reader:{quoted('password in repository.url')}@"))
    assert plan.run()["error"]["stage"] == "repository"


@pytest.mark.parametrize("host", ["files.test", "credentials.test"])
def test_credentials_of_the_image_for_a_server_that_refuses_them(plan: Plan, host: str) -> None:
    plan.instance.write("/etc/hosts", plan.instance.read("/etc/hosts") + f"{SERVERS_ADDRESS} {host}\n")
    plan.only_place(plan.repo.url("https", at="password", host=host))
    assert plan.run()["error"]["stage"] == "repository"


def test_a_second_repository(plan: Plan) -> None:
    url = plan.repo.url("https", at="password", host="git.test")
    plan.role["configuration"] = {
        "url": url.replace("://", f"://reader:{quoted('password in configuration.url')}@"), "revision": plan.repo.head
    }  # fmt: skip
    assert plan.run()["error"]["code"] == "server.access_denied"


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
    assert error["code"] == {"no URL": "config.invalid", "refuses": "server.proxy_denied"}.get(end, "server.unreachable"), error


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


# What the image has of its own, and who hears of it


@pytest.mark.parametrize("end", ["good", "of another certificate", "no key"])
def test_the_key_of_the_client(plan: Plan, end: str) -> None:
    certificate = plan.git.client_certificate
    key = (plan.git.certificate if end == "of another certificate" else certificate).key.read_text()
    lines = key.splitlines()[1:-1]
    if end == "no key":
        key = "\n".join(lines)
    plan.secrets["key of the client"] = "\n".join(lines)
    plan.write("/etc/bootwright/client.pem", certificate.pem.read_bytes())
    plan.write("/etc/bootwright/client.key", key, 0o600)
    plan.config["repository"] |= {"client_certificate": "/etc/bootwright/client.pem", "client_key": "/etc/bootwright/client.key"}
    plan.only_place(plan.repo.url("https", at="client-certificate", host="git.test"))
    del plan.role["health"]
    run = plan.run()
    assert (run["error"] is None) == (end == "good"), run["error"]


@pytest.mark.parametrize("end", ["refused", "damaged", "of a wrong type"])
def test_keys_of_an_object_store(plan: Plan, clouds: MetadataServer, end: str) -> None:
    public_clouds.lead_to(plan.instance)
    clouds.service = Echo(403)
    keys: dict[str, Any] = {"access_key": "AKIAEXAMPLE", "secret_key": PLANTED["secret key of S3"]}
    if end == "of a wrong type":
        keys["secret_key"] = [keys["secret_key"]]
    text = json.dumps(keys)
    plan.write("/etc/bootwright/keys.json", text[:-1] if end == "damaged" else text, 0o600)
    plan.config["s3"] = {"endpoint": "https://hooks.example.com", "keys_file": "/etc/bootwright/keys.json"}
    plan.only_place("s3://bucket/some/where")
    error = plan.run()["error"]
    assert error["stage"] == "repository" and (end != "refused" or error["code"] == "server.access_denied"), error


# Modules that r10k fetches


@pytest.mark.parametrize("end", ["refused", "unreachable", "good", "in code"])
@pytest.mark.parametrize("puppetfile", ["r10k", "fetch"])
def test_a_private_module(plan: Plan, shape: Callable[..., Any], puppetfile: str, end: str) -> None:
    module = shape(shapes.plain)
    plan.config["repository"]["puppetfile"] = puppetfile
    host = f"{SERVERS_ADDRESS}:9" if end == "unreachable" else "git.test"
    path = f"git.test/private/{module.bare.name}" if end != "unreachable" else f"{host}/x.git"
    urls = [f"https://reader:{quoted('password in a Puppetfile')}@{path}", f"https://{quoted('token in a Puppetfile')}@{path}"]
    lines = [f"mod 'm{number}', :git => '{url}', :commit => '{module.head}'" for number, url in enumerate(urls)]
    if end == "good":
        lines.append(f"mod 'm3', :git => 'https://{GitServer.USER}:{GitServer.PASSWORD}@{path}', :commit => '{module.head}'")
        lines = lines[-1:] + [f"# {line}" for line in lines]
    if end == "in code":
        lines.append(f"raise \"what is it: {urls[0]}\"")
    text = "\n".join(lines) + "\n"
    plan.given.add(text.encode())
    plan.secrets["password of the module"] = GitServer.PASSWORD
    plan.repo.commit({"Puppetfile": text})
    plan.only_place(plan.repo.url())
    plan.role["repository"]["revision"] = plan.repo.head
    del plan.role["health"]
    run = plan.run()
    assert (run["error"] is None) == (end == "good"), run["error"]


# What Puppet, and what a health check says


def test_what_a_health_check_says(plan: Plan) -> None:
    said = json.dumps(plan.role) + " " + " ".join(PLANTED[f"{kind} in data"] for kind in ("text", "lines", "long text"))
    plan.only_place(plan.repo.url("https", host="git.test"))
    plan.role["health"]["checks"].append({"command": ["/bin/sh", "-c", 'cat "$0"; exit 1', "/root/said"], "name": "it"})
    plan.write("/root/said", said, 0o600)
    run = plan.run()
    assert run["error"]["code"] == "health.failed" and "[redacted]" in json.dumps(run["health"])


LOUD = """  $all = [lookup('a::text'), lookup('a::number'), lookup('some::lines'), lookup('long'), lookup('deep'), lookup('of::image'), $facts['ec2_userdata']]
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
    plan = Plan(instance, git, repo, metadata, "test_what_puppet_says")
    plan.puppet(LOUD.format(more=more))
    plan.manifest_tells = end == "a failing command"
    plan.only_place(repo.url())
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
