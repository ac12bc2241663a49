"""Where names lead: tags, branches, and the commit before which nothing runs."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from lying_git_server import git as git_bytes
from metadata_server import MetadataServer
from metadata_services import Ec2
from real_machine import command
from roles import role_config
from runs import CHECKOUTS, SEED, converges, fails, has_checkout, is_sound, places, prepare
from servers import GitServer
from signing import asks, never_ran, ready, signers, trusts


# Names


@pytest.mark.parametrize("verify", ["none", "tag"])
@pytest.mark.parametrize("as_a", ["tag", "branch"])
def test_an_old_signed_tag_does_not_pass_for_a_new_one(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, signers: Any, verify: str, as_a: str
) -> None:
    """A server that gives the signed v1 where v2 is asked for. As a branch it is no matter of tags where none must be signed."""
    ann = signers["ssh", "ann"]
    prepare(ready, git, verify=verify, allow_branches_and_tags=True)
    trusts(ready, ann)
    old = ann.commit(repo, signs=False)
    ann.tag(repo, "v1")
    new = ann.commit(repo, signs=False)
    ann.tag(repo, "v2")
    right = git_bytes(repo.bare, "rev-parse", "refs/tags/v2").decode().strip()
    wrong = git_bytes(repo.bare, "rev-parse", "refs/tags/v1" if as_a == "tag" else old).decode().strip()
    git_bytes(repo.bare, "update-ref", "-d", "refs/tags/v2")
    git_bytes(repo.bare, "update-ref", "refs/tags/v2" if as_a == "tag" else "refs/heads/v2", wrong)
    asks("v2", repo.url("https", host="git.test"))
    if verify == "none" and as_a == "branch":
        converges(ready)
        return
    fails(ready, "repository", "repository.tag_misnamed", "permanent", "v1", "v2")
    never_ran(ready, old)
    if as_a == "branch":
        git_bytes(repo.bare, "update-ref", "-d", "refs/heads/v2")
    git_bytes(repo.bare, "update-ref", "refs/tags/v2", right)
    converges(ready)
    has_checkout(ready, repo, new)


@pytest.mark.parametrize("way", ["http", "git"])
def test_a_name_is_followed_only_where_who_answers_is_proven(
    ready: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer, signers: Any, way: str
) -> None:
    """Whoever is in between would say where the branch leads, and have root."""
    proven = repo.url("https", host="git.test")

    def ask(url: str, *mirrors: str) -> None:
        named = {"url": url, "mirrors": list(mirrors), "revision": "main"}
        metadata.service = Ec2(role_config(repo, repository=named))

    prepare(ready, git, allow_branches_and_tags=True)
    ask(repo.url(way))
    fails(ready, "repository", "repository.insecure", "permanent", repo.url(way), "https")
    never_ran(ready, repo.head)
    ask(repo.url(way), proven)
    converges(ready)
    assert [said == "gave it" for _, said in places(ready)] == [False, True]
    repo.commit({"next": "x"})
    ask(repo.url(way))
    prepare(ready, git, allow_branches_and_tags=True, insecure=["10.99.0.1"])
    converges(ready)
    has_checkout(ready, repo, repo.head)
    prepare(ready, git, allow_branches_and_tags=True, verify="commit")
    trusts(ready, signers["ssh", "ann"])
    revision = signers["ssh", "ann"].commit(repo)
    converges(ready)
    has_checkout(ready, repo, revision)


@pytest.mark.parametrize("what", ["tag", "tree"])
@pytest.mark.parametrize("way", ["https", "http-v0", "ssh", "git", "file", "disk"])
def test_a_pin_that_is_no_commit_is_told_with_the_commit(
    ready: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer, way: str, what: str
) -> None:
    repo.tag("v1", annotated=True)
    pin = git_bytes(repo.bare, "rev-parse", "v1" if what == "tag" else "HEAD^{tree}").decode().strip()
    urls = {"https": repo.url("https", host="git.test"), "http-v0": repo.url(at="v0"), "ssh": repo.url("ssh"), "git": repo.url("git")}
    if way == "file":
        shutil.copytree(repo.bare, ready.path("/srv/copy.git"))
    if way == "disk":
        shutil.copytree(repo.bare, ready.path(SEED))
    pinned = {"url": urls.get(way, "file:///srv/copy.git"), "mirrors": [repo.url()], "revision": pin}
    metadata.service = Ec2(role_config(repo, repository=pinned))
    said = f"is an annotated tag of commit {repo.head}" if what == "tag" else "is a tree, not a commit"
    run = fails(ready, "repository", "git.revision_invalid", "permanent", pin, said)
    assert len(run["places"]) == (0 if way == "disk" else 1)  # no mirror can help


# Not before


@pytest.mark.parametrize("way", ["https", "http-v0", "ssh", "git", "file", "seed"])
def test_nothing_runs_before_the_commit_that_the_image_names(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, signers: Any, way: str
) -> None:
    """User-data pins older commits, signed as well as any; also one whose checkout is there from before."""
    ann = signers["ssh", "ann"]
    old, least, between, new = (ann.commit(repo) for _ in range(4))
    repo.rewind(old)
    repo.commit({"other": "x"})
    other = ann.commit(repo)
    repo.branch("other", other)
    repo.rewind(new)
    if way in ("file", "seed"):
        shutil.copytree(repo.bare, ready.path("/srv/copy.git" if way == "file" else SEED))
    urls = {"https": repo.url("https", host="git.test"), "http-v0": repo.url(at="v0"), "ssh": repo.url("ssh"), "git": repo.url("git")}
    url = urls.get(way, "file:///srv/copy.git")

    def image(**settings: Any) -> None:
        prepare(ready, git, verify="commit", **settings)
        ready.configure({"allow_from_anywhere": ["repository.url.file"]}, "agent.d/anywhere.json")

    image()
    trusts(ready, ann)
    asks(old, url)
    converges(ready)
    image(not_before=least)
    for bad in (old, other):
        asks(bad, url)
        done = ready.bootwright("run")
        assert done.returncode == 1, done.stdout
        # The second time the agent goes by the last accepted role config, whose revision is too old as well.
        assert f"commit {bad} does not descend from {least}" in done.stdout, done.stdout
        error = ready.status()["run"]["error"]
        assert (error["code"], error["kind"]) == ("repository.not_before", "permanent") and "agent.json" in error["advice"]
        assert not ready.exists(f"/var/lib/bootwright/runs/{ready.status()['run']['number']:06d}/puppet.jsonl")
    for good in (new, least, between):
        asks(good, url)
        converges(ready)
        has_checkout(ready, repo, good)
    is_sound(ready)
    git.stop()
    asks(new, url)
    converges(ready)


# What moves on the server


def test_a_branch_goes_on_but_is_not_rewritten(ready: Instance, git: GitServer, repo: ControlRepo, asks: Any) -> None:
    prepare(ready, git, allow_branches_and_tags=True)
    first = repo.head
    asks("main", repo.url("https", host="git.test"))
    converges(ready)
    repo.commit({"second": "x"})
    second = repo.commit({"third": "x"})
    converges(ready)
    assert ready.status()["run"]["revision"]["resolved"] == second
    repo.rewind(first)
    other = repo.commit({"other": "x"})
    done = ready.bootwright("run")
    error = ready.status()["run"]["error"]
    assert done.returncode == 1 and error["code"] == "repository.branch_rewritten" and error["kind"] == "permanent"
    assert other in error["message"] and second in error["message"]
    assert not ready.exists(f"{CHECKOUTS}/{other}")
    prepare(ready, git, allow_branches_and_tags=True, allow_rewritten_branches=True)
    converges(ready)
    assert ready.status()["run"]["revision"]["resolved"] == other
    has_checkout(ready, repo, other)
    is_sound(ready)


@pytest.mark.parametrize("lost", ["nothing", "checkout", "seal"])
def test_a_pin_that_was_pushed_away_stays_on_disk(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, lost: str
) -> None:
    first = repo.head
    pin = repo.commit({"second": "x"})
    asks(pin)
    converges(ready)
    repo.rewind(first)
    command("git", "-C", repo.bare, "gc", "-q", "--prune=now")
    if lost != "nothing":
        ready.remove(f"{CHECKOUTS}/{pin}" + (".seal" if lost == "seal" else ""))
    git.stop()
    converges(ready)
    has_checkout(ready, repo, pin)
