"""Commands whose reader leaves, whose output cannot be written, whose disk turns read-only, and whose words come from strangers."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from interruption import let_go, patient_puppet, puppet_is_at_work, quick_puppet
from metadata_server import MetadataServer
from metadata_services import Ec2
from network import INSTANCE_ADDRESS
from real_machine import REPOSITORY_ROOT, command, make_read_only, wait_for
from roles import IMPATIENT, merged, role_config
from runs import report
from servers import GitServer
from world import World

@pytest.fixture
def patient(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> Instance:
    """An instance whose Puppet waits until it is let go."""
    instance.configure(merged(IMPATIENT, patient_puppet(instance)))
    metadata.service = Ec2(role_config(repo))
    return instance


@pytest.fixture
def quick(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> Instance:
    instance.configure(merged(IMPATIENT, quick_puppet(instance), {"puppet": {"warm": False}}))
    metadata.service = Ec2(role_config(repo))
    return instance


def ends_well(instance: Instance) -> None:
    """The run that nobody watches any more comes to its own end."""
    run = instance.status()["run"]
    assert run["state"] == "running" and instance.processes("patient-puppet")
    let_go(instance)
    run = instance.wait_for_status(lambda s: s["run"]["state"] == "finished", "the run's end")["run"]
    assert run["outcome"] == "unchanged" and run["error"] is None
    wait_for(lambda: not instance.processes("bootwright run"), "the agent's end")
    assert report(instance)["outcome"] == "unchanged"
    assert instance.bootwright("status").returncode == 0
    # What Puppet starts must not behave in another way because of this program: 1 is SIGHUP, 13 SIGPIPE.
    for line in instance.read("/root/signals").splitlines():
        mask = int(line.split()[1], 16)
        assert not mask & (1 << 0 | 1 << 12), line


# A run outlives its reader


def test_a_run_outlives_the_reader_of_its_output(patient: Instance) -> None:
    script = "bootwright run | true; echo ended with ${PIPESTATUS[0]}"
    shell = patient.start(["bash", "-c", script])
    puppet_is_at_work(patient)
    ends_well(patient)
    assert shell.wait() == 0
    assert "output.lost" in shell.output and "ended with 1" in shell.output


def test_a_run_outlives_its_terminal(patient: Instance) -> None:
    ours, theirs = pty.openpty()
    # The shell leads the session, as a person's does; the kernel tells it, and what it runs in the foreground, of the end.
    argv = patient.entry(["setsid", "--ctty", "--wait", "bash", "-c", "bootwright run; echo not reached >/root/reached"])
    shell = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    puppet_is_at_work(patient)
    assert b"\r" in os.read(ours, 65536)  # it showed its progress to somebody
    os.close(ours)
    shell.wait(20)
    time.sleep(0.5)  # longer than the agent takes to hear of a signal
    assert not patient.exists("/root/reached")
    ends_well(patient)


@contextlib.contextmanager
def ssh_server(instance: Instance, world: World) -> Iterator[list[str]]:
    """The command that logs in to the instance as root."""
    keys = world.new_folder("ssh")
    keys.mkdir()
    command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / "key")
    instance.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/etc/host_key"], check=True)
    instance.write("/etc/sshd_of_tests", "\n".join((
        f"ListenAddress {INSTANCE_ADDRESS}", "HostKey /etc/host_key", "AuthorizedKeysFile /etc/authorized_keys", "UsePAM no",
        "StrictModes no", "PermitRootLogin yes", "PidFile none", "",
    )))  # fmt: skip
    instance.write("/etc/authorized_keys", (keys / "key.pub").read_bytes())
    instance.path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    server = instance.start(["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/sshd_of_tests"])
    world.network.instance.wait_until_listening(INSTANCE_ADDRESS, 22)
    options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")
    yield [
        "nsenter", f"--net={world.network.servers.path}", "ssh", "-tt", "-i", str(keys / "key"),
        *(word for option in options for word in ("-o", option)), f"root@{INSTANCE_ADDRESS}",
    ]  # fmt: skip
    server.stop()


def test_a_run_outlives_a_lost_ssh_session(patient: Instance, world: World) -> None:
    with ssh_server(patient, world) as log_in:
        session = subprocess.Popen(
            [*log_in, "bootwright run"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        puppet_is_at_work(patient)
        session.kill()  # as the network would end it
        session.wait()
        wait_for(lambda: not patient.processes("sshd: root@pts"), "the session's end")
        time.sleep(0.5)
        ends_well(patient)


def test_a_daemon_outlives_the_reader_of_its_log(patient: Instance) -> None:
    shell = patient.start(["bash", "-c", "bootwright daemon 2>&1 | true; echo ended with ${PIPESTATUS[0]}"])
    puppet_is_at_work(patient)
    let_go(patient)
    status = patient.wait_for_status(lambda s: s["run"]["state"] == "finished" and s["daemon"]["state"] == "waiting", "the run's end")
    assert status["run"]["error"] is None
    patient.run(["kill", str(status["daemon"]["pid"])], check=True)
    assert shell.wait() == 0 and "ended with 0" in shell.output
    assert patient.status()["daemon"]["state"] == "stopped"


# Output that cannot be written


def listed_commands() -> set[str]:
    """The commands of docs/commands.md: "status", "snapshot make" and so on."""
    text = (REPOSITORY_ROOT / "docs/commands.md").read_text()
    return {" ".join(re.findall(r"^[a-z]+|(?<= )[a-z]+", line)) for line in re.findall(r"^\| `bootwright ([a-z ]+)", text, re.M)}


OUTPUTS = {
    "run": "run",
    "run without a change": "run --noop",
    "status": "status",
    "status for programs": "status --json",
    "status in one line": "status --oneline",
    "status that follows": "status --follow",
    "status that waits": "status --wait --timeout 5s",
    "history": "history",
    "history of one run": "history --run 1",
    "history for programs": "history --json",
    "diff": "diff 1",
    "diff for programs": "diff 1 --json",
    "timeline": "timeline",
    "timeline as lines": "timeline --text",
    "why": "why 'File[/etc/motd]'",
    "fleet": "fleet web-1",
    "fleet for programs": "fleet web-1 --json",
    "explain": "explain",
    "explain for programs": "explain --json",
    "metadata": "metadata",
    "metadata of one key": "metadata region",
    "metadata for programs": "metadata --json",
    "capture": "capture /root/captured-to-$1",
    "capture of facts": "capture --facts /root/facts-to-$1",
    "report": "report /root/report-to-$1",
    "snapshot make": "snapshot make --repository /srv/control --output /root",
    "snapshot verify": "snapshot verify /root/made/*.bundle",
    "modules lock": "modules lock /srv/modules",
    "prepare": "prepare",
    "doctor": "doctor",
    "doctor for programs": "doctor --json",
    "lock": "lock lock-$1 --reason why",
    "locks": "locks",
    "locks for programs": "locks --json",
    "unlock": "unlock lock-$1",
    "userdata": "userdata /root/web.json --for ec2",
    "validate": "validate /etc/bootwright/agent.json",
    "validate for programs": "validate --json /etc/bootwright/agent.json",
    "validate of a catalog": "validate --repository /srv/control --role base",
    "schema agent": "schema agent",
    "schema role": "schema role",
    "version": "version",
    "help on an error": "help git.no_repository",
    "help on errors": "help git",
    "completion of runs": "complete RUN",
    "metrics": "metrics",
    "help": "--help",
    "help of a command": "status --help",
    "clean": "clean",
}


def test_output_that_cannot_be_written_is_an_error_of_every_command(quick: Instance, repo: ControlRepo) -> None:
    covered = {name for name in listed_commands() if any(line.startswith(name) for line in OUTPUTS.values())}
    assert listed_commands() - covered == {"daemon", "retry"}, "the first prints nothing: it logs; the other needs it"
    catalog = {"resources": [{"type": "File", "title": "/etc/motd", "parameters": {}}]}
    quick.write("/usr/share/quick-puppet/catalog.json.gz", gzip.compress(json.dumps(catalog).encode()))
    quick.write("/var/lib/bootwright/runs/000001/facts.json.gz", gzip.compress(b'{"facts": {"role": "base"}}'))
    quick.write("/usr/local/bin/ssh", "#!/bin/sh\nexec bootwright status --json\n", 0o755)
    quick.path("/srv").mkdir(exist_ok=True)
    command("cp", "-r", repo.work, quick.path("/srv") / "control")
    quick.write("/root/web.json", '{"role": "web"}')
    quick.write("/srv/modules/Puppetfile", "mod 'role', :local => true\n")
    quick.write("/etc/gitconfig", "[safe]\n\tdirectory = *\n")
    assert quick.bootwright("snapshot", "make", "--repository", "/srv/control", "--output", "/root/made").returncode == 0
    wrong = []
    for name, line in OUTPUTS.items():
        good = quick.run(["sh", "-c", f"bootwright {line}", "sh", "file"])
        full = quick.run(["sh", "-c", f"bootwright {line} >/dev/full", "sh", "full"])
        closed = quick.run(["sh", "-c", f"bootwright {line} >&-", "sh", "closed"])
        if good.returncode != 0 or not good.stdout or "output.lost" in good.stderr:
            wrong.append((name, "a good output", good))
        if full.returncode != 1 or "No space left on device (output.lost)" not in full.stderr:
            wrong.append((name, "/dev/full", full))
        if closed.returncode != 1 or "output.lost" not in closed.stderr:
            wrong.append((name, "closed", closed))
    assert not wrong, wrong


# A run that cannot begin


@pytest.mark.parametrize("by_daemon", [True, False], ids=["daemon", "run"])
def test_a_disk_that_turns_read_only_is_in_the_status_until_it_is_mended(
    new_instance: Callable[..., Instance], metadata: MetadataServer, repo: ControlRepo, by_daemon: bool
) -> None:
    state = "/var/lib/bootwright"
    instance = new_instance(tmpfs={state: "mode=700"})
    instance.configure(merged(IMPATIENT, quick_puppet(instance)))
    metadata.service = Ec2(role_config(repo))
    daemon = instance.start_bootwright("daemon") if by_daemon else None
    if daemon is None:
        assert instance.bootwright("run").returncode == 0
    instance.wait_for_status(lambda s: s["configured"], "the first run")
    assert instance.bootwright("status").returncode == 0
    if daemon:  # whose run still writes after it has said that the machine is configured
        instance.wait_for_status(lambda s: s["daemon"]["state"] == "waiting", "the first run's end")
    make_read_only(instance.base / "volume-0")
    if daemon:
        daemon.signal(signal.SIGHUP)
    else:
        assert instance.bootwright("run").returncode == 1
    status = instance.wait_for_status(lambda s: s["blocked"], "what keeps the run from beginning")
    error = status["blocked"]["error"]
    assert error["code"] == "io.not_permitted" and state in error["message"] and "Read-only file system" in error["message"]
    assert "mounted writable" in error["advice"]
    shown = instance.bootwright("status")
    assert shown.returncode == 1 and shown.stdout.startswith("FAILED"), shown.stdout
    assert "no run can begin" in shown.stdout and error["message"] in shown.stdout and error["advice"] in shown.stdout
    assert instance.bootwright("status", "--json").returncode == 1
    assert instance.bootwright("status", "--wait", "--timeout", "2s").returncode == 1
    command("mount", "-o", "remount,rw", instance.base / "volume-0")
    if daemon:
        instance.wait_for_status(lambda s: s["run"]["number"] == 2 and s["run"]["state"] == "finished", "the next run")
        assert daemon.stop() == 0
    else:
        assert instance.bootwright("run").returncode == 0
    assert instance.status()["blocked"] is None
    assert instance.bootwright("status").returncode == 0


def test_a_run_that_gets_no_thread_is_no_run_that_goes_on(quick: Instance) -> None:
    assert quick.bootwright("run").returncode == 0
    # Each thread would have a stack of this size.
    done = quick.run(["prlimit", f"--stack={1 << 47}", "/usr/bin/bootwright", "run"])
    assert done.returncode == 1 and "process.cannot_start" in done.stderr, done
    status = quick.status()
    assert status["run"]["state"] == "finished" and status["blocked"]["error"]["code"] == "process.cannot_start"
    assert quick.bootwright("status").returncode == 1
    assert quick.bootwright("run").returncode == 0
    assert quick.bootwright("status").returncode == 0


# Words of strangers

#: Each moves a cursor, forges a line, or turns a text round: C0, DEL, C1, separators, bidirectional overrides, no UTF-8.
HOSTILE = "A\x1b[2JB\x07C\x7fD\u009b31mE\u0085F\u2028G\u2029H\u202eI\u2066J\u200fK\u061cL"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def is_clean(name: str, raw: bytes) -> None:
    text = raw.decode()  # it is UTF-8, too
    found = OBEYED.search(text)
    assert found is None, f"{name}: U+{ord(found[0]):04X} in {text[max(0, found.start() - 80) : found.end() + 40]!r}"


def raw_output(instance: Instance, *arguments: str, env: dict[str, str] = {}) -> tuple[bytes, bytes]:
    """Standard output and error, byte by byte."""
    done = subprocess.run(
        instance.entry(["/usr/bin/bootwright", *arguments]), capture_output=True, timeout=60,
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", **env},
    )  # fmt: skip
    return done.stdout, done.stderr


def test_no_word_of_a_stranger_is_obeyed_by_a_terminal(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    """Tags, hostname, server answers, titles of resources and what Puppet says, as bytes in each output, log and file."""
    instance.configure(merged(IMPATIENT, quick_puppet(instance, "failed")))
    log = [json.loads(line) for line in instance.read("/usr/share/quick-puppet/puppet.jsonl").splitlines()]
    failed = [line for line in log if line["level"] in ("err", "alert", "emerg", "crit")]
    assert failed
    for line in failed:
        line["message"] = f"{HOSTILE}\nconfigured: role fake at 000000000000"
        line["source"] = f"/Stage[main]/Main/Exec[{HOSTILE}\n]/returns"
        line["file"] = HOSTILE
    instance.write("/usr/share/quick-puppet/puppet.jsonl", "".join(json.dumps(line) + "\n" for line in log))
    metadata.service = Ec2(role_config(repo, facts={"hostile": HOSTILE}), tags={"team": HOSTILE})
    metadata.service.files["meta-data/local-hostname"] = HOSTILE.replace("\n", "")
    seen = {}
    seen["run"] = raw_output(instance, "run", env={"JOURNAL_STREAM": "8:1"})
    seen["run in a terminal"] = raw_output(instance, "run")
    for line in ("status", "status --json", "explain", "explain --json", "metadata", "metadata --json", "metadata tags.team"):
        seen[line] = raw_output(instance, *line.split())
    assert b"J" in seen["metadata tags.team"][0] and json.loads(seen["metadata --json"][0])["tags"]["team"] == HOSTILE
    # A server's own words, and those of the command line.
    metadata.service = Ec2(role_config(repo, url=f"http://git.test/{'%1b'}{HOSTILE}.git"))
    seen["another url"] = raw_output(instance, "run")
    seen["status of it"] = raw_output(instance, "status")
    seen["usage"] = raw_output(instance, f"no-such-{HOSTILE}")
    seen["no such key"] = raw_output(instance, "metadata", HOSTILE)
    seen["capture"] = raw_output(instance, "capture", "/etc/hosts/x" + HOSTILE)
    for name, (output, errors) in seen.items():
        is_clean(f"output of {name}", output.replace(b"\r\033[K", b""))
        is_clean(f"errors of {name}", errors)
        assert b"\nconfigured: role fake" not in output + errors
    is_clean("status.json", instance.path("/run/bootwright/status.json").read_bytes())
    for file in instance.path("/var/lib/bootwright/runs").rglob("*.json"):
        is_clean(str(file), file.read_bytes())
    assert "A?[2JB?C?D?31mE?F?G?H?I?J?K?L" in seen["status"][0].decode()
