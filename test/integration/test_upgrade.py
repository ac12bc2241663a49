"""Another version of the package over what this one or 0.1.0 has left. 0.1.0 is here what came before the history and the
locks: the commit that test/upgrade names, and that the recording of its state was made by."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import BINARY
from control_repo import ControlRepo
from instance import Instance
from interruption import patient_puppet, puppet_is_at_work, quick_puppet
from metadata_server import MetadataServer
from metadata_services import Ec2
from on_disk import STATE, runs
from real_machine import REPOSITORY_ROOT
from roles import IMPATIENT, merged, role_config
from servers import GitServer
from world import World

STATUS = "/run/bootwright/status.json"
RECORDING = REPOSITORY_ROOT / "test/fixtures/upgrade/0.1.0.tar.gz"
BEFORE = os.environ.get("BOOTWRIGHT_BEFORE", "")
slow = pytest.mark.skipif(not BEFORE, reason="by name only: BOOTWRIGHT_BEFORE=PROGRAM test/run integration (test/upgrade builds the program)")


def leave(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> dict[str, Any]:
    """Four runs, by the real Puppet: one that is good, one whose server lacks the revision, one that is killed, one that is good."""
    instance.configure(merged(IMPATIENT, {"puppet": {"warm": False}}))
    good = role_config(repo, facts={"port": 80})
    metadata.service = Ec2(good)
    runs(instance)
    metadata.service = Ec2(role_config(repo, revision="0" * 40))
    assert instance.bootwright("run").returncode == 1
    metadata.service = Ec2(good)
    instance.configure(patient_puppet(instance), "agent.d/patient.json")
    run = instance.start_bootwright("run")
    puppet_is_at_work(instance)
    run.kill()
    instance.run(["pkill", "-9", "-f", "patient-puppet"])
    for file in ("/etc/bootwright/agent.d/patient.json", "/root/puppet-is-here"):
        instance.remove(file)
    return runs(instance)


def record(instance: Instance, revision: str) -> None:
    """Packs what was left, with the role config that led to it. test/upgrade --record calls it."""
    boot_id = instance.read("/proc/sys/kernel/random/boot_id").strip()
    left = instance.path("/root/left.tar")
    instance.run(["tar", "-C", "/", "-c", "-f", "/root/left.tar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner",
                  "--exclude=*.lock", "var/lib/bootwright", "run/bootwright", "etc/bootwright"], check=True)  # fmt: skip
    RECORDING.parent.mkdir(exist_ok=True)
    with tarfile.open(RECORDING, "w:gz", compresslevel=9) as archive, tarfile.open(left) as packed:
        for member in packed.getmembers():
            archive.addfile(member, packed.extractfile(member) if member.isreg() else None)
        for name, text in (("boot_id", boot_id), ("revision", revision)):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


@pytest.fixture
def upgraded_repo(git: GitServer, world: World) -> Iterator[ControlRepo]:
    """Of the same name, and so at the same URL, each time."""
    made = ControlRepo(git, "upgraded", world.new_folder("upgraded") / "work")
    yield made
    made.remove()


@pytest.fixture
def recorded(instance: Instance, metadata: MetadataServer, upgraded_repo: ControlRepo) -> Instance:
    """What 0.1.0 has left, in this boot, with this version's programs over it."""
    with tarfile.open(RECORDING) as archive:
        texts = {name: archive.extractfile(name).read().decode() for name in ("boot_id", "revision")}  # type: ignore[union-attr]
        archive.extractall(instance.path("/root"))
    for folder in ("var/lib/bootwright", "run/bootwright", "etc/bootwright"):
        instance.run(["rm", "-rf", f"/{folder}"], check=True)
        instance.run(["cp", "-a", f"/root/{folder}", f"/{folder}"], check=True)
    boot_id = instance.read("/proc/sys/kernel/random/boot_id").strip()
    instance.write(STATUS, instance.read(STATUS).replace(texts["boot_id"], boot_id))
    instance.configure(quick_puppet(instance), "agent.d/quick.json")
    metadata.service = Ec2(role_config(upgraded_repo, revision=texts["revision"], facts={"port": 80}))
    return instance


def history(instance: Instance) -> list[tuple[int, str, bool]]:
    done = instance.bootwright("history", "--json")
    assert done.returncode == 0, done.stderr
    return [(line["run"], line["outcome"], line["good"]) for line in json.loads(done.stdout)]


THE_FOUR = [(1, "changed", True), (2, "unchanged", False), (3, "cut_off", False), (4, "unchanged", True)]


def nothing_is_lost(instance: Instance) -> None:
    """This version's commands over the four runs of the other one."""
    configuration = instance.read("/etc/bootwright/agent.json")
    kept = {file.name for file in instance.path(f"{STATE}/runs").iterdir()}
    shown = instance.bootwright("status")
    assert shown.returncode == 0 and shown.stdout.startswith("configured: role base at "), shown
    assert "run       4, unchanged" in shown.stdout
    run = runs(instance)
    assert (run["number"], run["outcome"], run["places"]) == (5, "unchanged", [])
    assert history(instance) == [*THE_FOUR, (5, "unchanged", True)]
    assert kept <= {file.name for file in instance.path(f"{STATE}/runs").iterdir()}
    assert instance.read("/etc/bootwright/agent.json") == configuration
    for words, said in (
        (["status"], "configured: role base at "),
        (["history", "--run", "1"], "facts.port = 80"),
        (["history", "--run", "2"], "git.revision_not_found"),
        (["diff", "1", "4"], "0 added, 0 changed, 0 removed"),
        (["why", "File[/etc/motd]", "--run", "1"], "File[/etc/motd]"),
        (["timeline", "--text"], "repository"),
        (["timeline", "1", "--text"], "an older version of bootwright ran this"),
        (["timeline", "1"], "<svg"),
        (["locks"], ""),
        (["explain"], "Platform: ec2"),
        (["doctor"], "0 bad"),
    ):
        done = instance.bootwright(*words)
        assert done.returncode == 0 and said in done.stdout, (words, done.stdout, done.stderr)


def test_what_0_1_0_has_left_is_read_and_gone_on_with(recorded: Instance) -> None:
    nothing_is_lost(recorded)


def test_the_recording_holds_no_path_of_the_machine_that_made_it() -> None:
    with tarfile.open(RECORDING) as archive:
        names = archive.getnames()
        texts = [file.read() for member in archive.getmembers() if member.isreg() and (file := archive.extractfile(member))]
    assert any(name.endswith("runs/000004/report.json") for name in names) and not any("past" in name for name in names)
    assert not any(path in text for text in texts for path in (b"/work/", b"/tmp/pytest", b"/home/"))


@slow
def test_the_package_is_upgraded_and_downgraded(instance: Instance, metadata: MetadataServer, upgraded_repo: ControlRepo) -> None:
    instance.install(Path(BEFORE).absolute())
    leave(instance, metadata, upgraded_repo)
    if "BOOTWRIGHT_RECORD" in os.environ:
        record(instance, upgraded_repo.head)
    instance.install(BINARY)
    nothing_is_lost(instance)
    assert "0 added, 0 changed, 0 removed" in instance.bootwright("diff", "1", "5").stdout
    # Back: what it does not know is left alone, and the machine stays as it is.
    instance.install(Path(BEFORE).absolute())
    before = instance.read(f"{STATE}/history.jsonl")
    assert instance.bootwright("status").returncode == 0
    assert (runs(instance)["number"], instance.status()["run"]["outcome"]) == (6, "unchanged")
    assert instance.read(f"{STATE}/history.jsonl") == before
    # And forth: the run in between has its line.
    instance.install(BINARY)
    assert runs(instance)["number"] == 7
    assert history(instance) == [*THE_FOUR, *((number, "unchanged", True) for number in (5, 6, 7))]


# Of a later version


@pytest.fixture
def quick(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> Instance:
    instance.configure(merged(IMPATIENT, quick_puppet(instance), {"puppet": {"warm": False}}))
    metadata.service = Ec2(role_config(repo))
    runs(instance)
    return instance


def later(instance: Instance, file: str) -> None:
    document = json.loads(instance.read(file))
    instance.write(file, json.dumps({**document, "schema": 2, "agent_version": "9.0.0"}))


def test_a_status_of_a_later_version_is_told_to_be_one(quick: Instance) -> None:
    later(quick, STATUS)
    for words in (["status"], ["status", "--oneline"]):
        done = quick.bootwright(*words)
        assert done.returncode == 1 and done.stdout.startswith("NOT KNOWN: status.unreadable"), done
    assert "another version of bootwright has written it: 9.0.0" in quick.bootwright("status").stdout
    assert "(status.unreadable)" in quick.bootwright("doctor").stdout
    assert quick.bootwright("metrics").returncode == 0
    assert runs(quick)["number"] == 2
    assert quick.bootwright("status").stdout.startswith("configured: ")


def test_a_status_that_was_cut_in_half_is_told_to_be_damaged(quick: Instance) -> None:
    text = quick.read(STATUS)
    quick.write(STATUS, text[: len(text) // 2])
    done = quick.bootwright("status")
    assert done.returncode == 1 and "status.json cannot be understood: it is damaged" in done.stdout
    assert runs(quick)["number"] == 2


def test_a_history_of_a_later_version_goes_on(quick: Instance) -> None:
    later(quick, f"{STATE}/history.jsonl")
    quick.write(f"{STATE}/history.jsonl", quick.read(f"{STATE}/history.jsonl") + "\n", 0o600)
    assert "1 run above: a later version of bootwright has recorded this" in quick.bootwright("history").stdout
    runs(quick)
    assert [number for number, _, _ in history(quick)] == [1, 2]


def test_other_state_of_a_later_version_lets_the_machine_converge(quick: Instance) -> None:
    """What is kept of the instance, of the last good run, and a run's report: with more in them, and with a form that nobody knows."""
    for name in ("instance.json", "last_good.json", "runs/000001/report.json"):
        if quick.exists(f"{STATE}/{name}"):
            later(quick, f"{STATE}/{name}")
    assert runs(quick)["outcome"] == "unchanged"
    for name in ("instance.json", "last_good.json", "runs/000002/report.json"):
        if quick.exists(f"{STATE}/{name}"):
            quick.write(f"{STATE}/{name}", json.dumps({"schema": 9, "of later": [1, {"a": "b"}]}), 0o600)
    assert runs(quick)["outcome"] == "unchanged"
    for words in (["timeline", "2"], ["status"], ["history", "--run", "2"], ["report", "/root/report.tar.gz"]):
        done = quick.bootwright(*words)
        assert done.returncode in (0, 1) and "terminate" not in done.stderr and done.returncode < 2, (words, done)
