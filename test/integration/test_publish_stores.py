"""packaging/image/publish with real stores: Swift with its S3 API, and a web folder behind sshd with rsync."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/image"))

from fault_proxy import FaultProxy  # noqa: E402
from machine import Machine  # noqa: E402
from network import SERVERS_ADDRESS  # noqa: E402
from releases import copies, digest, make_release  # noqa: E402
from swift import PORTS, REGION, Swift  # noqa: E402
from world import World  # noqa: E402

MIB = 1 << 20
#: Four parts of the smallest size, the last one short.
SIZE = 16 * MIB
PROXY_PORT, SSH_PROXY_PORT, SSH_PORT = 8950, 8922, 8921
KEYS = {"AWS_ACCESS_KEY_ID": Swift.OWNER[0], "AWS_SECRET_ACCESS_KEY": Swift.OWNER[1]}

_SSHD = f"""\
ListenAddress {SERVERS_ADDRESS}
Port {SSH_PORT}
HostKey /etc/web/host_key
AuthorizedKeysFile /etc/web/authorized_keys
StrictModes no
UsePAM no
PidFile none
"""


class Publisher:
    """The machine that publishes. Its targets: paris and tokyo, which is behind a proxy that fails as told, and web."""

    def __init__(self, world: World, swift: Swift, folder: Path) -> None:
        self.swift, self.folder = swift, folder
        self.machine = world.machine(
            "publisher", world.network.servers, shared={"/opt/image": ROOT / "packaging/image", "/releases": folder}
        )
        self.proxy = FaultProxy(world.network.servers, PROXY_PORT, (SERVERS_ADDRESS, PORTS["http"]))
        self.ssh_proxy = FaultProxy(world.network.servers, SSH_PROXY_PORT, (SERVERS_ADDRESS, SSH_PORT))
        self.prefix = 0

    def fresh(self) -> None:
        """The next test gets a place of its own in each store."""
        self.prefix += 1
        self.proxy.heal()
        self.ssh_proxy.heal()
        store = {"kind": "s3", "bucket": Swift.BUCKET, "region": REGION, "part_mib": "5"}
        targets = {
            "paris": {**store, "endpoint": self.swift.endpoint(), "prefix": f"paris-{self.prefix}"},
            "tokyo": {**store, "endpoint": self.swift.endpoint(port=PROXY_PORT), "prefix": f"tokyo-{self.prefix}"},
            "web": {"kind": "web", "host": "web", "folder": f"/srv/images-{self.prefix}", "url": "https://web.example/images"},
        }
        (self.folder / "targets.json").write_text(json.dumps(targets))

    def argv(self, manifest: Path, *arguments: str) -> list[str]:
        inside = f"/releases/{manifest.relative_to(self.folder)}"
        return ["/opt/image/publish", inside, "--targets", "/releases/targets.json", "--patience", "1", *arguments]

    def publish(self, manifest: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.machine.run(self.argv(manifest, *arguments), env=KEYS, timeout=90)

    def part_writes(self, target: str) -> list[str]:
        """The requests that wrote a part, by target's prefix, and were answered well."""
        start = f"/{Swift.BUCKET}/{target}-{self.prefix}/"
        asked = [one for one in self.swift.requests() if one["method"] == "PUT" and one["uri"].startswith(start)]
        return [one["uri"] for one in asked if "partNumber=" in one["uri"] and one["status"] == 200]


@pytest.fixture(scope="module")
def _publisher(world: World, _swift: Swift, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    made = Publisher(world, _swift, tmp_path_factory.mktemp("publish"))
    _serve_web(made.machine)
    yield made
    made.proxy.close()
    made.ssh_proxy.close()


@pytest.fixture
def publisher(_publisher: Publisher) -> Publisher:
    _publisher.fresh()
    return _publisher


@pytest.fixture
def release(publisher: Publisher) -> Callable[..., Path]:
    return lambda name="release", size=SIZE, **options: make_release(publisher.folder / f"{publisher.prefix}-{name}", size=size, **options)


def _serve_web(machine: Machine) -> None:
    """sshd, and who may log in: the same machine has both ends."""
    machine.path("/etc/web").mkdir()
    for key in ("/etc/web/host_key", "/root/.ssh/id_ed25519"):
        machine.path(key).parent.mkdir(mode=0o700, exist_ok=True)
        machine.path(key).unlink(missing_ok=True)
        machine.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    machine.write("/etc/web/authorized_keys", machine.read("/root/.ssh/id_ed25519.pub"))
    machine.write("/root/.ssh/known_hosts", f"[{SERVERS_ADDRESS}]:{SSH_PROXY_PORT} {machine.read('/etc/web/host_key.pub')}", 0o600)
    machine.write("/root/.ssh/config", f"Host web\n  HostName {SERVERS_ADDRESS}\n  Port {SSH_PROXY_PORT}\n  User root\n", 0o600)
    machine.write("/etc/web/sshd_config", _SSHD)
    machine.path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    machine.start(["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/web/sshd_config"])
    machine.namespace.wait_until_listening(SERVERS_ADDRESS, SSH_PORT)


def test_several_regions_at_once_are_copied_proven_and_recorded(publisher: Publisher, release: Callable[..., Path]) -> None:
    manifest = release()
    before = manifest.read_bytes()
    done = publisher.publish(manifest, "--to", "paris", "tokyo", "web")
    assert done.returncode == 0, done.stdout + done.stderr
    record = copies(manifest)
    assert {name: copy["sha256"] for name, copy in record.items()} == dict.fromkeys(("paris", "tokyo", "web"), digest(manifest, "qcow2"))
    assert record["paris"]["verified"] == "sha256 of what the store gives back"
    assert record["paris"]["region"] == REGION
    assert record["web"]["location"] == "https://web.example/images/base/amd64/2026.4/base-2026.4-amd64.qcow2"
    assert manifest.read_bytes() == before, "the manifest is signed"
    # Not a byte of a release is missing: documents, too.
    files = {path.name for path in publisher.machine.path(f"/srv/images-{publisher.prefix}/base/amd64/2026.4").iterdir()}
    assert files == {"base-2026.4-amd64.qcow2", "base-2026.4-amd64.spdx.json", manifest.name, f"{manifest.name}.sig"}
    for text in (done.stdout, done.stderr, manifest.with_name(manifest.name + ".copies.json").read_text()):
        assert Swift.OWNER[1] not in text
    again = publisher.publish(manifest, "--to", "all")
    assert (again.returncode, again.stdout.count("is there since")) == (0, 3), again.stdout + again.stderr
    check = publisher.publish(manifest, "--to", "all", "--check", "--read-back")
    assert (check.returncode, check.stdout.count("same")) == (0, 3), check.stdout + check.stderr


def test_an_upload_that_was_killed_goes_on_where_it_was(publisher: Publisher, release: Callable[..., Path]) -> None:
    # Ten parts: the first is done long before the last.
    manifest = release(size=48 * MIB)
    running = publisher.machine.start(publisher.argv(manifest, "--to", "tokyo"), env=KEYS)
    end = time.monotonic() + 30
    while not publisher.part_writes("tokyo"):
        assert running.running and time.monotonic() < end, running.output
        time.sleep(0.01)
    running.kill_group()
    kept = len(publisher.part_writes("tokyo"))
    assert publisher.publish(manifest, "--to", "tokyo", "--check").returncode == 1, "half a copy is none"
    done = publisher.publish(manifest, "--to", "tokyo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "of 10 parts are there" in done.stdout
    assert len(publisher.part_writes("tokyo")) - kept < 10
    assert copies(manifest)["tokyo"]["sha256"] == digest(manifest, "qcow2")


def test_a_network_that_was_cut_is_waited_for(publisher: Publisher, release: Callable[..., Path]) -> None:
    manifest = release()
    running = publisher.machine.start(publisher.argv(manifest, "--to", "paris", "tokyo"), env=KEYS)
    end = time.monotonic() + 30
    while not publisher.part_writes("tokyo"):
        assert running.running and time.monotonic() < end, running.output
        time.sleep(0.01)
    publisher.proxy.cut_off(2)
    assert running.wait(60) == 0, running.output
    assert set(copies(manifest)) == {"paris", "tokyo"}


def test_a_region_that_is_away_harms_no_other_and_is_no_drift(publisher: Publisher, release: Callable[..., Path]) -> None:
    manifest = release()
    publisher.proxy.refuse()
    done = publisher.publish(manifest, "--to", "paris", "tokyo", "--patience", "0")
    assert done.returncode == 1
    assert "1 of 2 failed: tokyo" in done.stderr
    assert set(copies(manifest)) == {"paris"}
    check = publisher.publish(manifest, "--to", "paris", "tokyo", "--check")
    assert check.returncode == 3, check.stdout
    assert "could not be asked" in check.stdout
    publisher.proxy.heal()
    check = publisher.publish(manifest, "--to", "paris", "tokyo", "--check")
    assert (check.returncode, "missing, and never copied" in check.stdout) == (1, True)


def test_what_a_store_gives_back_damaged_is_not_recorded(publisher: Publisher, release: Callable[..., Path]) -> None:
    manifest = release()
    assert publisher.publish(manifest, "--to", "tokyo").returncode == 0
    record = manifest.with_name(manifest.name + ".copies.json")
    record.unlink()
    publisher.proxy.flip(3 * MIB)
    done = publisher.publish(manifest, "--to", "tokyo", "--patience", "0")
    assert (done.returncode, "has sha256" in done.stdout, record.exists()) == (1, True, False), done.stdout + done.stderr
    publisher.proxy.heal()
    assert publisher.publish(manifest, "--to", "tokyo").returncode == 0


def test_other_bytes_of_the_same_version_are_refused_and_told_as_drift(publisher: Publisher, release: Callable[..., Path]) -> None:
    first, second = release("first", size=MIB), release("second", size=MIB, seed=2)
    assert publisher.publish(first, "--to", "paris", "web").returncode == 0
    done = publisher.publish(second, "--to", "paris", "web")
    assert (done.returncode, done.stdout.count("is another image")) == (1, 2), done.stdout + done.stderr
    check = publisher.publish(second, "--to", "paris", "web", "--check")
    assert (check.returncode, check.stdout.count("another image")) == (1, 2), check.stdout
    assert publisher.publish(first, "--to", "paris", "web", "--check", "--read-back").returncode == 0


def test_a_release_without_its_manifest_is_drift_and_is_mended(publisher: Publisher, release: Callable[..., Path]) -> None:
    manifest = release(size=MIB)
    assert publisher.publish(manifest, "--to", "paris", "web").returncode == 0
    publisher.machine.remove(f"/srv/images-{publisher.prefix}/base/amd64/2026.4/{manifest.name}")
    check = publisher.publish(manifest, "--to", "paris", "web", "--check")
    assert (check.returncode, f"lacks {manifest.name}" in check.stdout, check.stdout.count("same")) == (1, True, 2), check.stdout
    assert publisher.publish(manifest, "--to", "web").returncode == 0
    assert publisher.publish(manifest, "--to", "paris", "web", "--check").returncode == 0


def test_old_versions_are_named_and_deleted_only_when_told(publisher: Publisher, release: Callable[..., Path]) -> None:
    manifests = [release(version, version=version, size=MIB) for version in ("2026.9", "2026.10", "2027.1")]
    for manifest in manifests:
        assert publisher.publish(manifest, "--to", "paris", "web").returncode == 0
    named = publisher.publish(manifests[2], "--to", "paris", "web", "--prune", "--keep", "2")
    assert named.returncode == 0
    assert "would delete base/amd64/2026.9 in paris\nwould delete base/amd64/2026.9 in web\n" in named.stdout
    assert publisher.publish(manifests[0], "--to", "paris", "web", "--check").returncode == 0, "nothing was deleted"
    # Whoever prunes with an old manifest in the hand does not lose what is newer.
    assert "nothing is older" in publisher.publish(manifests[0], "--to", "all", "--prune", "--keep", "1", "--yes").stdout
    assert publisher.publish(manifests[2], "--to", "paris", "web", "--prune", "--keep", "2", "--yes").stdout.count("deleted") == 2
    checks = [publisher.publish(manifest, "--to", "paris", "web", "--check") for manifest in manifests]
    assert [(check.returncode, check.stdout.count("missing")) for check in checks] == [(1, 2), (0, 0), (0, 0)]


@pytest.mark.parametrize("begun", ["half", "damaged", "too long"])
def test_a_copy_over_ssh_goes_on_and_never_ends_damaged(publisher: Publisher, release: Callable[..., Path], begun: str) -> None:
    manifest = release()
    content = next(manifest.parent.glob("*.qcow2")).read_bytes()
    left = {"half": content[: SIZE // 2], "damaged": b"x" * (SIZE // 2), "too long": content + b"x"}[begun]
    folder = f"/srv/images-{publisher.prefix}/base/amd64/2026.4"
    draft = f".{hashlib.sha256(manifest.read_bytes()).hexdigest()[:16]}.part"
    publisher.machine.write(f"{folder}/{draft}/base-2026.4-amd64.qcow2", left)
    publisher.ssh_proxy.forget()
    done = publisher.publish(manifest, "--to", "web")
    assert done.returncode == 0, done.stdout + done.stderr
    assert publisher.machine.path(f"{folder}/base-2026.4-amd64.qcow2").read_bytes() == content
    assert not [path.name for path in publisher.machine.path(folder).iterdir() if path.name.endswith(".part")]
    if begun == "half":
        assert publisher.ssh_proxy.bytes_up < SIZE * 3 // 4


def test_secrets_are_in_no_process_of_a_publish(publisher: Publisher, release: Callable[..., Path]) -> None:
    manifest = release()
    running = publisher.machine.start(publisher.argv(manifest, "--to", "all"), env=KEYS)
    seen: set[bytes] = set()
    while running.running:
        for folder in publisher.machine.path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    seen.add((folder / "cmdline").read_bytes())
                except OSError:
                    continue
    assert running.wait() == 0, running.output
    assert any(b"rsync" in line for line in seen) and any(b"publish" in line for line in seen)
    assert not any(secret.encode() in line for line in seen for secret in Swift.OWNER)


def test_who_may_not_write_is_told_at_once(publisher: Publisher, release: Callable[..., Path]) -> None:
    stranger: dict[str, Any] = {"AWS_ACCESS_KEY_ID": Swift.STRANGER[0], "AWS_SECRET_ACCESS_KEY": Swift.STRANGER[1]}
    done = publisher.machine.run(publisher.argv(release(size=MIB), "--to", "paris"), env=stranger)
    assert done.returncode == 1
    assert "could not be looked up" in done.stdout and "403" in done.stdout
    without = publisher.machine.run(publisher.argv(release(size=MIB), "--to", "paris"))
    assert (without.returncode, "AWS_ACCESS_KEY_ID" in without.stdout) == (1, True), without.stdout
