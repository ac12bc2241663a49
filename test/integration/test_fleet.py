"""`bootwright fleet` over real ssh: machines that are good, failed, slow, dead, strange, hostile; and a thousand of them."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from interruption import quick_puppet
from metadata_server import MetadataServer
from metadata_services import Ec2
from network import INSTANCE_ADDRESS, SERVERS_ADDRESS
from real_machine import wait_for
from roles import IMPATIENT, merged, role_config
from test_commands import HOSTILE, is_clean, raw_output
from world import World

OLDER = {"schema": 1, "agent_version": "0.0.1", "run": {"role": "db", "outcome": "failed"}}
NEWER = {"schema": 2, "agent_version": "9.0.0", "run": ["something", "else"]}
STRANGE = {
    "schema": 1,
    "agent_version": "</script><script>document.title = 'taken'</script>",
    "run": {
        "role": HOSTILE, "number": HOSTILE, "finished": {"wall": HOSTILE}, "instance": {"zone": "<img src=x onerror=alert(1)>"},
        "error": {"code": HOSTILE, "message": "<b>" * 100000}, "failed_resources": [{"resource": HOSTILE, "message": HOSTILE}] * 30,
    },
}  # fmt: skip

#: Each port is a machine: what sshd makes of whoever comes there.
MACHINES = {
    "true": (2201, ""),
    "password": (2202, "AuthenticationMethods password"),
    "stranger": (2203, ""),  # whose host key nobody knows
    "hanging": (2204, "ForceCommand exec sleep 300"),
    "bare": (2205, "ForceCommand no-such-program"),
    "older": (2206, "ForceCommand cat /srv/older.json; exit 1"),
    "newer": (2207, "ForceCommand cat /srv/newer.json"),
    "strange": (2208, "ForceCommand cat /srv/strange.json; exit 1"),
    "endless": (2209, "ForceCommand cat /dev/zero"),
    "chatty": (2210, "ForceCommand echo Welcome; bootwright status --json"),
}
#: In the network of the servers: nobody answers there.
DEAD, SILENT = 2298, 2299
SSHD = f"""\
ListenAddress {INSTANCE_ADDRESS}
HostKey /srv/host_key
AuthorizedKeysFile /srv/authorized_keys
UsePAM no
StrictModes no
PermitRootLogin yes
PasswordAuthentication yes
PidFile none
MaxStartups 200
"""


@pytest.fixture
def fleet(instance: Instance, metadata: MetadataServer, repo: ControlRepo, world: World) -> Iterator[Instance]:
    """The machine of an operator, which is also each machine of the fleet."""
    instance.configure(merged(IMPATIENT, quick_puppet(instance), {"puppet": {"warm": False}}))
    metadata.service = Ec2(role_config(repo))
    assert instance.bootwright("run").returncode == 0
    for name, status in {"older": OLDER, "newer": NEWER, "strange": STRANGE}.items():
        instance.write(f"/srv/{name}.json", json.dumps(status))
    keys = "ssh-keygen -q -t ed25519 -N '' -f /srv/host_key; ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519"
    instance.write("/root/.ssh/known_hosts", "")
    instance.run(["sh", "-c", f"rm -f /root/.ssh/id_* /srv/host_key; {keys}; cp /root/.ssh/id_ed25519.pub /srv/authorized_keys"], check=True)
    ports = "".join(f"Port {port}\n" for port, _ in MACHINES.values())
    matches = "".join(f"Match LocalPort {port}\n  {words}\n" for port, words in MACHINES.values() if words)
    instance.write("/srv/sshd_config", ports + SSHD + matches)
    places = {name: (INSTANCE_ADDRESS, port) for name, (port, _) in MACHINES.items()}
    places |= {"dead": (SERVERS_ADDRESS, DEAD), "silent": (SERVERS_ADDRESS, SILENT), "closed": (SERVERS_ADDRESS, 2297)}
    places |= {"behind": (INSTANCE_ADDRESS, 2201)}
    config = "".join(f"Host {name}\n  HostName {address}\n  Port {port}\n" for name, (address, port) in places.items())
    config += "Host behind\n  ProxyJump password\nHost *\n  ControlPath none\n"
    instance.write("/root/.ssh/config", config, 0o600)
    host_key = instance.read("/srv/host_key.pub")
    known = [f"[{INSTANCE_ADDRESS}]:{port} {host_key}" for name, (port, _) in MACHINES.items() if name != "stranger"]
    instance.write("/root/.ssh/known_hosts", "".join(known))
    instance.path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    server = instance.start(["/usr/sbin/sshd", "-D", "-e", "-f", "/srv/sshd_config"])
    world.network.instance.wait_until_listening(INSTANCE_ADDRESS, 2201)
    world.network.filter(f"tcp dport {DEAD} drop")
    silent = world.network.servers.listen(SERVERS_ADDRESS, SILENT)
    yield instance
    silent.close()
    server.stop()


def asked(fleet: Instance, *arguments: str, input: str = "") -> dict[str, dict[str, Any]]:
    """What is said of each machine."""
    done = fleet.bootwright("fleet", "--json", *arguments, input=input)
    return {row["host"]: row for row in json.loads(done.stdout)["machines"]}


def test_machines_of_every_kind_are_told_apart(fleet: Instance) -> None:
    began = time.monotonic()
    rows = asked(fleet, "*")
    assert time.monotonic() - began < 40  # they are asked side by side
    seen = {host: (row["state"], row["error"]["code"] if row.get("error") else None) for host, row in rows.items()}
    strange = seen.pop("strange")
    assert seen == {
        "true": ("good", None),
        "chatty": ("good", None),
        "password": ("unreachable", "fleet.access_denied"),
        "behind": ("unreachable", "fleet.access_denied"),
        "stranger": ("unreachable", "fleet.host_key"),
        "hanging": ("unreachable", "fleet.timeout"),
        "dead": ("unreachable", "fleet.unreachable"),
        "silent": ("unreachable", "fleet.unreachable"),
        "closed": ("unreachable", "fleet.unreachable"),
        "bare": ("unanswered", "fleet.no_agent"),
        "older": ("failed", None),
        "newer": ("good", "fleet.newer_agent"),
        "endless": ("unanswered", "fleet.unreadable"),
    }
    assert strange[0] == "failed"
    status = fleet.status()
    assert rows["true"]["revision"] == status["configured"]["revision"] and rows["true"]["role"] == status["run"]["role"]
    assert "Connection refused" in rows["closed"]["error"]["message"]
    assert "no-such-program" in rows["bare"]["error"]["message"]
    assert not fleet.processes("/usr/bin/ssh ")


def test_the_exit_status_is_that_of_the_worst(fleet: Instance) -> None:
    assert fleet.bootwright("fleet", "true", "chatty").returncode == 0
    for name in ("older", "closed", "bare"):
        assert fleet.bootwright("fleet", "true", name).returncode == 1


def test_names_come_from_standard_input_too_and_none_is_an_option(fleet: Instance) -> None:
    assert set(asked(fleet, "--hosts", "-", input="# mine\ntrue\n\nchatty # x\n")) == {"true", "chatty"}
    option = "-oProxyCommand=touch /root/taken"
    for done in (
        fleet.bootwright("fleet", "--hosts", "-", input=option + "\n"),
        fleet.bootwright("fleet", "--", option),
        fleet.bootwright("fleet", option),
    ):
        assert done.returncode == 2 and done.stdout == "", done
    assert not fleet.exists("/root/taken")


@pytest.mark.parametrize("name", ["password", "behind", "stranger"])
def test_nothing_is_asked_on_a_terminal(fleet: Instance, name: str) -> None:
    """By ssh itself, and by that of a jump host, which does not hear of BatchMode."""
    ours, theirs = pty.openpty()
    argv = fleet.entry(["setsid", "--ctty", "--wait", "bootwright", "fleet", name, "--timeout", "30s"])
    began = time.monotonic()
    terminal = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env={"PATH": "/usr/bin:/bin", "HOME": "/root"})
    os.close(theirs)
    assert terminal.wait(20) == 1 and time.monotonic() - began < 15
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert "password:" not in shown and "yes/no" not in shown, shown
    assert ("fleet.host_key" if name == "stranger" else "fleet.access_denied") in shown, shown


def test_ctrl_c_ends_what_ssh_has_started(fleet: Instance) -> None:
    process = fleet.start_bootwright("fleet", "hanging", "true", "--timeout", "5m")
    wait_for(lambda: fleet.processes("sleep 300"), "the machine that hangs")
    process.signal(signal.SIGINT)
    assert process.wait(10) == 1 and process.output == ""
    wait_for(lambda: not fleet.processes("/usr/bin/ssh "), "the end of ssh")


def test_nothing_that_a_machine_says_is_obeyed(fleet: Instance) -> None:
    page = "/root/fleet.html"
    seen = {line: raw_output(fleet, "fleet", "strange", *line.split()) for line in ("", "--all", "--json", f"--html {page}")}
    for name, (output, errors) in seen.items():
        assert output
        is_clean(f"output of {name}", output)
        is_clean(f"errors of {name}", errors)
    text = fleet.read(page)
    is_clean("the page", text.encode())
    assert text.count("<script") == 2 and "<img" not in text and "<b>" not in text and "taken" in text
    assert len(text) < 60000, "what a machine says is cut short"


def test_a_fleet_that_is_watched_says_what_has_changed(fleet: Instance) -> None:
    process = fleet.start_bootwright("fleet", "older", "true", "--watch", "--every", "1s")
    wait_for(lambda: "Revisions" in process.output, "the first look")
    fleet.write("/srv/older.json", json.dumps({**OLDER, "run": {"error": {"code": "puppet.timeout"}}}))
    wait_for(lambda: "older: failed → failed (puppet.timeout)" in process.output, "what has changed")
    assert process.output.count("true: ") == 0
    assert process.stop() == 1, "as the last look ended"
    done = fleet.run(["sh", "-c", "bootwright fleet true --watch --every 1s | head -1"], timeout=20)
    assert "1 good" in done.stdout, "nobody reads it: there is no other end to it"


FAKE_SSH = """\
#!/bin/sh
# Takes as long as a machine that is near; by the end of the name: dead, slow, failed, or good.
for word; do case $word in m-*) host=$word;; esac; done
case $host in
*-dead) exec sleep 300;;
*-slow) sleep 5;;
*) sleep 0.3;;
esac
case $host in
*-failed) cat /srv/failed.json; exit 1;;
esac
exec cat /srv/good.json
"""


def test_a_thousand_machines_with_slow_and_dead_ones_take_less_than_a_minute(instance: Instance) -> None:
    good = {"schema": 1, "run": {"role": "web", "revision": {"asked": "main"}}, "configured": {"revision": "1" * 40}}
    failed = {"schema": 1, "run": {"role": "web", "revision": {"asked": "main", "resolved": "2" * 40}, "error": {"code": "puppet.timeout"}}}
    instance.write("/srv/good.json", json.dumps(good))
    instance.write("/srv/failed.json", json.dumps(failed))
    instance.write("/opt/fake/ssh", FAKE_SSH, 0o755)
    kinds = ["dead"] * 30 + ["slow"] * 30 + ["failed"] * 40 + ["good"] * 900
    instance.write("/srv/hosts", "".join(f"m-{number}-{kind}\n" for number, kind in enumerate(kinds)))
    began = time.monotonic()
    done = instance.run(
        ["bootwright", "fleet", "--hosts", "/srv/hosts", "--json"], env={"PATH": "/opt/fake:/usr/bin:/bin"}, timeout=120
    )
    took = time.monotonic() - began
    overview = json.loads(done.stdout)
    assert overview["counts"] == {"failed": 40, "unreachable": 30, "good": 930}
    assert [row["state"] for row in overview["machines"]] == ["failed"] * 40 + ["unreachable"] * 30 + ["good"] * 930
    assert {one["value"] for one in overview["in_common"]} == {"puppet.timeout", "2" * 40}
    assert took < 60, took
