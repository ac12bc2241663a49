"""Who signs, and an instance that asks for it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from real_machine import command
from roles import role_config
from runs import CHECKOUTS, prepare
from servers import GitServer

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
