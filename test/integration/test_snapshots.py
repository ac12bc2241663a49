"""A machine is configured from one static file, whatever serves it; with secrets from the stores of its cloud."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import metadata_faults as faults
import public_clouds
import pytest
import shapes
from conftest import BINARY
from control_repo import ControlRepo
from fault_proxy import FaultProxy
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2, Tree
from public_clouds import PublicClouds, ec2_role
from real_machine import REPOSITORY_ROOT, command
from roles import role_config
from runs import CHECKOUTS, converges, fails, has_checkout, is_sound, nowhere, places, prepare
from servers import GitServer
from shapes import ShapedRepo
from static_server import StaticServer
from swift import Swift
from world import World

FIXTURES = REPOSITORY_ROOT / "test/fixtures"


def make(instance: Instance, *arguments: str, env: dict[str, str] = {}) -> bytes:
    """The snapshot that the command makes in the instance."""
    done = instance.bootwright("snapshot", "make", "--output", "/tmp/snapshots", *arguments, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return instance.path(done.stdout.splitlines()[0]).read_bytes()


def make_by_git(world: World, repository: Path, revision: str, *, url: str = "") -> bytes:
    """The recipe of docs/snapshots.md."""
    work = world.new_folder("by-git")
    command("git", "init", "-q", work)
    command("git", "-C", work, "fetch", "-q", "--depth", "1", url or f"file://{repository}", revision)
    command("git", "-C", work, "update-ref", "refs/heads/snapshot", "FETCH_HEAD")
    command("git", "-C", work, "bundle", "create", "-q", f"{revision}.bundle", "refs/heads/snapshot")
    return (work / f"{revision}.bundle").read_bytes()


def try_so_often(instance: Instance, attempts: int) -> None:
    instance.configure({"retry": {"repository": {"attempts": attempts}}}, "agent.d/attempts.json")


@pytest.fixture
def ready(instance: Instance, git: GitServer) -> Instance:
    prepare(instance, git)
    return instance


@pytest.fixture
def asks(metadata: MetadataServer, repo: ControlRepo) -> Callable[..., Ec2]:
    """Sets the user-data, and returns the metadata service."""

    def ask(*urls: str, revision: str | None = None) -> Ec2:
        wanted = {"url": urls[0], "mirrors": urls[1:], "revision": revision or repo.head}
        metadata.service = service = Ec2(role_config(repo, repository=wanted))
        return service

    return ask


def snapshot_name(folder: str = "snapshots") -> str:
    return f"{folder}/{{revision}}.bundle"


# Each way


@pytest.mark.parametrize("made_by", ["command", "git"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_snapshot_alone_configures(
    world: World, ready: Instance, git: GitServer, static: StaticServer, repo: ControlRepo, asks: Any, scheme: str, made_by: str
) -> None:
    repo.commit_ballast(1)
    repo.commit({"ballast/0.bin": None})
    bundle = make(ready, "--repository", repo.url()) if made_by == "command" else make_by_git(world, repo.bare, repo.head)
    static.put(f"snapshots/{repo.head}.bundle", bundle)
    assert len(bundle) < 20_000  # no history
    git.stop()
    url = static.url(snapshot_name(), scheme, host="static.test")
    asks(url)
    before = len(static.requests())
    converges(ready)
    assert places(ready) == [(url, "gave it")]
    has_checkout(ready, repo, repo.head)
    is_sound(ready)
    (request,) = static.requests()[before:]
    assert (request["status"], request["range"], request["sent"]) == (200, "", len(bundle))
    assert not list(ready.path("/var/lib/bootwright/download").iterdir())
    converges(ready)
    assert len(static.requests()) == before + 1


def test_no_authorities_are_read_where_nobody_has_to_be_trusted(
    ready: Instance, static: StaticServer, repo: ControlRepo, asks: Any
) -> None:
    """libgit2 reads all that the system has as it starts, unless it is kept from it."""
    static.put(f"snapshots/{repo.head}.bundle", make(ready, "--repository", repo.url()))
    asks(static.url(snapshot_name()))
    assert ready.exists("/etc/ssl/certs/ca-certificates.crt")
    trace = ["strace", "-f", "-qq", "-o", "/root/trace", "-e", "trace=open,openat"]
    ready.run([*trace, Instance.BINARY, "run"], check=True, timeout=120)
    opened = ready.read("/root/trace")
    assert "libgit2.so" in opened and "/etc/ssl/certs" not in opened


def with_stores(instance: Instance, git: GitServer, s3: dict[str, Any], **repository: Any) -> None:
    prepare(instance, git, **repository)
    instance.configure({"s3": s3}, "agent.d/stores.json")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("keys", ["of a file", "of the role"])
def test_swift_gives_it_to_whoever_signs(
    instance: Instance, git: GitServer, s3: Swift, repo: ControlRepo, asks: Any, scheme: str, keys: str
) -> None:
    with_stores(instance, git, {"endpoint": s3.endpoint(scheme, host="s3.test")})
    s3.put(f"some%2Bwhere/{repo.head}.bundle", make(instance, "--repository", repo.url()))
    place = f"s3://{s3.BUCKET}/some+where"
    # With the role's keys it is the only place.
    service = asks(repo.url(at="status/503"), place) if keys == "of a file" else asks(place)
    if keys == "of a file":
        instance.write("/etc/bootwright/keys.json", json.dumps(dict(zip(("access_key", "secret_key"), s3.OWNER))), 0o600)
        instance.configure({"s3": {"keys_file": "/etc/bootwright/keys.json"}}, "agent.d/zkeys.json")
    else:
        service.files |= ec2_role(*s3.OWNER)
    before = len(s3.requests())
    converges(instance)
    has_checkout(instance, repo, repo.head)
    (request,) = s3.requests()[before:]
    assert (request["scheme"], request["status"]) == (scheme, 200)
    assert request["uri"] == f"/{s3.BUCKET}/some%2Bwhere/{repo.head}.bundle"  # the bucket in the path
    assert f"Credential={s3.OWNER[0]}/" in request["authorization"]
    signs_token = "x-amz-security-token" in request["authorization"]
    has_token = request["security_token"] == public_clouds.SESSION_TOKEN
    assert (signs_token, has_token) == (keys == "of the role", keys == "of the role")
    nowhere(instance, [s3.OWNER[1], public_clouds.SESSION_TOKEN])


def test_what_swift_does_not_give_is_had_elsewhere(
    instance: Instance, git: GitServer, s3: Swift, repo: ControlRepo, asks: Any
) -> None:
    with_stores(instance, git, {"endpoint": s3.endpoint()})
    s3.put(f"p/{repo.head}.bundle", b"")
    place = f"s3://{s3.BUCKET}/p"

    def refused(service: Ec2, code: str) -> None:
        instance.remove("/var/lib/bootwright")
        converges(instance)
        said = dict(places(instance))
        assert code in said[place] and said[repo.url(host="git.test")] == "gave it", said

    def ask() -> Ec2:
        service: Ec2 = asks(repo.url(at="status/410"), place, repo.url(host="git.test"))
        return service

    refused(ask(), "repository.no_identity")  # the instance has no role
    for key, secret, code in (
        (*s3.STRANGER, "server.access_denied"),
        (s3.OWNER[0], "a-guess", "server.access_denied"),
        (*s3.OWNER, "git.snapshot_invalid"),
    ):
        service = ask()
        service.files |= ec2_role(key, secret)
        refused(service, code)


# Resumption


@pytest.fixture
def heavy(world: World, ready: Instance, static: StaticServer, repo: ControlRepo) -> bytes:
    """A snapshot of two megabytes, which is served."""
    repo.commit_ballast(2)
    bundle = make(ready, "--repository", repo.url())
    static.put(f"snapshots/{repo.head}.bundle", bundle)
    return bundle


@pytest.mark.parametrize("how", ["reset", "close", "silence"])
@pytest.mark.parametrize("tenth", [1, 5, 9])
def test_what_came_before_a_break_is_not_asked_for_again(
    ready: Instance, git: GitServer, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any,
    heavy: bytes, tenth: int, how: str,
) -> None:  # fmt: skip
    try_so_often(ready, 2)
    cut = len(heavy) * tenth // 10
    proxies["static"].cut(cut, how, times=1)
    asks(static.url(snapshot_name(), port=proxies["static"].port))
    before = len(static.requests())
    converges(ready)
    has_checkout(ready, repo, repo.head)
    first, second = static.requests()[before:]
    etag = second["if_range"]
    assert (first["range"], second["status"]) == ("", 206) and etag.startswith('"')
    resumed_at = int(second["range"].removeprefix("bytes=").removesuffix("-"))
    assert 0 < resumed_at <= cut
    assert how == "reset" or resumed_at > cut - 1000  # less the head of the answer
    assert second["sent"] == len(heavy) - resumed_at


def test_each_break_brings_it_further(
    ready: Instance, git: GitServer, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any, heavy: bytes
) -> None:
    try_so_often(ready, 5)
    proxies["static"].cut(len(heavy) // 4, "close", times=4)
    asks(static.url(snapshot_name(), port=proxies["static"].port))
    before = len(static.requests())
    converges(ready)
    starts = [request["range"] for request in static.requests()[before:]]
    offsets = [int(text.removeprefix("bytes=").removesuffix("-") or 0) for text in starts]
    assert offsets == sorted(set(offsets)) and len(offsets) == 5


@pytest.mark.parametrize("at", ["no-range", "no-validator", "weak"])
def test_a_server_that_cannot_go_on_is_asked_anew(
    ready: Instance, git: GitServer, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any,
    heavy: bytes, at: str,
) -> None:  # fmt: skip
    try_so_often(ready, 2)
    proxies["static"].cut(len(heavy) // 2, "close", times=1)
    asks(static.url(snapshot_name(), at=at, port=proxies["static"].port))
    before = len(static.requests())
    converges(ready)
    has_checkout(ready, repo, repo.head)
    _, second = static.requests()[before:]
    assert bool(second["range"]) == (at == "no-range")
    assert (second["status"], second["sent"]) == (200, len(heavy))


def test_another_part_than_was_asked_for_is_not_put_together_with_the_first(
    ready: Instance, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any, heavy: bytes
) -> None:
    proxies["static"].cut(len(heavy) // 2, "close", times=1)
    asks(static.url(snapshot_name(), at="wrong-part", port=proxies["static"].port))
    before = len(static.requests())
    fails(ready, "repository", "server.unreachable", "transient")
    fails(ready, "repository", "server.protocol", "transient")
    converges(ready)  # from its beginning
    has_checkout(ready, repo, repo.head)
    assert [request["status"] for request in static.requests()[before:]] == [200, 206, 200]


def test_another_file_under_the_same_name_is_taken_from_its_beginning(
    world: World, ready: Instance, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any, heavy: bytes
) -> None:
    proxies["static"].cut(len(heavy) // 2, "close", times=1)
    asks(static.url(snapshot_name(), port=proxies["static"].port))
    fails(ready, "repository", "server.unreachable", "transient")
    other = make_by_git(world, repo.bare, repo.head)
    assert other != heavy
    static.put(f"snapshots/{repo.head}.bundle", other)
    converges(ready)
    has_checkout(ready, repo, repo.head)
    request = static.requests()[-1]
    assert request["range"] and request["if_range"] and (request["status"], request["sent"]) == (200, len(other))


def test_one_that_broke_off_is_gone_on_with_though_another_mirror_was_tried_since(
    ready: Instance, git: GitServer, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any, heavy: bytes
) -> None:
    try_so_often(ready, 2)
    proxies["static"].cut(len(heavy) // 2, "close", times=1)
    first = static.url(snapshot_name(), port=proxies["static"].port)
    asks(first, static.url(snapshot_name("nowhere")), repo.url(at="status/503"))
    before = len(static.requests())
    converges(ready)
    asked = [request for request in static.requests()[before:] if "nowhere" not in request["uri"]]
    assert [request["status"] for request in asked] == [200, 206]


# What is served instead


@dataclasses.dataclass(frozen=True)
class Wrong:
    """A file or an answer that is no snapshot of the revision, and what is said of it."""

    code: str
    file: Callable[[World, ControlRepo, bytes], bytes] | None = None
    at: str = ""
    status: int = 0

    def __str__(self) -> str:
        return self.at or str(self.status or getattr(self.file, "__name__", ""))


def truncated(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    return bundle[:-30]


def truncated_in_its_header(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    return bundle[:40]


def flipped(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    middle = len(bundle) // 2
    return bundle[:middle] + bytes([bundle[middle] ^ 1]) + bundle[middle + 1 :]


def empty(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    return b""


def of_another_revision(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    return make_by_git(world, repo.bare, repo.first)


def with_prerequisites(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    file = world.new_folder("range") / "bundle"
    file.parent.mkdir()
    command("git", "-C", repo.work, "bundle", "create", "-q", file, f"{repo.first}..main")
    return file.read_bytes()


def giant_header(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    return b"# v2 git bundle\n" + b"".join(b"%040x refs/heads/x%d\n" % (n, n) for n in range(20_000)) + b"\n"


def endless_line(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    return b"# v2 git bundle\n" + b"a" * 5_000_000


def garbage(world: World, repo: ControlRepo, bundle: bytes) -> bytes:
    return bytes(range(256)) * 1000


WRONG = [
    Wrong("git.revision_not_found", status=404),
    Wrong("git.revision_not_found", at="gone"),
    Wrong("server.access_denied", at="forbidden"),
    Wrong("server.access_denied", status=401),
    Wrong("server.error", status=500),
    Wrong("server.error", status=503),
    Wrong("git.snapshot_invalid", at="html"),
    Wrong("server.redirects", at="loop"),
    Wrong("git.pack_damaged", truncated),
    Wrong("git.snapshot_invalid", truncated_in_its_header),
    Wrong("git.pack_damaged", flipped),
    Wrong("git.snapshot_invalid", empty),
    Wrong("git.snapshot_invalid", of_another_revision),
    Wrong("git.snapshot_invalid", with_prerequisites),
    Wrong("git.snapshot_invalid", giant_header),
    Wrong("git.snapshot_invalid", endless_line),
    Wrong("git.snapshot_invalid", garbage),
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_the_next_mirror_gives_what_this_one_does_not(
    world: World, ready: Instance, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any, wrong: Wrong
) -> None:
    repo.commit_class("second", "")
    bundle = make(ready, "--repository", repo.url())
    static.put(f"good/{repo.head}.bundle", bundle)
    static.put(f"bad/{repo.head}.bundle", wrong.file(world, repo, bundle) if wrong.file else bundle)
    if wrong.status:
        proxies["static"].answer(wrong.status)
    bad = static.url(snapshot_name("bad"), at=wrong.at, port=proxies["static"].port)
    good = static.url(snapshot_name("good"))
    asks(bad)
    kind = "transient" if wrong.code in ("server.error", "git.pack_damaged") else "permanent"
    fails(ready, "repository", wrong.code, kind)
    assert not list(ready.path("/var/lib/bootwright/checkout").iterdir())
    asks(bad, good)
    converges(ready)
    (first, said), second = places(ready)
    assert first == bad and wrong.code in said and second == (good, "gave it")
    has_checkout(ready, repo, repo.head)
    is_sound(ready)


def test_a_flipped_bit_is_found_and_the_file_is_fetched_anew(
    ready: Instance, git: GitServer, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any, heavy: bytes
) -> None:
    try_so_often(ready, 2)
    proxies["static"].flip(len(heavy) // 2, times=1, in_body=True)
    asks(static.url(snapshot_name(), port=proxies["static"].port))
    before = len(static.requests())
    converges(ready)
    has_checkout(ready, repo, repo.head)
    assert [(request["range"], request["sent"]) for request in static.requests()[before:]] == [("", len(heavy))] * 2


def test_a_server_that_asks_to_come_back_is_asked_again(
    ready: Instance, git: GitServer, static: StaticServer, proxies: dict[str, FaultProxy], repo: ControlRepo, asks: Any, heavy: bytes
) -> None:
    try_so_often(ready, 2)
    proxies["static"].answer(503, {"Retry-After": "1"}, times=1)
    asks(static.url(snapshot_name(), port=proxies["static"].port))
    converges(ready)
    assert "server.error" in places(ready)[0][1]


def test_a_snapshot_is_of_no_name(ready: Instance, git: GitServer, static: StaticServer, repo: ControlRepo, asks: Any) -> None:
    prepare(ready, git, allow_branches_and_tags=True)
    static.put("snapshots/main.bundle", make(ready, "--repository", repo.url()))
    asks(static.url(snapshot_name()), revision="main")
    before = len(static.requests())
    fails(ready, "repository", "git.revision_not_found", "permanent", "snapshots of full commit ids", "list a git URL")
    assert len(static.requests()) == before
    asks(static.url(snapshot_name()), repo.url("https", host="git.test"), revision="main")
    converges(ready)
    has_checkout(ready, repo, repo.head)


# What goes with it


def test_a_signed_tag_goes_with_it(
    ready: Instance, git: GitServer, static: StaticServer, repo: ControlRepo, asks: Any, world: World
) -> None:
    public = (git.folder / "ssh_key.pub").read_text()
    ready.write("/etc/bootwright/allowed_signers", f'release@example.com namespaces="git" {public}')
    prepare(ready, git, verify="tag")
    untagged = make(ready, "--repository", repo.url())
    repo._git(
        "-c", "gpg.format=ssh", "-c", f"user.signingkey={git.folder / 'ssh_key'}", "tag", "-s", "-m", "release", "v1", "HEAD"
    )  # fmt: skip
    repo._git("push", "-q", str(repo.bare), "refs/tags/v1")
    tagged = make(ready, "--repository", repo.url())
    static.put(f"untagged/{repo.head}.bundle", untagged)
    static.put(f"tagged/{repo.head}.bundle", tagged)
    git.stop()
    asks(static.url(snapshot_name("untagged")))
    fails(ready, "repository", "repository.signature_missing", "permanent")
    asks(static.url(snapshot_name("tagged")))
    converges(ready)
    assert "release@example.com" in json.dumps(ready.status()["run"])
    ready.remove("/var/lib/bootwright")
    ready.write("/etc/bootwright/allowed_signers", f'x@example.com namespaces="git" {(git.folder / "host_key.pub").read_text()}')
    fails(ready, "repository", "repository.signature_untrusted", "permanent")


def modules_there(instance: Instance, revision: str, *files: str) -> None:
    for file in files:
        assert instance.exists(f"{CHECKOUTS}/{revision}/{file}"), file


def test_submodules_go_with_it(
    ready: Instance, git: GitServer, static: StaticServer, repo: ControlRepo, shape: Any, asks: Any
) -> None:
    parent = shape(shapes.with_submodules).parent
    bundle = make(ready, "--repository", parent.url())
    static.put(f"snapshots/{parent.head}.bundle", bundle)
    git.stop()
    asks(static.url(snapshot_name()), revision=parent.head)
    converges(ready)
    modules_there(ready, parent.head, "modules/child/manifests/init.pp", "modules/child/lib/grandchild/grandchild.txt")
    assert not ready.exists(f"{CHECKOUTS}/{parent.head}/modules/child/newer")


def test_modules_of_a_puppetfile_go_with_it(
    ready: Instance, git: GitServer, static: StaticServer, repo: ControlRepo, shape: Any, asks: Any
) -> None:
    control, module = shape(shapes.with_puppetfile, "pinned")
    done = ready.bootwright("snapshot", "make", "--output", "/tmp/snapshots", "--repository", control.url("https"),
                            env={"GIT_SSL_CAINFO": "/etc/bootwright/ca.pem"})  # fmt: skip
    assert done.returncode == 0 and "modules/extra" in done.stdout, done.stdout + done.stderr
    static.put(f"snapshots/{control.head}.bundle", ready.path(f"/tmp/snapshots/{control.head}.bundle").read_bytes())
    git.stop()
    asks(static.url(snapshot_name()), revision=control.head)
    converges(ready)
    modules_there(ready, control.head, "modules/extra/manifests/init.pp")


def test_one_without_its_relative_submodules_says_so(
    world: World, ready: Instance, static: StaticServer, repo: ControlRepo, shape: Any, asks: Any
) -> None:
    made = shape(shapes.with_submodules)
    parent = made.parent
    static.put(f"snapshots/{parent.head}.bundle", make_by_git(world, parent.bare, parent.head))
    asks(static.url(snapshot_name()), revision=parent.head)
    fails(ready, "repository", "repository.submodule", "permanent", "modules/child", "bootwright snapshot make")
    asks(static.url(snapshot_name()), parent.url(), revision=parent.head)
    converges(ready)
    modules_there(ready, parent.head, "modules/child/lib/grandchild/grandchild.txt")


# The command


NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")


def test_anybody_makes_one_of_a_checkout_without_a_network(instance: Instance, git: GitServer, world: World, shape: Any) -> None:
    parent = shape(shapes.with_submodules).parent
    work = shapes.checkout_by_git(parent, parent.head, world.new_folder("clone"), submodules=True)
    shutil.copytree(work, instance.path("/tmp") / "clone", symlinks=True)
    world.network.unplug()
    for folder in ("/tmp/clone", "/tmp/clone/modules"):
        instance.run(["install", "-d", "-m", "777", "/tmp/out"], check=True)
        made = instance.run(
            ["sh", "-c", f"cd {folder} && exec {' '.join(NOBODY)} {instance.BINARY} snapshot make --output /tmp/out"], env={"HOME": "/"}
        )
        assert made.returncode == 0, made.stdout + made.stderr
        file, size, digest = made.stdout.split()[0], made.stdout.split()[2], made.stdout.split()[5]
        assert file == f"/tmp/out/{parent.head}.bundle"
        assert instance.path(file).stat().st_size == int(size)
        assert instance.run(["sha256sum", file]).stdout.split()[0] == digest
        assert "modules/child/lib/grandchild" in made.stdout
        verified = instance.bootwright("snapshot", "verify", file)
        assert verified.returncode == 0 and verified.stdout.split() == made.stdout.split()
        assert instance.run(["git", "bundle", "list-heads", file]).returncode == 0
        instance.remove("/tmp/out")
    assert not [entry for entry in instance.path("/tmp").iterdir() if entry.name.startswith("bootwright")]


@pytest.mark.parametrize("revision", ["", "main", "v1", "the id"])
@pytest.mark.parametrize("way", ["http", "ssh", "file"])
def test_one_is_made_of_any_revision_from_anywhere(
    instance: Instance, git: GitServer, repo: ControlRepo, way: str, revision: str
) -> None:
    repo.tag("v1", annotated=True)
    instance.write("/root/.ssh/id_ed25519", git.ssh_key.read_bytes(), 0o600)
    instance.write("/root/.ssh/known_hosts", git.known_hosts)
    if way == "file":
        shutil.copytree(repo.bare, instance.path("/srv/copy.git"))
    named = repo.head if revision == "the id" else revision
    options = ["--repository", "/srv/copy.git" if way == "file" else repo.url(way)]
    done = instance.bootwright("snapshot", "make", "--output", "/tmp/out", *options, *(["--revision", named] if named else []))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"/tmp/out/{repo.head}.bundle\n") and "tag        v1" in done.stdout
    assert done.stderr == "" and instance.exists(f"/tmp/out/{repo.head}.bundle")


@pytest.mark.parametrize(
    ("arguments", "code", "advice"),
    [
        (["--revision", "no-such"], "git.revision_not_found", "git rev-parse"),
        (["--revision", "0123456789" * 4], "git.revision_not_found", "git rev-parse"),
        (["--repository", "/nowhere"], "git.no_repository", "--repository"),
        (["--repository", "s3://bucket/a"], "server.url_invalid", "--repository"),
        (["--repository", "http://10.99.0.1:1/a.git"], "server.unreachable", "running"),
        (["--output", "/proc/out"], "io.", "--output"),
    ],
)
def test_what_is_not_made_says_what_to_do(
    instance: Instance, repo: ControlRepo, arguments: Sequence[str], code: str, advice: str
) -> None:
    usual = {"--repository": repo.url(), "--output": "/tmp/out"}
    missing = [word for option, value in usual.items() if option not in arguments for word in (option, value)]
    done = instance.bootwright("snapshot", "make", *missing, *arguments)
    assert done.returncode == 1 and code in done.stderr and advice in done.stderr, done.stdout + done.stderr
    assert not instance.exists("/tmp/out") or not list(instance.path("/tmp/out").iterdir())


def test_verify_finds_what_is_wrong(world: World, instance: Instance, repo: ControlRepo, shape: Any) -> None:
    second = repo.commit_class("second", "")
    bundle = make(instance, "--repository", repo.url())

    def verify(content: bytes, *arguments: str, name: str = f"{second}.bundle") -> tuple[int, str]:
        instance.write(f"/tmp/{name}", content)
        done = instance.bootwright("snapshot", "verify", f"/tmp/{name}", *arguments)
        return done.returncode, done.stdout + done.stderr

    assert verify(bundle)[0] == 0 and verify(bundle, second)[0] == 0 and verify(bundle, name="renamed")[0] == 0
    for kind in (truncated, truncated_in_its_header, flipped, empty, with_prerequisites, giant_header, garbage):
        status, said = verify(kind(world, repo, bundle))
        assert status == 1 and "git.snapshot_invalid" in said, f"{kind.__name__}: {said}"
    status, said = verify(bundle, repo.first)
    assert status == 1 and "git.revision_not_found" in said and second in said
    parent = shape(shapes.with_submodules).parent
    status, said = verify(make_by_git(world, parent.bare, parent.head), name=f"{parent.head}.bundle")
    assert status == 1 and "not in it  modules/child" in said


# The public clouds


@dataclasses.dataclass(frozen=True)
class Cloud:
    """A cloud: how an instance of it is known, its place of snapshots, and its stores of secrets with a name in each."""

    name: str
    place: str
    object: str
    secrets: tuple[tuple[str, str], ...]  # its key in agent.json, and a name
    no_identity: str  # the path that tells whether the instance has one

    def __str__(self) -> str:
        return self.name

    def files(self, folder: str) -> dict[str, str]:
        root = FIXTURES / self.name / "root" / folder
        return {str(file.relative_to(root)): file.read_text() for file in root.rglob("*") if file.is_file()}


EC2 = Cloud(
    "ec2", "s3://snapshots/some/where", f"snapshots.s3.{public_clouds.REGION}.amazonaws.com/some/where",
    (("aws_secret", "git/token"), ("aws_parameter", "/git/token")), "/latest/meta-data/iam/*",
)  # fmt: skip
GCE = Cloud(
    "gce", "gs://snapshots/some/where", "storage.googleapis.com/snapshots/some/where",
    (("gcp_secret", "projects/example-project/secrets/git-token"),), "*/service-accounts/default/token",
)  # fmt: skip
AZURE = Cloud(
    "azure", "az://snapshotsaccount/container/some/where", "snapshotsaccount.blob.core.windows.net/container/some/where",
    (("azure_secret", "example-vault/git-token"),), "/metadata/identity/oauth2/token",
)  # fmt: skip
CLOUDS = [EC2, GCE, AZURE]
SECRETS = [(cloud, kind, name) for cloud in CLOUDS for kind, name in cloud.secrets]


class CloudInstance:
    """An instance of a cloud with an identity. Its role config is a file of the image: the metadata is the fixture's."""

    def __init__(self, new_instance: Callable[..., Instance], git: GitServer, metadata: MetadataServer, cloud: Cloud) -> None:
        self.cloud, self.git = cloud, git
        options = {} if cloud is EC2 else {"sys_files": cloud.files("sys")}
        self.instance = new_instance(**options)
        public_clouds.lead_to(self.instance)
        if cloud is EC2:
            metadata.service = Ec2()
            metadata.service.files |= ec2_role()
        else:
            entries = json.loads((FIXTURES / cloud.name / "root/metadata-answers.json").read_text())
            # What it says of a role is somebody else's.
            if cloud is GCE:
                entries[0]["body"]["attributes"] = {}
            else:
                entries[0]["body"]["compute"] |= {"userData": "", "tags": "", "tagsList": []}
            metadata.service = Tree(entries)

    def asks(self, repo: ControlRepo, *urls: str, **repository: Any) -> None:
        prepare(self.instance, self.git, **repository)
        pinned = {"url": urls[0], "mirrors": urls[1:], "revision": repo.head}
        role = {"role": "base", "repository": pinned}
        self.instance.configure({"platform": self.cloud.name, "role_config": role}, "agent.d/role.json")


@pytest.fixture
def on(new_instance: Callable[..., Instance], git: GitServer, metadata: MetadataServer) -> Callable[[Cloud], CloudInstance]:
    return lambda cloud: CloudInstance(new_instance, git, metadata, cloud)


@pytest.mark.parametrize("cloud", CLOUDS, ids=str)
def test_a_public_store_gives_it_to_the_instance_itself(
    on: Callable[[Cloud], CloudInstance], clouds: MetadataServer, repo: ControlRepo, cloud: Cloud
) -> None:
    machine = on(cloud)
    instance, service = machine.instance, PublicClouds()
    clouds.service = service
    name = f"{cloud.object}/{repo.head}.bundle"
    service.objects[name] = make(instance, "--repository", repo.url())
    machine.asks(repo, repo.url(at="status/410"), cloud.place)
    try_so_often(instance, 2)
    # After half of it the line breaks.
    clouds.fault("*", faults.truncated(len(service.objects[name]) // 2), times=1)
    converges(instance)
    assert service.faults == []
    assert [request.headers.get("range", "") != "" for request in clouds.requests] == [False, True]
    has_checkout(instance, repo, repo.head)
    nowhere(instance, [public_clouds.SECRET_KEY, public_clouds.SESSION_TOKEN, public_clouds.GCE_TOKEN, public_clouds.AZURE_STORAGE_TOKEN])


@pytest.mark.parametrize("cloud", CLOUDS, ids=str)
def test_a_store_that_refuses_is_left_for_the_next_mirror(
    on: Callable[[Cloud], CloudInstance], clouds: MetadataServer, metadata: MetadataServer, repo: ControlRepo, cloud: Cloud
) -> None:
    machine = on(cloud)
    instance = machine.instance
    machine.asks(repo, repo.url(at="status/410"), cloud.place, repo.url(host="git.test"))

    def left_with(code: str) -> None:
        instance.remove("/var/lib/bootwright")
        converges(instance)
        said = dict(places(instance))
        assert code in said[cloud.place] and said[repo.url(host="git.test")] == "gave it", said

    left_with("git.revision_not_found")
    for fault, code in (
        (faults.status(403), "server.access_denied"),
        (faults.status(503, retry_after=1), "server.error"),
        (faults.status(429), "server.error"),
        (faults.body(b"<html>"), "git.snapshot_invalid"),
    ):
        clouds.clear_faults()
        clouds.fault("*", fault)
        left_with(code)
    metadata.fault(cloud.no_identity, faults.status(404))
    left_with("repository.no_identity")


def credential(kind: str, name: str, host: str, key: str, **more: Any) -> dict[str, Any]:
    return {"credentials": [{"host": host, key: {kind: name}, **more}]}


@pytest.mark.parametrize(("cloud", "kind", "name"), SECRETS, ids=str)
def test_a_password_of_a_store_opens_a_repository(
    on: Callable[[Cloud], CloudInstance], clouds: MetadataServer, git: GitServer, repo: ControlRepo, cloud: Cloud, kind: str, name: str
) -> None:
    machine = on(cloud)
    service = PublicClouds()
    clouds.service = service
    service.secrets[name.rpartition("/")[2] if cloud is AZURE else name] = GitServer.PASSWORD
    url = repo.url("https", at="password", host="git.test")
    machine.asks(repo, url, **credential(kind, name, "git.test", "from", user=GitServer.USER))
    converges(machine.instance)
    assert service.faults == [] and len(clouds.requests) == 1
    assert places(machine.instance) == [(url, "gave it")]
    has_checkout(machine.instance, repo, repo.head)
    nowhere(machine.instance, [GitServer.PASSWORD, public_clouds.SECRET_KEY, public_clouds.GCE_TOKEN, public_clouds.AZURE_VAULT_TOKEN])


@pytest.mark.parametrize("cloud", CLOUDS, ids=str)
def test_a_key_of_a_store_opens_a_repository_over_ssh(
    on: Callable[[Cloud], CloudInstance], clouds: MetadataServer, git: GitServer, repo: ControlRepo, cloud: Cloud
) -> None:
    machine = on(cloud)
    kind, name = cloud.secrets[0]
    service = PublicClouds()
    clouds.service = service
    service.secrets[name.rpartition("/")[2] if cloud is AZURE else name] = git.ssh_key.read_text()
    machine.asks(repo, repo.url("ssh", host="git.test"), **credential(kind, name, "git.test", "ssh_key_from"))
    machine.instance.remove("/etc/bootwright/ssh_key")
    converges(machine.instance)
    assert service.faults == []
    has_checkout(machine.instance, repo, repo.head)
    nowhere(machine.instance, [git.ssh_key.read_text().splitlines()[3]])


@pytest.mark.parametrize(("cloud", "kind", "name"), SECRETS, ids=str)
def test_a_secret_that_is_not_given_says_why(
    on: Callable[[Cloud], CloudInstance], clouds: MetadataServer, metadata: MetadataServer, git: GitServer, repo: ControlRepo,
    cloud: Cloud, kind: str, name: str,
) -> None:  # fmt: skip
    machine = on(cloud)
    url, other = repo.url("https", at="password", host="git.test"), repo.url(host="other.test")
    options = credential(kind, name, "git.test", "from", user=GitServer.USER)

    def fails_with(code: str, permanence: str, *said: str) -> None:
        fails(machine.instance, "repository", code, permanence, *said)

    machine.asks(repo, url, **options)
    fails_with("repository.secret_not_found", "permanent", name)
    denied = {EC2: {"__type": "AccessDeniedException"}, GCE: {"error": {"status": "PERMISSION_DENIED"}}, AZURE: {"error": {"code": "Forbidden"}}}
    throttled = {"__type": "ThrottlingException"}
    for fault, code, permanence in (
        (faults.status(400 if cloud is EC2 else 403, json.dumps(denied[cloud]).encode()), "repository.secret_denied", "permanent"),
        (faults.status(400, json.dumps(throttled).encode()) if cloud is EC2 else faults.status(429), "repository.secret_unavailable", "transient"),
        (faults.status(503), "repository.secret_unavailable", "transient"),
        (faults.body(b"<html>Please log in</html>"), "repository.secret_unavailable", "transient"),
    ):  # fmt: skip
        clouds.clear_faults()
        clouds.fault("*", fault)
        fails_with(code, permanence, name)
    # Without an identity, too, the next mirror that needs no secret is asked.
    metadata.fault(cloud.no_identity, faults.status(404))
    fails_with("repository.no_identity", "permanent")
    machine.asks(repo, url, other, **options)
    converges(machine.instance)
    assert "repository.no_identity" in places(machine.instance)[0][1] and places(machine.instance)[1] == (other, "gave it")
