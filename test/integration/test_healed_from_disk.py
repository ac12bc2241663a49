"""What runs stays so on disk: what was pushed away on the server remains, and what is damaged is healed."""

from __future__ import annotations

from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from runs import CHECKOUTS, REPOSITORIES, converges, has_checkout, is_sound
from servers import GitServer
from signing import asks, ready

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
