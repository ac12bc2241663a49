"""The servers and faults themselves: what the tests of the repository stage stand on, with the real git and curl as clients."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable
from typing import Any

import lying_git_server as lies
import pytest
import shapes
from control_repo import ControlRepo
from fault_proxy import FaultProxy
from forward_proxy import INSIDE, ForwardProxy
from instance import Instance
from interruption import kill_at_random, quick_puppet, set_clock
from lying_git_server import LyingGitServer
from real_machine import wait_for
from servers import STATUS_CODES, GitServer
from shapes import ShapedRepo, checkout_by_git, files_of
from static_server import StaticServer
from swift import Swift, signed_curl
from world import World

SSH = "ssh -F none -i /etc/ssh_key -o UserKnownHostsFile=/etc/known_hosts -o StrictHostKeyChecking=yes -o BatchMode=yes"


class Client:
    """git and curl in an instance that trusts the tests' authority."""

    def __init__(self, instance: Instance, git: GitServer) -> None:
        self.instance = instance
        instance.write("/etc/ca.pem", git.ca_file.read_bytes())
        instance.write("/etc/client.pem", git.client_certificate.pem.read_bytes())
        instance.write("/etc/client.key", git.client_certificate.key.read_bytes(), 0o600)
        instance.write("/etc/ssh_key", git.ssh_key.read_bytes(), 0o600)
        instance.write("/etc/known_hosts", git.known_hosts)
        self.env = {
            "GIT_SSL_CAINFO": "/etc/ca.pem", "CURL_CA_BUNDLE": "/etc/ca.pem", "GIT_SSH_COMMAND": SSH, "GIT_TERMINAL_PROMPT": "0",
            "GIT_TRACE_PACKET": "/tmp/packets",
        }  # fmt: skip

    def git(self, *arguments: str, env: dict[str, str] = {}, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return self.instance.run(["git", *arguments], env={**self.env, **env}, timeout=timeout)

    def fetch(self, url: str, revision: str, *options: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Of this commit alone into a new repository, and its checkout."""
        self.instance.run(["rm", "-rf", "/tmp/fetched"], check=True)
        self.git("init", "-q", "/tmp/fetched")
        fetched = self.git("-C", "/tmp/fetched", *options, "fetch", "-q", "--depth=1", url, revision, timeout=timeout)
        return fetched if fetched.returncode else self.git("-C", "/tmp/fetched", "checkout", "-q", revision)

    def protocol(self, url: str, *options: str) -> str:
        """The version that server and client agree on."""
        self.instance.remove("/tmp/packets")
        done = self.git(*options, "ls-remote", url)
        assert done.returncode == 0, done.stderr
        return "2" if "version 2" in self.instance.read("/tmp/packets") else "0"

    def curl(self, *arguments: str) -> str:
        return self.instance.run(["curl", "-sS", "--max-time", "10", *arguments], env=self.env, check=True).stdout

    def code(self, *arguments: str) -> int:
        """curl's exit status."""
        return self.instance.run(["curl", "-s", "--max-time", "5", "-o", "/dev/null", *arguments], env=self.env).returncode


@pytest.fixture
def client(instance: Instance, git: GitServer) -> Client:
    return Client(instance, git)


# Ways to the git server


@pytest.mark.parametrize(
    ("scheme", "at", "version"),
    [
        ("git", "", "2"),
        ("http", "", "2"),
        ("https", "", "2"),
        ("http", "v0", "0"),
        ("https", "v0", "0"),
        ("ssh", "", "2"),
        ("ssh", "v0", "0"),
        ("ssh", "host-certificate", "2"),
    ],
)
def test_each_server_speaks_its_version(
    client: Client, git: GitServer, repo: ControlRepo, scheme: str, at: str, version: str
) -> None:
    if at == "host-certificate":
        client.instance.write("/etc/known_hosts", git.known_authority)
    for host in ("10.99.0.1", "git.test"):
        assert client.protocol(repo.url(scheme, at=at, host=host)) == version


def test_only_the_authority_vouches_for_the_certified_host(client: Client, git: GitServer, repo: ControlRepo) -> None:
    assert client.git("ls-remote", repo.url("ssh", at="host-certificate")).returncode == 128
    client.instance.write("/etc/known_hosts", git.known_authority)
    assert client.git("ls-remote", repo.url("ssh", at="host-certificate")).returncode == 0
    assert client.git("ls-remote", repo.url("ssh")).returncode == 128


def test_version_2_gives_a_commit_that_is_no_tip_and_version_0_does_not(client: Client, repo: ControlRepo) -> None:
    inner = repo.commit_class("inner", "")
    repo.commit_class("outer", "")
    assert client.fetch(repo.url(), inner).returncode == 0
    assert client.fetch(repo.url("git"), inner).returncode == 0
    refused = client.fetch(repo.url(at="v0"), inner)
    assert refused.returncode == 128 and "not allow request for unadvertised object" in refused.stderr


@pytest.mark.parametrize(
    ("at", "said"),
    [("expired", "has expired"), ("wrong-name", "no alternative certificate subject name matches"), ("stranger", "local issuer"), ("client-certificate", "")],
)
def test_certificates_are_as_bad_as_told(client: Client, repo: ControlRepo, at: str, said: str) -> None:
    url = repo.url("https", at=at, host="git.test")
    assert client.git("ls-remote", url).returncode == 128
    options = ["-c", "http.sslVerify=false"]
    if at == "client-certificate":
        options = ["-c", "http.sslCert=/etc/client.pem", "-c", "http.sslKey=/etc/client.key"]
        assert "No required SSL certificate was sent" in client.curl(url)
    else:
        # git's own TLS library does not say why.
        assert said in client.instance.run(["curl", "-sS", url], env=client.env).stderr
    assert client.git(*options, "ls-remote", url).returncode == 0


def test_passwords_and_tokens_open_what_is_private(client: Client, git: GitServer, repo: ControlRepo) -> None:
    def reads(url: str, *options: str) -> bool:
        return client.git(*options, "ls-remote", url).returncode == 0

    private = repo.url(at="password")
    assert not reads(private)
    assert reads(repo.url(credentials=True))
    assert reads(private.replace("//", f"//x-access-token:{git.TOKEN}@"))
    assert not reads(private.replace("//", "//x-access-token:guess@"))
    bearer = repo.url(at="bearer")
    assert not reads(bearer)
    assert reads(bearer, "-c", f"http.extraHeader=Authorization: Bearer {git.TOKEN}")
    assert git.details()[-1]["authorization"] == f"Bearer {git.TOKEN}"


def test_redirections_lead_where_told(client: Client, git: GitServer, repo: ControlRepo) -> None:
    def host_after(at: str, scheme: str) -> tuple[int, str]:
        done = client.git("ls-remote", repo.url(scheme, at=at, host="git.test"))
        return done.returncode, git.details()[-1]["scheme"] + "://" + git.details()[-1]["host"]

    for scheme in ("http", "https"):
        assert host_after("moved", scheme) == (0, f"{scheme}://git.test")
        assert host_after("moved-relatively", scheme) == (0, f"{scheme}://git.test")
        assert host_after("moved-to-https", scheme) == (0, "https://git.test")
        assert host_after("moved-to-http", scheme) == (0, "http://git.test")
        assert host_after("moved-to-other", scheme) == (0, f"{scheme}://other.test")
        assert client.fetch(repo.url(scheme, at="moved", host="git.test"), repo.head).returncode == 0
    assert client.code("-L", repo.url(at="loop")) == 47  # too many
    assert client.code("-L", repo.url(at="moved-to-file")) == 1  # no such protocol


@pytest.mark.parametrize("code", STATUS_CODES)
def test_each_status_is_answered(client: Client, repo: ControlRepo, code: int) -> None:
    head = client.curl("-I", repo.url(at=f"status/{code}") + "/info/refs?service=git-upload-pack")
    assert head.startswith(f"HTTP/1.1 {code} ")
    assert ("Retry-After: 1" in head) == (code in (429, 503))
    assert ("WWW-Authenticate: Basic" in head) == (code == 401)


def test_the_servers_stop_and_start(client: Client, git: GitServer, repo: ControlRepo) -> None:
    urls = [repo.url("http"), repo.url("ssh"), repo.url("git"), repo.url("ssh", at="v0"), repo.url("https", at="expired")]
    git.stop()
    for url in urls:
        done = client.git("ls-remote", url)
        assert done.returncode == 128 and ("refused" in done.stderr or "Couldn't connect" in done.stderr), done.stderr
    git.start()
    for url in urls:
        assert client.git("-c", "http.sslVerify=false", "ls-remote", url).returncode == 0


# The static server


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_files_come_whole_or_in_part(client: Client, static: StaticServer, scheme: str) -> None:
    static.put("a/file.bundle", b"0123456789")
    url = static.url("a/file.bundle", scheme, host="static.test")
    assert client.curl(url) == "0123456789"
    assert client.curl("-r", "4-", url) == "456789"
    etag = next(line for line in client.curl("-I", url).splitlines() if line.startswith("ETag: ")).removeprefix("ETag: ")
    static.put("a/file.bundle", b"abcdefghijk")
    assert client.curl("-r", "4-", "-H", f"If-Range: {etag}", url) == "abcdefghijk"
    whole = static.url("a/file.bundle", scheme, at="no-range", host="static.test")
    assert client.curl("-r", "4-", whole) == "abcdefghijk"
    bare = client.curl("-I", static.url("a/file.bundle", scheme, at="no-validator", host="static.test"))
    assert "ETag" not in bare and "Last-Modified" not in bare and " 200 " in bare
    last = static.requests()[-3]
    assert (last["range"], last["if_range"], last["status"]) == ("bytes=4-", etag, 200)


def test_the_static_server_misbehaves_as_told(client: Client, static: StaticServer) -> None:
    static.put("file", b"x")

    def status(at: str, *options: str) -> str:
        return client.curl("-o", "/dev/null", "-w", "%{http_code}", *options, static.url("file", at=at))

    assert [status(at) for at in ("gone", "forbidden", "html", "moved")] == ["410", "403", "200", "302"]
    assert client.curl("-L", static.url("file", at="moved")) == "x"
    assert client.curl("-L", static.url("file", at="moved-to-other")) == "x"
    assert static.requests()[-1]["host"].startswith("other.test")
    assert client.code("-L", static.url("file", at="loop")) == 47
    assert client.curl("-o", "/dev/null", "-w", "%{http_code}", static.url("nothing")) == "404"
    static.stop()
    assert client.code(static.url("file")) == 7


# Swift


def test_swift_serves_s3(client: Client, s3: Swift) -> None:
    content = b"0123456789" * 1000
    s3.put("some/file.bundle", content)

    def ask(url: str, *options: str, who: tuple[str, str] = s3.OWNER) -> tuple[int, str]:
        request = [*signed_curl(*who), "-sS", "--max-time", "10", "-w", "\n%{http_code}", *options, url]
        body, _, status = client.instance.run(request, env=client.env, check=True).stdout.rpartition("\n")
        return int(status), body

    url = s3.url("some/file.bundle")
    assert ask(url) == (200, content.decode())
    assert ask(url, "-r", "5-12") == (206, "56789012")
    assert ask(s3.url("some/file.bundle", "https", host="s3.test"), "-r", "5-12") == (206, "56789012")
    # With the bucket in the name, as Amazon prefers it.
    assert ask(s3.endpoint(host="snapshots.s3.test") + "/some/file.bundle", "-r", "5-12") == (206, "56789012")
    assert ask(url, "-H", "x-amz-security-token: of-a-role", "-r", "0-0") == (206, "0")
    assert s3.requests()[-1]["security_token"] == "of-a-role"
    for status, code, answer in [
        (404, "NoSuchKey", ask(s3.url("missing"))),
        (404, "NoSuchBucket", ask(s3.endpoint() + "/missing/file")),
        (403, "SignatureDoesNotMatch", ask(url, who=(s3.OWNER[0], "wrong"))),
        (403, "AccessDenied", ask(url, who=s3.STRANGER)),
    ]:
        assert answer[0] == status and f"<Code>{code}</Code>" in answer[1]
    assert client.curl("-o", "/dev/null", "-w", "%{http_code}", url) == "400"  # unsigned


def test_swift_stops_and_starts(client: Client, s3: Swift) -> None:
    s3.put("kept", b"kept")
    s3.stop()
    assert client.code(s3.url("kept")) == 7
    s3.start()
    assert client.instance.run([*signed_curl(*s3.OWNER), "-sS", s3.url("kept")]).stdout == "kept"


# The proxy that fails


def test_a_transfer_is_counted_and_cut_at_each_tenth(
    client: Client, static: StaticServer, proxies: dict[str, FaultProxy]
) -> None:
    proxy = proxies["static"]
    static.put("file", bytes(range(256)) * 4000)
    url = static.url("file", port=proxy.port)
    client.curl("-o", "/tmp/file", url)
    total = proxy.bytes_down
    assert 1_024_000 < total < 1_025_000 and 50 < proxy.bytes_up < 500 and proxy.connections == 1
    for tenth in range(10):
        proxy.cut(after=total * tenth // 10, how="reset")
        done = client.instance.run(["curl", "-s", "-o", "/tmp/part", "-w", "%{size_download}", url])
        assert done.returncode in (52, 56) and abs(int(done.stdout) - total * tenth // 10) < 1000
    proxy.cut(after=total // 2, how="close")
    assert client.code(url) == 18  # fewer bytes than announced
    proxy.heal()
    client.curl("-o", "/tmp/file", url)
    assert client.instance.path("/tmp/file").read_bytes() == (static.folder / "file").read_bytes()


def test_a_client_that_comes_back_after_the_cut_is_served(
    client: Client, static: StaticServer, proxies: dict[str, FaultProxy]
) -> None:
    proxy = proxies["static"]
    static.put("file", bytes(1_000_000))
    proxy.cut(after=600_000, of_all=True, times=1)
    url = static.url("file", port=proxy.port)
    client.curl("-o", "/dev/null", "-r", "0-399999", url)
    assert client.code(url) == 56
    assert client.code(url) == 0


@pytest.mark.parametrize("offset", [0, 5, 999])
def test_one_bit_is_turned(client: Client, static: StaticServer, proxies: dict[str, FaultProxy], offset: int) -> None:
    static.put("file", b"a" * 1000)
    proxies["static"].flip(offset, in_body=True)
    got = client.curl(static.url("file", port=proxies["static"].port))
    assert len(got) == 1000 and [at for at in range(1000) if got[at] != "a"] == [offset] and got[offset] == "`"
    proxies["static"].flip(0)
    assert client.code(static.url("file", port=proxies["static"].port)) != 0  # "ITTP/1.1"
    proxies["static-https"].flip(1500)
    assert client.code(static.url("file", "https", host="static.test", port=proxies["static-https"].port)) in (35, 56)


def test_the_proxy_answers_itself(client: Client, repo: ControlRepo, proxy: FaultProxy) -> None:
    url = repo.url(port=proxy.port)
    proxy.answer(429, {"Retry-After": "1"}, times=1)
    assert "error: 429" in client.git("ls-remote", url).stderr
    assert client.git("ls-remote", url).returncode == 0


def test_a_slow_server_and_a_cut_that_ends(client: Client, static: StaticServer, proxies: dict[str, FaultProxy]) -> None:
    proxy = proxies["static"]
    static.put("file", b"x" * 1000)
    url = static.url("file", port=proxy.port)
    proxy.limit(1)
    done = client.instance.run(["curl", "-s", "--max-time", "2.5", url])
    assert done.returncode == 28 and done.stdout == ""
    assert proxy.bytes_down <= 4
    proxy.heal()
    proxy.cut_off(0.5)
    assert client.code(url) == 7
    assert client.code("--retry", "5", "--retry-connrefused", "--retry-delay", "1", url) == 0


def test_a_fleet_is_cut_off_and_comes_back(static: StaticServer, proxies: dict[str, FaultProxy], world: World) -> None:
    proxy = proxies["static"]
    static.put("file", b"x" * 1000)
    request = b"GET /file HTTP/1.1\r\nHost: static.test\r\n\r\n"

    def answers(connections: list[socket.socket]) -> int:
        """How many of them get the file."""
        got = 0
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sendall(request)
        for connection in connections:
            with contextlib.suppress(OSError):
                got += connection.recv(100).startswith(b"HTTP/1.1 200 ")
        return got

    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(world.network.instance.connect("10.99.0.1", proxy.port)) for _ in range(600)]
        assert answers(connections) == 600 == proxy.connections
        proxy.cut_off(0.5)
        assert answers(connections) == 0
    world.network.instance.wait_until_listening("10.99.0.1", proxy.port)


def test_a_lost_first_packet(client: Client, repo: ControlRepo, proxy: FaultProxy, world: World) -> None:
    world.network.filter(f"tcp dport {proxy.port} drop")
    done = client.instance.run(["curl", "-s", "--connect-timeout", "0.5", "-w", "%{time_connect}", repo.url(port=proxy.port)])
    assert done.returncode == 28 and float(done.stdout) == 0
    assert proxy.connections == 0


# The git server that lies


@pytest.fixture
def two_commits(repo: ControlRepo) -> tuple[str, str]:
    return repo.commit({"file": "one\n"}), repo.commit({"file": "two\n", "ballast": "x" * 5000})


@pytest.mark.parametrize("version", ["0", "2"])
def test_it_is_honest_until_told(client: Client, repo: ControlRepo, liar: LyingGitServer, version: str) -> None:
    options = ["-c", f"protocol.version={version}"]
    done = client.fetch(liar.url(repo), repo.head, *options)
    assert done.returncode == 0, done.stderr
    assert liar.requests[0] == f"info/refs {version}" and liar.requests[-1] == f"fetch {version}"
    assert client.git(*options, "clone", "-q", liar.url(repo), "/tmp/clone").returncode == 0


@pytest.mark.parametrize("version", ["0", "2"])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda repo, one, two: lies.wrong_pack(repo, one), "bad object|did not send all necessary objects|unable to read"),
        (lambda repo, one, two: lies.pack_without(repo, two, "file"), "unable to read|did not send all|missing blob|invalid object"),
        (lambda repo, one, two: lies.pack_without(repo, two, ""), "unable to read|did not send all|missing tree|unable to parse"),
        (lambda repo, one, two: lies.truncated_pack(), "early EOF|unpack-objects failed|index-pack failed"),
        (lambda repo, one, two: lies.truncated_pack(politely=False), "early EOF|hung up|disconnect|bytes of body"),
        (lambda repo, one, two: lies.flipped_pack(), "inflate|corrupt|mismatch|checksum"),
        (lambda repo, one, two: lies.flipped_pack(1.0), "sha1 did not match"),
        (lambda repo, one, two: lies.no_pack(), "early EOF|expected 'packfile'|protocol error|unpack"),
        (lambda repo, one, two: lies.sideband_error("the disk is full"), "remote error|the disk is full"),
        (lambda repo, one, two: lies.error_packet("not today"), "remote error: not today"),
        (lambda repo, one, two: lies.instead(b"000g"), "bad line length"),
        (lambda repo, one, two: lies.instead(b"<html>Please log in</html>"), "bad line length"),
        (lambda repo, one, two: lies.bomb(8), "did not send all|bad object|unable to read"),
    ],
)  # fmt: skip
def test_git_sees_through_each_lie(
    client: Client, repo: ControlRepo, liar: LyingGitServer, two_commits: tuple[str, str], version: str, make: Any, said: str
) -> None:
    liar.tell(make(repo, *two_commits))
    done = client.fetch(liar.url(repo), two_commits[1], "-c", f"protocol.version={version}")
    assert done.returncode != 0
    assert any(text in done.stderr for text in said.split("|")), done.stderr
    liar.be_honest()
    assert client.fetch(liar.url(repo), two_commits[1], "-c", f"protocol.version={version}").returncode == 0


def test_a_lie_ends_after_so_many_times(client: Client, repo: ControlRepo, liar: LyingGitServer) -> None:
    liar.tell(lies.error_packet("not now"), times=1)
    assert client.fetch(liar.url(repo), repo.head).returncode != 0
    assert client.fetch(liar.url(repo), repo.head).returncode == 0


@pytest.mark.parametrize("lie", [lies.endless_progress(), lies.endless_progress(every=0)])
def test_endless_answers_have_no_end(client: Client, repo: ControlRepo, liar: LyingGitServer, lie: lies.Lie) -> None:
    liar.tell(lie)
    with pytest.raises(subprocess.TimeoutExpired):
        client.fetch(liar.url(repo), repo.head, timeout=1)


def test_zeros_after_the_pack(client: Client, repo: ControlRepo, liar: LyingGitServer) -> None:
    liar.tell(lies.endless_pack())
    assert client.fetch(liar.url(repo), repo.head).returncode != 0


def test_many_refs_and_an_error_in_their_place(client: Client, repo: ControlRepo, liar: LyingGitServer) -> None:
    for version, stage in (("0", "info/refs"), ("2", "ls-refs")):
        liar.be_honest()
        liar.tell(lies.many_refs(20_000), stage=stage, times=1)
        listed = client.git("-c", f"protocol.version={version}", "ls-remote", liar.url(repo)).stdout
        assert listed.count("refs/heads/invented-") == 20_000 and repo.head in listed
        liar.tell(lies.error_packet("no refs today"), stage=stage)
        assert "no refs today" in client.git("-c", f"protocol.version={version}", "ls-remote", liar.url(repo)).stderr
    liar.be_honest()
    liar.tell(lies.many_refs(), stage="ls-refs")
    with pytest.raises(subprocess.TimeoutExpired):
        client.git("ls-remote", liar.url(repo), timeout=1)


def test_a_surplus_and_a_bomb_are_as_large_as_told(
    client: Client, repo: ControlRepo, liar: LyingGitServer, two_commits: tuple[str, str]
) -> None:
    liar.tell(lies.surplus_pack(repo, two_commits[1], megabytes=3))
    assert client.fetch(liar.url(repo), two_commits[1]).returncode == 0
    size = client.instance.run(["du", "-sk", "/tmp/fetched/.git/objects"]).stdout
    assert 3000 < int(size.split()[0]) < 4000
    pack = lies.bomb_pack(64)
    assert len(pack) < 100_000
    client.instance.write("/tmp/bomb.pack", pack)
    client.git("init", "-q", "/tmp/bombed")
    inside = "git index-pack --stdin < /tmp/bomb.pack && git cat-file --batch-check --batch-all-objects"
    done = client.instance.run(["sh", "-c", f"cd /tmp/bombed && {inside}"])
    assert done.stdout.split()[-1] == str(64 * 1024 * 1024), done.stderr


# The proxy of a company


def test_a_forward_proxy_passes_on_and_tells(
    client: Client, repo: ControlRepo, new_forward_proxy: Callable[..., ForwardProxy]
) -> None:
    proxy = new_forward_proxy()
    env = {"https_proxy": proxy.url(), "http_proxy": proxy.url()}
    assert client.git("ls-remote", repo.url("https", host=INSIDE)).returncode == 128
    assert client.git("ls-remote", repo.url("https", host=INSIDE), env=env).returncode == 0
    assert proxy.requests == [f"CONNECT {INSIDE}:443"]
    assert client.git("clone", "-q", repo.url(host=INSIDE), "/tmp/clone", env=env).returncode == 0
    assert proxy.requests[1:] == [
        f"GET http://{INSIDE}/{repo.name}.git/info/refs?service=git-upload-pack",
        *[f"POST http://{INSIDE}/{repo.name}.git/git-upload-pack"] * 2,
    ]
    assert client.git("ls-remote", repo.url("https", host="nowhere.test"), env=env).returncode == 128
    assert proxy.requests[-1] == "[502 CONNECT nowhere.test:443]"


def test_a_forward_proxy_may_want_a_password(
    client: Client, repo: ControlRepo, new_forward_proxy: Callable[..., ForwardProxy]
) -> None:
    proxy = new_forward_proxy(user="staff", password="open sesame")
    for scheme, said in (("https", "407"), ("http", "407")):
        url = repo.url(scheme, host=INSIDE)
        refused = client.git("ls-remote", url, env={f"{scheme}_proxy": proxy.url()})
        assert refused.returncode == 128 and said in refused.stderr, refused.stderr
        assert client.git("ls-remote", url, env={f"{scheme}_proxy": proxy.url("staff:wrong")}).returncode == 128
        assert client.git("ls-remote", url, env={f"{scheme}_proxy": proxy.url("staff:open%20sesame")}).returncode == 0
    assert any(request.startswith("[407 CONNECT") for request in proxy.requests)


# Clocks and kills


@pytest.mark.parametrize("year", ["1970", "2200"])
def test_the_agent_s_programs_have_the_time_that_was_told(new_instance: Callable[..., Instance], year: str) -> None:
    instance = new_instance()
    for program in (instance.BINARY, instance.FETCH, instance.DOWNLOAD):
        instance.write(program, "#!/bin/sh\ndate -u +%Y; cut -d. -f1 /proc/uptime; ls / > /dev/null\nexec date -u +%Y\n", 0o755)
    before = instance.run(["date", "+%Y"]).stdout.strip()
    set_clock(instance, f"{year}-03-01 00:00:00")
    for program in (instance.BINARY, instance.FETCH, instance.DOWNLOAD):
        shown = instance.run([program], check=True).stdout.split()
        assert shown[0] == shown[2] == year != before
    assert instance.run(["date", "+%Y"]).stdout.strip() == before


def test_durations_are_measured_as_ever(new_instance: Callable[..., Instance]) -> None:
    instance = new_instance()
    uptime = "cut -d' ' -f1 /proc/uptime"
    instance.write(instance.BINARY, f"#!/bin/sh\n{uptime}\nsleep 0.3\n{uptime}\ntimeout 0.3 sleep 60\n{uptime}\n", 0o755)
    instance.write(instance.FETCH, "#!/bin/sh\n", 0o755)
    set_clock(instance, "1970-01-01 00:00:10")
    first, second, third = map(float, instance.run([instance.BINARY]).stdout.split())
    assert 0.25 < second - first < 5 and 0.25 < third - second < 5


def test_certificates_are_not_valid_yet_in_1970(client: Client, repo: ControlRepo) -> None:
    url = repo.url("https", host="git.test")
    client.instance.write(Instance.BINARY, f"#!/bin/sh\nexec curl -sS '{url}'\n", 0o755)
    client.instance.write(Instance.FETCH, "#!/bin/sh\n", 0o755)
    set_clock(client.instance, "1970-01-01 00:00:10")
    done = client.instance.run([Instance.BINARY], env=client.env)
    assert done.returncode == 60 and "not yet valid" in done.stderr, done.stderr


def test_what_is_killed_at_random_leaves_nothing_running(new_instance: Callable[..., Instance]) -> None:
    instance = new_instance()
    # Children in their own sessions, and orphans; and one atomic step at the end of each.
    script = "rm -f /root/done; for i in 1 2 3 4 5; do setsid sh -c 'sleep 30 & sleep 0.01'; done; pkill sleep; touch /root/done"
    ends: list[bool] = []

    def check(round_: str) -> None:
        # pkill does not wait for what it ends; a sleep that nobody has ended takes 30 s.
        wait_for(lambda: not instance.processes(), f"nothing runs, {round_}", 5)
        ends.append(instance.exists("/root/done"))

    kills = kill_at_random(instance, ["sh", "-c", script], check=check, rounds=30)
    assert len(ends) == 33 and all(ends[:3])
    assert len(kills.moments) + kills.too_late == 30 and len(kills.moments) >= 15
    assert max(kills.moments) > kills.usual / 2 > min(kills.moments)


def test_the_quick_puppet_leaves_what_the_real_one_left(instance: Instance) -> None:
    configuration = quick_puppet(instance, "changed")
    arguments = ["apply", "--logdest=/tmp/log.jsonl", "--publicdir=/tmp", "--resourcefile=/tmp/resources.txt", "/x"]
    began = time.monotonic()
    assert instance.run([configuration["puppet"]["path"], *arguments]).returncode == 2
    assert time.monotonic() - began < 2
    assert "changed: 2" in instance.read("/tmp/last_run_summary.yaml") and instance.read("/tmp/resources.txt")


# Repositories


@pytest.mark.parametrize("name", shapes.PLAIN_SHAPES)
def test_git_checks_out_each_shape(world: World, client: Client, shape: Callable[..., ShapedRepo], name: str) -> None:
    repo = shape(shapes.PLAIN_SHAPES[name])
    expected = checkout_by_git(repo, repo.head, world.new_folder("expected"))
    done = client.fetch(repo.url(), repo.head)
    assert done.returncode == 0, done.stderr
    files = files_of(client.instance.path("/tmp/fetched"))
    assert files == files_of(expected) and len(files) > 10
    assert "error" not in client.git("-C", "/tmp/fetched", "fsck", "--full").stderr


def test_shapes_are_what_they_say(world: World, shape: Callable[..., Any]) -> None:
    def checked_out(repo: ShapedRepo) -> dict[bytes, str]:
        return files_of(checkout_by_git(repo, repo.head, world.new_folder("expected")))

    linked = checked_out(shape(shapes.links))
    assert linked[b"to-folder"] == "link b'folder'" and linked[b"dangling"] == "link b'nothing/here'"
    assert checked_out(shape(shapes.links_outside))[b"absolute"] == "link b'/etc/passwd'"
    executable = checked_out(shape(shapes.executables))
    assert executable[b"bin/run"].startswith("program ") and executable[b"bin/data"].startswith("file ")
    folder = checkout_by_git(shape(shapes.line_endings), "HEAD", world.new_folder("expected"))
    assert (folder / "file.crlf").read_bytes() == (folder / "file.auto").read_bytes() == b"one\r\ntwo\r\n"
    assert (folder / "nested/file.crlf").read_bytes() == b"one\ntwo\n"
    assert b"$Id: " in (folder / "file.id").read_bytes()
    assert "odd/together/new\nline".encode() in checked_out(shape(shapes.odd_names))
    assert len(checked_out(shape(shapes.wide))) > 11_000
    assert b"environments/staging/manifests/site.pp" in checked_out(shape(shapes.environments))
    assert shape(shapes.deep, 500).git("rev-list", "--count", "main").strip() == b"501"
    assert b"git-lfs" in shape(shapes.large_files).git("cat-file", "-p", "main:files/image.iso")


def test_submodules_are_pinned_by_their_parents(world: World, shape: Callable[..., Any]) -> None:
    repos = shape(shapes.with_submodules)
    files = files_of(checkout_by_git(repos.parent, repos.parent.head, world.new_folder("expected"), submodules=True))
    assert b"modules/child/lib/grandchild/grandchild.txt" in files and b"modules/child/manifests/init.pp" in files
    assert not any(path.endswith(b"newer") for path in files)


def test_a_puppetfile_names_its_module(shape: Callable[..., Any]) -> None:
    for kind in shapes.PUPPETFILES:
        repo, module = shape(shapes.with_puppetfile, kind)
        text = repo.git("cat-file", "-p", "main:Puppetfile").decode()
        pinned = module.git("rev-parse", "main^").decode().strip()
        assert "MODULE_" not in text and (kind != "pinned" or (pinned in text and module.url() in text))


def test_a_mode_that_git_does_not_write(shape: Callable[..., Any]) -> None:
    assert b"100666 writable.txt" in shape(shapes.forged, "odd-mode").git("cat-file", "tree", "main^{tree}")


@pytest.mark.parametrize("kind", [*shapes.FORGED, "twice", "gitmodules-link", "unsorted"])
def test_git_objects_to_forged_trees(shape: Callable[..., Any], kind: str) -> None:
    repo = shape(shapes.forged, kind)
    with pytest.raises(RuntimeError, match="(?i)error|warning") as caught:
        repo.git("fsck", "--strict")
    assert repo.head in repo.git("rev-list", "main").decode()
    assert "tree" in str(caught.value) or "gitmodules" in str(caught.value)
