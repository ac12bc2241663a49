"""The real systemd-journald: what the agent logs stands there once, with the run, the stage and the code as fields."""

from __future__ import annotations

import json
import subprocess

import pytest
from control_repo import ControlRepo
from instance import Instance
from interruption import quick_puppet
from machine import Process
from metadata_server import MetadataServer
from metadata_services import Ec2
from real_machine import wait_for
from roles import IMPATIENT, merged, role_config

SOCKETS = "/run/systemd/journal"

#: Starts a program as systemd does with StandardError=journal: the stream's head is that of sd-daemon's stdout protocol (an
#: identifier, no unit, the priority of lines without one, that lines may begin with one, and nothing forwarded).
AS_SERVICE = f"""
import os, socket, sys
stream = socket.socket(socket.AF_UNIX)
stream.connect("{SOCKETS}/stdout")
stream.sendall(b"bootwright\\n\\n6\\n1\\n0\\n0\\n0\\n")
status = os.fstat(stream.fileno())
os.dup2(stream.fileno(), 2)
os.environ["JOURNAL_STREAM"] = f"{{status.st_dev}}:{{status.st_ino}}"
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def journald(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> Process:
    instance.configure(merged(IMPATIENT, quick_puppet(instance), {"puppet": {"warm": False}}))
    metadata.service = Ec2(role_config(repo))
    instance.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    instance.run(["mkdir", "-p", SOCKETS, "/run/log/journal"], check=True)
    instance.run(["mount", "-t", "cgroup2", "none", "/sys/fs/cgroup"], check=True)  # without which journald does not start
    process = instance.start(["/lib/systemd/systemd-journald"])
    wait_for(lambda: instance.run(["python3", "-c", AS_SERVICE, "/bin/true"]).returncode == 0, "systemd-journald")
    return process


def run_as_service(instance: Instance) -> subprocess.CompletedProcess[str]:
    return instance.run(["python3", "-c", AS_SERVICE, instance.BINARY, "run"], timeout=120)


def entries(instance: Instance, *matches: str) -> list[dict[str, str]]:
    told = instance.run(["journalctl", "--directory=/run/log/journal", "--output=json", *matches], check=True)
    return [json.loads(line) for line in told.stdout.splitlines()]


def test_a_run_is_found_by_its_number_its_stage_and_its_error(
    instance: Instance, journald: Process, metadata: MetadataServer, repo: ControlRepo
) -> None:
    instance.write("/etc/bootwright/hooks.d/after-run/told", "#!/bin/sh\nexit 1\n", 0o755)
    assert run_as_service(instance).returncode == 0
    metadata.service = Ec2(role_config(repo, revision="0" * 40))
    assert run_as_service(instance).returncode == 1
    first, second = entries(instance, "BOOTWRIGHT_RUN=1"), entries(instance, "BOOTWRIGHT_RUN=2")
    assert first and second
    (warning,) = [entry for entry in first if "after-run/told did not do its work" in entry["MESSAGE"]]
    assert warning["PRIORITY"] == "4" and warning["SYSLOG_IDENTIFIER"] == "bootwright" and warning["_TRANSPORT"] == "journal"
    failed = entries(instance, "BOOTWRIGHT_RUN=2", "BOOTWRIGHT_STAGE=repository", "BOOTWRIGHT_CODE=git.revision_not_found")
    assert failed and all("git.revision_not_found" in entry["MESSAGE"] for entry in failed)
    everything = [entry["MESSAGE"] for entry in entries(instance) if "after-run/told did not" in entry["MESSAGE"]]
    assert len(everything) == 2  # once for each run, and not on the stream as well
    journald.stop()


def test_a_journal_that_is_gone_stops_no_run(instance: Instance, journald: Process) -> None:
    journald.kill()
    assert run_as_service_without_stream(instance).returncode == 0
    assert instance.status()["run"]["outcome"] == "unchanged"


def run_as_service_without_stream(instance: Instance) -> subprocess.CompletedProcess[str]:
    """The stream's other end is gone, as after a crash of journald."""
    dead = AS_SERVICE.replace(f'stream.connect("{SOCKETS}/stdout")', "stream, other = socket.socketpair()").replace(
        'stream.sendall(b"bootwright\\n\\n6\\n1\\n0\\n0\\n0\\n")', "other.close()"
    )
    assert dead != AS_SERVICE
    return instance.run(["python3", "-c", dead, instance.BINARY, "run"], timeout=120)


def test_a_stream_that_is_not_the_journal_s_gets_plain_lines(instance: Instance, journald: Process) -> None:
    instance.write("/etc/bootwright/hooks.d/after-run/told", "#!/bin/sh\nexit 1\n", 0o755)
    done = instance.run([instance.BINARY, "run"], env={"JOURNAL_STREAM": "8:1"}, timeout=120)
    assert "\nbootwright: the hook after-run/told did not" in done.stderr
    assert entries(instance, "BOOTWRIGHT_RUN=1") == []
    journald.stop()
