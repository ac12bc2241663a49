"""What the tests of places have in common: an instance that trusts them, and what it asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from control_repo import ControlRepo
from fault_proxy import FaultProxy
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from roles import role_config
from runs import prepare
from servers import GitServer

#: The hosts of the tests that speak without encryption.
INSECURE = ["10.99.0.1", "git.test"]


@pytest.fixture
def ready(instance: Instance, git: GitServer) -> Instance:
    """An instance that may fetch in every way, branches and tags too, also from where nothing proves who answers."""
    prepare(instance, git, allow_branches_and_tags=True, insecure=INSECURE)
    return instance


@pytest.fixture
def asks(metadata: MetadataServer, repo: ControlRepo) -> Callable[..., None]:
    """Sets the user-data: asks(url, revision=…, mirrors=[…])."""

    def ask(url: str, revision: str | None = None, mirrors: list[str] | None = None) -> None:
        config: dict[str, Any] = {"url": url, "revision": revision or repo.head, "mirrors": mirrors or []}
        metadata.service = Ec2(role_config(repo, repository=config))

    return ask


def behind(repo: ControlRepo, proxies: dict[str, FaultProxy], scheme: str, at: str = "") -> str:
    """The repository's URL through the proxy that counts."""
    return repo.url(scheme, at=at, host="git.test", port=proxies[scheme].port)


def trust_proxies(instance: Instance, git: GitServer, proxies: dict[str, FaultProxy]) -> None:
    key = git.known_hosts.split()[1:3]
    instance.write("/etc/bootwright/known_hosts", f"[git.test]:{proxies['ssh'].port} {' '.join(key)}\n{git.known_hosts}")
