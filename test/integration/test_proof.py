"""What runs is what was pinned, signed by whom the image asks for, and stays so on disk."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from lying_git_server import git as git_bytes
from metadata_server import MetadataServer
from metadata_services import Ec2
from real_machine import command
from roles import role_config
from runs import CHECKOUTS, REPOSITORIES, SEED, converges, fails, has_checkout, is_sound, places, prepare
from servers import GitServer
from world import World

ALLOWED = "/etc/bootwright/allowed_signers"


@dataclass
class Signer:
    """Somebody with a key, and what an image has to know of it."""

    name: str  # as the status shows it
    options: list[str]  # for git
    public: bytes  # a line of allowed_signers, or a keyring
    env: dict[str, str] = field(default_factory=dict)

    def commit(self, repo: ControlRepo, *, signs: bool = True) -> str:
        repo._git(*self.options, "commit", "-q", "--allow-empty", *(["-S"] if signs else []), "-m", "A change", env=self.env)
        repo._git("push", "-q", str(repo.bare), "HEAD:refs/heads/main")
        return repo.head

    def tag(self, repo: ControlRepo, name: str, *, signs: bool = True) -> None:
        kind = ["-s"] if signs else ["-a"]
        repo._git(*self.options, "tag", *kind, "-m", name, name, env=self.env)
        repo._git("push", "-q", str(repo.bare), f"refs/tags/{name}")


def ssh_signer(folder: Path, name: str) -> Signer:
    key = folder / name
    command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key)
    line = f'{name}@example.com namespaces="git" {key.with_suffix(".pub").read_text()}'
    return Signer(f"{name}@example.com", ["-c", "gpg.format=ssh", "-c", f"user.signingkey={key}"], line.encode())


def openpgp_signer(folder: Path, name: str) -> Signer:
    env = {"GNUPGHOME": str(folder)}
    command(
        "gpg", "--batch", "-q", "--passphrase", "", "--quick-gen-key", f"{name} <{name}@example.com>", "ed25519", "sign", "never",
        env=env,
    )  # fmt: skip
    command("gpg", "--batch", "-q", "--output", folder / f"{name}.gpg", "--export", f"{name}@example.com", env=env)
    public = (folder / f"{name}.gpg").read_bytes()
    return Signer(f"{name} <{name}@example.com>", ["-c", f"user.signingkey={name}@example.com"], public, env)


def ssh_string(content: bytes | str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return len(content).to_bytes(4, "big") + content


def ssh_signature(key: Path, payload: bytes, digest: str, algorithm: str) -> str:
    """By an RSA key, as nobody's ssh-keygen makes it: over any digest, by any algorithm (PROTOCOL.sshsig of OpenSSH)."""
    public = base64.b64decode(key.with_suffix(".pub").read_text().split()[1])
    head = ssh_string("git") + ssh_string("") + ssh_string(digest)
    signed = b"SSHSIG" + head + ssh_string(hashlib.new(digest, payload, usedforsecurity=False).digest())
    dgst = {"ssh-rsa": "-sha1", "rsa-sha2-256": "-sha256", "rsa-sha2-512": "-sha512"}[algorithm]
    made = subprocess.run(["openssl", "dgst", dgst, "-sign", key], input=signed, capture_output=True, check=True).stdout
    blob = b"SSHSIG" + (1).to_bytes(4, "big") + ssh_string(public) + head + ssh_string(ssh_string(algorithm) + ssh_string(made))
    text = base64.b64encode(blob).decode()
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----"])


def commit_with_signature(repo: ControlRepo, sign: Callable[[bytes], str]) -> str:
    """A commit whose signature git itself would not make, at the tip of main."""
    repo._git("commit", "-q", "--allow-empty", "-m", "A change")
    payload = git_bytes(repo.work, "cat-file", "commit", "HEAD")
    head, message = payload.split(b"\n\n", 1)
    signed = head + b"\ngpgsig " + sign(payload).replace("\n", "\n ").encode() + b"\n\n" + message
    commit = git_bytes(repo.work, "hash-object", "-t", "commit", "-w", "--stdin", input=signed).decode().strip()
    repo._git("reset", "-q", "--hard", commit)
    repo._git("push", "-q", str(repo.bare), "HEAD:refs/heads/main")
    return commit


@pytest.fixture(scope="session")
def signers() -> Iterator[dict[tuple[str, str], Signer]]:
    """By kind, and by name: ann, whom images know, and a stranger."""
    with tempfile.TemporaryDirectory() as folder:
        made = {("ssh", name): ssh_signer(Path(folder), name) for name in ("ann", "stranger")}
        made |= {("openpgp", name): openpgp_signer(Path(folder), name) for name in ("ann", "stranger")}
        yield made
        command("gpgconf", "--kill", "all", env={"GNUPGHOME": folder})


@pytest.fixture
def asks(metadata: MetadataServer, repo: ControlRepo) -> Callable[..., None]:
    def ask(revision: str | None = None, url: str | None = None) -> None:
        metadata.service = Ec2(role_config(repo, url=url, revision=revision))

    return ask


@pytest.fixture
def ready(instance: Instance, git: GitServer) -> Instance:
    prepare(instance, git)
    return instance


def trusts(instance: Instance, signer: Signer) -> None:
    file = ALLOWED if signer.public.endswith(b"\n") and b"ssh-ed25519" in signer.public else "/etc/bootwright/keyring.gpg"
    instance.write(file, signer.public)


def never_ran(instance: Instance, revision: str) -> None:
    """Neither a checkout is there, nor was Puppet started."""
    assert not instance.exists(f"{CHECKOUTS}/{revision}")
    assert not list(instance.path("/var/lib/bootwright/runs").glob("*/puppet.jsonl"))


# Signatures


@pytest.mark.parametrize("kind", ["ssh", "openpgp"])
@pytest.mark.parametrize(
    ("verify", "commit", "tag", "good"),
    [
        ("none", False, None, True),
        ("commit", True, None, True),
        ("commit", False, None, False),
        ("commit", False, True, False),
        ("tag", False, True, True),
        ("tag", True, None, False),
        ("tag", True, False, False),
        ("both", True, True, True),
        ("both", True, False, False),
        ("both", False, True, False),
    ],
)
def test_only_what_is_signed_as_asked_runs(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, signers: Any,
    kind: str, verify: str, commit: bool, tag: bool | None, good: bool,
) -> None:  # fmt: skip
    """commit, tag: whether it is signed; None: there is none."""
    ann = signers[kind, "ann"]
    prepare(ready, git, verify=verify)
    trusts(ready, ann)
    revision = ann.commit(repo, signs=commit)
    if tag is not None:
        ann.tag(repo, "v1", signs=tag)
    asks()
    if good:
        converges(ready)
        has_checkout(ready, repo, revision)
        signer = ready.status()["run"]["signer"]
        assert signer is None if verify == "none" else signer.startswith(ann.name)
        converges(ready)
        assert ready.status()["run"]["signer"] == signer
    else:
        fails(ready, "repository", "repository.signature_missing", "permanent")
        never_ran(ready, revision)
        prepare(ready, git, verify="none")
        converges(ready)


@pytest.mark.parametrize("kind", ["ssh", "openpgp"])
@pytest.mark.parametrize("verify", ["commit", "tag"])
def test_a_stranger_s_signature_does_not_count(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, signers: Any, kind: str, verify: str
) -> None:
    prepare(ready, git, verify=verify)
    trusts(ready, signers[kind, "ann"])
    stranger = signers[kind, "stranger"]
    revision = stranger.commit(repo)
    stranger.tag(repo, "v1")
    asks()
    fails(ready, "repository", "repository.signature_untrusted", "permanent")
    never_ran(ready, revision)
    trusts(ready, stranger)
    converges(ready)
    assert ready.status()["run"]["signer"].startswith(stranger.name)


def test_an_openpgp_signature_over_sha_1_proves_nothing(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, tmp_path: Path
) -> None:
    """Two contents of one SHA-1 can be made: whoever lets one be signed has the other signed too."""
    weak = openpgp_signer(tmp_path, "ann")
    (tmp_path / "gpg.conf").write_text("digest-algo SHA1\n")
    prepare(ready, git, verify="commit")
    trusts(ready, weak)
    revision = weak.commit(repo)
    asks()
    fails(ready, "repository", "repository.signature_untrusted", "permanent", "SHA-1")
    never_ran(ready, revision)
    (tmp_path / "gpg.conf").unlink()
    weak.commit(repo)
    asks()
    converges(ready)
    command("gpgconf", "--kill", "all", env=weak.env)


def test_a_revoked_subkey_proves_nothing_and_the_one_beside_it_does(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, tmp_path: Path
) -> None:
    """A primary key that only certifies, with two subkeys that sign, as people have them who keep the first one offline."""
    with tempfile.TemporaryDirectory() as home:
        env = {"GNUPGHOME": home}

        def gpg(*arguments: str, input: str = "") -> str:
            return command("gpg", "--batch", "-q", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "", *arguments, env=env, input=input)

        def fingerprints() -> list[str]:
            return [line.split(":")[9] for line in gpg("--with-colons", "-K").splitlines() if line.startswith("fpr:")]

        def ring() -> bytes:
            gpg("--yes", "--output", str(tmp_path / "ring.gpg"), "--export")
            return (tmp_path / "ring.gpg").read_bytes()

        gpg("--quick-gen-key", "ann <ann@example.com>", "ed25519", "cert", "never")
        for _ in range(2):
            gpg("--quick-add-key", fingerprints()[0], "ed25519", "sign", "never")
        primary, first, second = fingerprints()
        by_first, by_second = (Signer("ann <ann@example.com>", ["-c", f"user.signingkey={key}!"], b"", env) for key in (first, second))
        prepare(ready, git, verify="commit")
        ready.write("/etc/bootwright/keyring.gpg", ring())
        revision = by_first.commit(repo)
        asks()
        converges(ready)

        gpg("--command-fd", "0", "--edit-key", primary, input=f"key {first}\nrevkey\ny\n0\n\ny\nsave\n")
        revoked = ring()
        assert revoked != ready.path("/etc/bootwright/keyring.gpg").read_bytes()
        ready.write("/etc/bootwright/keyring.gpg", revoked)
        # Also what has run already, and lies on disk with the seal of then.
        fails(ready, "repository", "repository.signature_untrusted", "permanent", "revoked")
        good = by_second.commit(repo)
        asks()
        converges(ready)
        assert ready.status()["run"]["revision"]["resolved"] == good
        asks(revision)
        fails(ready, "repository", "repository.signature_untrusted", "permanent", "revoked")
        command("gpgconf", "--kill", "all", env=env)


@pytest.mark.parametrize(
    ("digest", "algorithm", "good"),
    [("sha512", "rsa-sha2-512", True), ("sha1", "rsa-sha2-512", False), ("sha512", "ssh-rsa", False)],
)
def test_an_ssh_signature_over_sha_1_proves_nothing(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, tmp_path: Path, digest: str, algorithm: str, good: bool
) -> None:
    key = tmp_path / "key"
    command("ssh-keygen", "-q", "-t", "rsa", "-b", "3072", "-m", "PEM", "-N", "", "-C", "", "-f", key)
    prepare(ready, git, verify="commit")
    ready.write(ALLOWED, f'ann@example.com namespaces="git" {key.with_suffix(".pub").read_text()}')
    revision = commit_with_signature(repo, lambda payload: ssh_signature(key, payload, digest, algorithm))
    asks()
    if good:
        converges(ready)
        assert ready.status()["run"]["signer"] == "ann@example.com"
    else:
        fails(ready, "repository", "repository.signature_untrusted", "permanent")
        never_ran(ready, revision)


@pytest.mark.parametrize(("kind", "file"), [("ssh", ALLOWED), ("openpgp", "/etc/bootwright/keyring.gpg")])
def test_without_keys_nothing_is_verified(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, signers: Any, kind: str, file: str
) -> None:
    prepare(ready, git, verify="commit")
    revision = signers[kind, "ann"].commit(repo)
    asks()
    fails(ready, "repository", "repository.verifier_missing", "permanent", file)
    never_ran(ready, revision)
    trusts(ready, signers[kind, "ann"])
    converges(ready)


def test_a_signed_tag_among_others_is_enough(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, signers: Any
) -> None:
    ann, stranger = signers["ssh", "ann"], signers["ssh", "stranger"]
    prepare(ready, git, verify="tag")
    trusts(ready, ann)
    ann.commit(repo, signs=False)
    stranger.tag(repo, "a-first")
    repo.tag("light")
    ann.tag(repo, "b-second")
    stranger.tag(repo, "c-third")
    asks()
    converges(ready)
    assert ready.status()["run"]["signer"] == ann.name


@pytest.mark.parametrize("way", ["http-v0", "ssh", "git", "file", "seed"])
def test_a_signed_tag_comes_each_way(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, signers: Any, way: str
) -> None:
    prepare(ready, git, verify="tag")
    trusts(ready, signers["ssh", "ann"])
    revision = signers["ssh", "ann"].commit(repo, signs=False)
    signers["ssh", "ann"].tag(repo, "v1")
    urls = {"http-v0": repo.url(at="v0"), "ssh": repo.url("ssh"), "git": repo.url("git"), "file": "file:///srv/copy.git"}
    if way in ("file", "seed"):
        shutil.copytree(repo.bare, ready.path("/srv/copy.git" if way == "file" else SEED))
    ready.configure({"allow_from_anywhere": ["repository.url.file"]}, "agent.d/allow.json")
    asks(url=urls.get(way, git.url("gone")))
    converges(ready)
    has_checkout(ready, repo, revision)


@pytest.mark.parametrize("change", ["revoked", "demanded"])
def test_a_changed_demand_counts_for_what_is_on_disk(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, signers: Any, change: str
) -> None:
    ann = signers["ssh", "ann" if change == "revoked" else "stranger"]
    prepare(ready, git, verify="commit" if change == "revoked" else "none")
    trusts(ready, ann)
    revision = ann.commit(repo)
    asks()
    converges(ready)
    trusts(ready, signers["ssh", "stranger" if change == "revoked" else "ann"])
    prepare(ready, git, verify="commit")
    done = ready.bootwright("run")
    run = ready.status()["run"]
    assert done.returncode == 1 and run["error"]["code"] == "repository.signature_untrusted", done.stdout
    assert not ready.exists(f"/var/lib/bootwright/runs/{run['number']:06d}/puppet.jsonl")
    trusts(ready, ann)
    converges(ready)
    has_checkout(ready, repo, revision)


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


# What is damaged on disk


DAMAGE = {
    "a changed file": f"cd {CHECKOUTS}/*/manifests; echo '# changed' >> site.pp",
    "the same size": f"sed -i 's/node/edon/' {CHECKOUTS}/*/manifests/site.pp",
    "the old time": f"cd {CHECKOUTS}/*/manifests; cp -a site.pp /tmp/old; echo '# x' >> site.pp; touch -r /tmp/old site.pp",
    "a missing file": f"rm {CHECKOUTS}/*/manifests/site.pp",
    "a surplus file": f"cd {CHECKOUTS}/*/manifests; touch surplus.pp",
    "another mode": f"chmod 0755 {CHECKOUTS}/*/manifests/site.pp",
    "a link": f"cd {CHECKOUTS}/*/manifests; mv site.pp /tmp/; ln -s /tmp/site.pp site.pp",
    "a file for the checkout": f"cd {CHECKOUTS}; set -- [0-9a-f]*[0-9a-f]; for f in ????????????????????????????????????????; do rm -r $f; echo x > $f; done",
    "an empty seal": f"for f in {CHECKOUTS}/*.seal; do : > $f; done",
    "a seal of garbage": f"for f in {CHECKOUTS}/*.seal; do head -c 100000 /dev/urandom > $f; done",
    "a seal that lies": f"for f in {CHECKOUTS}/*.seal; do echo '{{\"fingerprint\": 1, \"policy\": \"x\", \"signer\": \"eve\"}}' > $f; done",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkout_is_healed_from_disk(
    ready: Instance, git: GitServer, repo: ControlRepo, asks: Any, damage: str
) -> None:
    asks()
    converges(ready)
    ready.run(["sh", "-c", DAMAGE[damage]], check=True)
    git.stop()
    converges(ready)
    has_checkout(ready, repo, repo.head)
    assert ready.status()["run"]["signer"] is None


@pytest.mark.parametrize("damage", ["flipped", "truncated", "removed", "index", "refs", "all"])
@pytest.mark.parametrize("with_checkout", [True, False])
def test_a_damaged_object_is_fetched_again(
    ready: Instance, repo: ControlRepo, asks: Any, damage: str, with_checkout: bool
) -> None:
    asks()
    converges(ready)
    repository = next(ready.path(REPOSITORIES).glob("*.git"))
    for file in repository.glob("objects/pack/*.idx" if damage == "index" else "objects/pack/*.pack"):
        content = bytearray(file.read_bytes())
        file.chmod(0o644)
        if damage in ("flipped", "index"):
            content[len(content) // 2] ^= 1
        elif damage == "truncated":
            content = content[:-100]
        file.write_bytes(content)
        if damage == "removed":
            file.unlink()
    if damage in ("refs", "all"):
        ready.run(["sh", "-c", f"rm -rf {REPOSITORIES}/*.git/" + ("refs" if damage == "refs" else "*")], check=True)
    if with_checkout:
        repo.commit({"next": "x"})
        asks()
    else:
        ready.remove(CHECKOUTS)
    converges(ready)
    has_checkout(ready, repo, repo.head)
    if not with_checkout:
        is_sound(ready)  # else the damage is found once it is in the way
