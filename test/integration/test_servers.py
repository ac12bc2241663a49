"""The servers themselves: what the tests of the repository stage stand on, with the real git and curl as clients."""

from __future__ import annotations

import pytest
from client import Client, client
from control_repo import ControlRepo
from servers import STATUS_CODES, GitServer
from static_server import StaticServer
from swift import Swift, signed_curl


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
