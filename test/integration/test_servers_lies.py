"""The git server that lies, with the real git as its client."""

from __future__ import annotations

import subprocess
from typing import Any

import lying_git_server as lies
import pytest
from client import Client, client
from control_repo import ControlRepo
from lying_git_server import LyingGitServer


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
