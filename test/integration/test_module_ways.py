"""Each kind of declaration of a Puppetfile, each way: locked, installed from where it is, from a snapshot, and from a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from forge import Forge
from forge_archives import module as release_of
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from module_locks import LOCK, WORK, control, lay_out, locks, ready, releases, snapshot_of
from on_disk import assert_sound, checkout, runs
from roles import role_config
from runs import SEED, places
from servers import GitServer
from shapes import ShapedRepo, files_of
from static_server import StaticServer
from test_modules import DECLARED, FROM_THE_FORGE, PLACES, module, puppetfile

#: Those that no server is asked for: nothing of them goes into the lock's place.
OWN = {
    "local": b"mod 'extra', :local => true\n",
    "vendored": b"mod 'extra', :git => 'https://git.test/vendored.git', :commit => '0123456789012345678901234567890123456789'\n",
}
OWN_FILES = {"modules/extra/version": b"the tree's own\n"}


@pytest.fixture
def everything_answers_again(static: StaticServer, git: GitServer) -> Iterator[None]:
    yield
    static.ensure_running()
    git.ensure_running()


@pytest.mark.parametrize("kind", [*DECLARED, *FROM_THE_FORGE, *OWN])
@pytest.mark.usefixtures("everything_answers_again")
def test_each_declaration_goes_each_way(
    ready: Instance, metadata: MetadataServer, git: GitServer, static: StaticServer, shape: Callable[..., Any], module: ShapedRepo,
    releases: Forge, kind: str,
) -> None:  # fmt: skip
    archives = {version: release_of("acme-web", version, files={"version": version}) for version in ("1.0.0", "2.0.0")}
    for one in archives.values():
        releases.add(one)
    if kind in DECLARED:
        text, place = puppetfile(kind, module), PLACES.get(kind, "modules/extra")
        version = module.git("cat-file", "-p", f"{DECLARED[kind][1]}:version").decode()
    elif kind in FROM_THE_FORGE:
        digest = hashlib.sha256(archives["1.0.0"].archive()).hexdigest()
        (declared, version), place = FROM_THE_FORGE[kind], "modules/web"
        text = declared.replace("SUM", digest).encode()
    else:
        text, place, version = OWN[kind], "modules/extra", "the tree's own\n"
    repo = control(shape, {"Puppetfile": text, **(OWN_FILES if kind in OWN else {})})
    if kind != "vendored":  # there is nothing to lock, and nobody to ask
        lay_out(ready, repo, "no-such" if kind == "control branch that is not there" else "production")
        locks(ready)
        repo.commit({LOCK: ready.read(f"{WORK}/{LOCK}").encode()})

    metadata.service = Ec2(role_config(repo))
    runs(ready)
    installed = files_of(checkout(ready, repo.head))
    assert (checkout(ready, repo.head) / place / "version").read_text() == version

    snapshot = snapshot_of(ready, repo, static, "" if kind in OWN else place)
    git.stop()
    releases.releases.clear()
    ready.remove("/var/lib/bootwright")
    metadata.service = Ec2(role_config(repo, repository=snapshot))
    runs(ready)
    assert files_of(checkout(ready, repo.head)) == installed
    assert_sound(ready)

    static.stop()
    ready.remove("/var/lib/bootwright")
    ready.run(["git", "init", "-q", "--bare", SEED], check=True)
    ready.run(["git", "-C", SEED, "bundle", "unbundle", f"/tmp/snapshots/{repo.head}.bundle"], check=True)
    metadata.service = Ec2(role_config(repo, url="https://git.example.com/puppet.git"))
    runs(ready)
    assert places(ready) == []
    assert files_of(checkout(ready, repo.head)) == installed
