"""The programs of Amazon, Microsoft and OpenStack as Debian has them take the commands that publish gives, and OpenStack's Glance
keeps what it says. By name only: two hundred packages are fetched and unpacked into a folder; none is installed."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from debian_programs import CLOUDS, complaint, environment_of, unpack
from publishing import publish as publishing
from publishing.copies import Record
from publishing.progress import Progress
from publishing.release import read_release
from publishing.target import Target, kinds
from releases import copies, digest, make_release
from test_publish_clouds import TARGETS

pytestmark = pytest.mark.skipif(
    "BOOTWRIGHT_VENDOR_TOOLS" not in os.environ,
    reason="by name only: BOOTWRIGHT_VENDOR_TOOLS=1 python3 -m pytest test/image/test_publish_vendor_tools.py",
)

PACKAGES = (*CLOUDS.values(), "glance-api")
GLANCE_PORT = 19292

_GLANCE = """\
[DEFAULT]
bind_host = 127.0.0.1
bind_port = PORT
workers = 0
enabled_backends = disk:file
node_staging_uri = file://FOLDER/staging
[database]
connection = sqlite:///FOLDER/glance.sqlite
[glance_store]
default_backend = disk
[disk]
filesystem_store_datadir = FOLDER/images
[os_glance_tasks_store]
filesystem_store_datadir = FOLDER/tasks
[os_glance_staging_store]
filesystem_store_datadir = FOLDER/staging
[paste_deploy]
config_file = UNPACKED/usr/share/glance-common/glance-api-paste.ini
[oslo_policy]
policy_file = FOLDER/policy.yaml
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian's packages, and what they need and this machine has not."""
    return unpack(tmp_path_factory.mktemp("packages"), PACKAGES)


@pytest.fixture(scope="module")
def environment(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return environment_of(unpacked, tmp_path_factory.mktemp("home"))


def commands_for(manifest: Path, program: str) -> list[list[str]]:
    """What --dry-run prints, without the variables before it."""
    said: list[str] = []
    known = kinds()
    targets: list[Target] = [known[entry["kind"]](name, entry, said.append) for name, entry in TARGETS.items()]
    targets[1].settings = {**TARGETS["ireland"], "source": TARGETS["frankfurt"]}
    publishing.show_commands(read_release(manifest), targets, Progress([]).region)
    words = [[word for word in shlex.split(line) if word != "AWS_PAGER="] for line in said]
    return [command for command in words if command[0] == program]


def test_amazons_program_takes_each_command(tmp_path: Path, environment: dict[str, str]) -> None:
    commands = commands_for(make_release(tmp_path, size=1000), "aws")
    assert len(commands) >= 7
    for command in commands:
        assert complaint(command, tmp_path, environment) == "", shlex.join(command)


def test_microsofts_program_takes_each_command(tmp_path: Path, environment: dict[str, str]) -> None:
    commands = commands_for(make_release(tmp_path, size=1000), "az")
    assert len(commands) == 4
    for command in commands:
        assert complaint(command, tmp_path, environment) == "", shlex.join(command)


@pytest.mark.parametrize("program", CLOUDS)
def test_the_commands_that_take_an_image_of_a_machine_are_known(tmp_path: Path, environment: dict[str, str], program: str) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/images.md").read_text()
    lines = [line for line in page.splitlines() if line.startswith(f"    {program} ")]
    # Debian's az cannot load what `vm generalize` needs.
    commands = [shlex.split(line.split(" && ")[-1]) for line in lines]
    assert commands
    for command in commands:
        assert complaint(command, tmp_path, environment) == "", shlex.join(command)
        # That a word is not known would be told.
        assert complaint([*command, "--no-such-option", "x"], tmp_path, environment) != ""


@pytest.fixture
def glance(unpacked: Path, environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """Its URL. Without Keystone: everybody is the administrator."""
    folder = tmp_path / "glance"
    for name in ("images", "tasks", "staging"):
        (folder / name).mkdir(parents=True)
    (folder / "policy.yaml").write_text("{}\n")
    text = _GLANCE.replace("UNPACKED", str(unpacked)).replace("FOLDER", str(folder)).replace("PORT", str(GLANCE_PORT))
    (folder / "glance.conf").write_text(text)
    options = ["--config-file", folder / "glance.conf"]
    subprocess.run(["/usr/bin/python3", unpacked / "usr/bin/glance-manage", *options, "db_sync"], env=environment, check=True, capture_output=True)
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(["/usr/bin/python3", unpacked / "usr/bin/glance-api", *options], env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{GLANCE_PORT}"
    try:
        end = time.monotonic() + 60
        while subprocess.run(["curl", "-sf", f"{url}/v2/schemas/image"], capture_output=True, env=environment).returncode != 0:
            assert server.poll() is None and time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.2)
        yield url
    finally:
        server.terminate()
        server.wait(20)


def test_glance_keeps_a_release_and_says_its_digest(
    glance: str, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {**environment, "OS_AUTH_TYPE": "none", "OS_ENDPOINT": glance}.items():
        monkeypatch.setenv(name, value)
    kind: Any = kinds()["openstack"]
    target = kind("cloud", {"kind": "openstack", "region": "RegionOne"}, None)

    def publish(manifest: Path) -> str:
        release = read_release(manifest)
        publishing.publish(release, [target], Record(manifest, release), Progress(["cloud"]), 0)
        return capsys.readouterr().out

    manifest = make_release(tmp_path / "first", size=3_000_000)
    # What a killed upload leaves.
    half = {"name": "base-amd64-2026.4", "bootwright_sha256": digest(manifest, "qcow2"), "bootwright_family": "base-amd64"}
    subprocess.run(["curl", "-sf", f"{glance}/v2/images", "-H", "Content-Type: application/json", "-d", json.dumps(half)], check=True, capture_output=True)
    said = publish(manifest)
    assert "verified by the service's own sha512 of what it keeps" in said, said
    assert copies(manifest)["cloud"]["image_id"]
    assert target.versions(read_release(manifest)) == ["2026.4"], "the half one is gone"
    assert "is there since" in publish(manifest)
    assert "is another image" in publish(make_release(tmp_path / "second", size=3_000_000, seed=2))
    target.delete(read_release(manifest), "2026.4")
    assert target.find(read_release(manifest), read_release(manifest).artifact("qcow2")) is None
