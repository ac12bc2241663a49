"""What goes wrong with the repository, and what the operator reads then. Each fault ends in a clear error, and the same instance
converges once the fault is gone."""

from __future__ import annotations

import pytest
from control_repo import ControlRepo
from fault_proxy import FaultProxy
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from roles import IMPATIENT, merged, role_config
from runs import converges, fails
from servers import GitServer


def test_a_revision_that_is_not_there_yet(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    missing = "0123456789" * 4
    metadata.service = Ec2(role_config(repo, revision=missing))
    run = fails(impatient, "repository", "git.revision_not_found", "permanent", missing)
    assert run["revision"] == {"asked": missing, "resolved": None}
    metadata.service = Ec2(role_config(repo))
    converges(impatient)


def test_a_repository_that_is_not_there(impatient: Instance, metadata: MetadataServer, repo: ControlRepo, git: GitServer) -> None:
    metadata.service = Ec2(role_config(repo, url=git.url("no-such")))
    fails(impatient, "repository", "git.no_repository", "permanent", git.url("no-such"))
    metadata.service = Ec2(role_config(repo))
    converges(impatient)


@pytest.mark.parametrize("fault", ["refuse", "silence", "cut-silence", "cut-reset", "cut-close"])
@pytest.mark.parametrize("scheme", ["http", "ssh"])
def test_a_repository_host_that_fails(
    instance: Instance,
    metadata: MetadataServer,
    repo: ControlRepo,
    git: GitServer,
    proxies: dict[str, FaultProxy],
    fault: str,
    scheme: str,
) -> None:
    instance.configure(merged(IMPATIENT, {"retry": {"repository": {"attempts": 1}}}))
    instance.write("/etc/bootwright/ssh_key", git.ssh_key.read_bytes(), 0o600)
    port = proxies[scheme].port
    hosts = git.known_hosts.replace("10.99.0.1,git.test", f"[10.99.0.1]:{port}")
    instance.write("/etc/bootwright/known_hosts", hosts)
    repo.commit_ballast(1)
    metadata.service = Ec2(role_config(repo, url=repo.url(scheme, port=port)))
    proxy = proxies[scheme]
    if fault == "refuse":
        proxy.refuse()
    elif fault == "silence":
        proxy.silence()
    else:
        proxy.cut(300_000, fault.removeprefix("cut-"))
    done = instance.bootwright("run")
    error = instance.status()["run"]["error"]
    assert done.returncode == 1 and error["stage"] == "repository" and error["kind"] == "transient", error
    if "silence" in fault:
        assert error["code"] in ("server.stalled", "server.unreachable")
    else:
        assert error["code"] == "server.unreachable"
    proxy.heal()
    converges(instance)


def test_a_trickle_is_left_at_the_timeout(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo, proxy: FaultProxy
) -> None:
    instance.configure(merged(IMPATIENT, {"repository": {"timeout": "4s"}, "retry": {"repository": {"attempts": 1}}}))
    repo.commit_ballast(1)
    proxy.limit(50_000)
    metadata.service = Ec2(role_config(repo, url=repo.url(port=proxy.port)))
    fails(instance, "repository", "repository.timeout", "transient")
    proxy.heal()
    converges(instance)


@pytest.mark.parametrize("trust", ["https-ca", "ssh-known-hosts", "ssh-other-key-of-host"])
def test_a_server_that_is_not_trusted(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo, git: GitServer, trust: str
) -> None:
    impatient.write("/etc/bootwright/ssh_key", git.ssh_key.read_bytes(), 0o600)
    scheme = trust.split("-")[0]
    if trust == "ssh-known-hosts":
        impatient.write("/etc/bootwright/known_hosts", "other.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==\n")
    if trust == "ssh-other-key-of-host":
        stranger = " ".join((git.folder / "other_ssh_key.pub").read_text().split()[:2])
        impatient.write("/etc/bootwright/known_hosts", f"10.99.0.1 {stranger}\n")
    url = repo.url(scheme).replace("10.99.0.1", "git.test") if scheme == "https" else repo.url(scheme)
    metadata.service = Ec2(role_config(repo, url=url))
    advised = "repository.ca_file" if scheme == "https" else "repository.known_hosts"
    fails(impatient, "repository", "server.not_trusted", "permanent", advised)


@pytest.mark.parametrize("problem", ["no-key", "no-known-hosts", "exposed", "unknown-key"])
def test_ssh_without_what_it_needs(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo, git: GitServer, problem: str
) -> None:
    key = git.other_ssh_key if problem == "unknown-key" else git.ssh_key
    if problem != "no-key":
        impatient.write("/etc/bootwright/ssh_key", key.read_bytes(), 0o644 if problem == "exposed" else 0o600)
    if problem != "no-known-hosts":
        impatient.write("/etc/bootwright/known_hosts", git.known_hosts)
    metadata.service = Ec2(role_config(repo, url=repo.url("ssh")))
    code = {
        "no-key": "repository.no_ssh_key",
        "no-known-hosts": "repository.no_known_hosts",
        "exposed": "repository.ssh_key_exposed",
        "unknown-key": "server.access_denied",
    }[problem]
    fails(impatient, "repository", code, "permanent")
    impatient.write("/etc/bootwright/ssh_key", git.ssh_key.read_bytes(), 0o600)
    impatient.write("/etc/bootwright/known_hosts", git.known_hosts)
    converges(impatient)


def test_a_password_that_is_refused(impatient: Instance, metadata: MetadataServer, repo: ControlRepo, git: GitServer) -> None:
    impatient.write("/etc/bootwright/ca.pem", git.ca_file.read_bytes())
    impatient.configure({"repository": {"ca_file": "/etc/bootwright/ca.pem"}}, "agent.d/ca.json")
    url = repo.url("https", host="git.test", credentials=True).replace(git.PASSWORD, "wrong-password")
    metadata.service = Ec2(role_config(repo, url=url))
    fails(impatient, "repository", "server.access_denied", "permanent")
    assert "wrong-password" not in impatient.read("/run/bootwright/status.json")


@pytest.mark.parametrize("damage", ["truncated-pack", "flipped-bit", "no-objects", "no-head"])
def test_a_damaged_repository_on_disk_is_fetched_again(
    impatient: Instance, metadata: MetadataServer, repo: ControlRepo, damage: str
) -> None:
    metadata.service = Ec2(role_config(repo))
    converges(impatient)
    repository = next(impatient.path("/var/lib/bootwright/repository").glob("*.git"))
    pack = next(repository.glob("objects/pack/*.pack"))
    content = bytearray(pack.read_bytes())
    if damage == "truncated-pack":
        content = content[: len(content) // 2]
    elif damage == "flipped-bit":
        for offset in range(20, len(content), 97):
            content[offset] ^= 0x10
    pack.chmod(0o644)
    pack.write_bytes(bytes(content))
    if damage == "no-objects":
        impatient.run(["sh", "-c", "rm -rf /var/lib/bootwright/repository/*.git/objects"], check=True)
    if damage == "no-head":
        (repository / "HEAD").unlink()
    converges(impatient)
    impatient.remove("/var/lib/bootwright/checkout")
    converges(impatient)
