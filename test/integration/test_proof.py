"""What runs is signed by whom the image asks for."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from lying_git_server import git as git_bytes
from real_machine import command
from runs import SEED, converges, fails, has_checkout, prepare
from servers import GitServer
from signing import ALLOWED, Signer, asks, never_ran, openpgp_signer, ready, signers, trusts


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
