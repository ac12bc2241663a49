"""What `bootwright doctor` finds on machines that are broken in one way each, what it leaves as it was, and what
`bootwright clean` leaves for an image."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

import metadata_faults
import pytest
from control_repo import ControlRepo
from instance import INSTANCE_ID, Instance
from interruption import let_go, patient_puppet, puppet_is_at_work, set_clock
from metadata_server import MetadataServer
from metadata_services import Ec2
from network import SERVERS_ADDRESS
from real_machine import make_read_only, wait_for
from roles import role_config
from runs import REPOSITORIES, SEED, converges, prepare
from servers import GitServer
from world import World

STATE = "/var/lib/bootwright"
COLD = {"puppet": {"warm": False}}


class Doctor:
    """An instance that was configured, and what is found of it."""

    def __init__(self, instance: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer) -> None:
        self.instance, self.git, self.repo, self.metadata = instance, git, repo, metadata
        self.prepare()
        self.asks(repo.url("https", host="git.test"))
        converges(instance)

    def prepare(self, **repository: Any) -> None:
        prepare(self.instance, self.git, **repository)
        self.instance.configure(COLD, "agent.d/cold.json")

    def asks(self, url: str) -> None:
        self.metadata.service = Ec2(role_config(self.repo, url=url))

    def finds(self) -> list[dict[str, Any]]:
        """Everything, in its document. What is bad has advice."""
        done = self.instance.bootwright("doctor", "--json")
        document = json.loads(done.stdout)
        bad = [finding for finding in document["findings"] if finding["state"] == "bad"]
        assert done.returncode == (1 if bad else 0) and document["bad"] == len(bad)
        assert all(finding["do"] for finding in bad), bad
        return list(document["findings"])

    def bad(self) -> list[tuple[str, str]]:
        return [(finding["examination"], finding["found"]) for finding in self.finds() if finding["state"] == "bad"]


def finds_only(doctor: Doctor, examination: str, *said: str) -> None:
    """One thing is bad, and this is it."""
    bad = doctor.bad()
    assert [name for name, _ in bad] == [examination], bad
    for text in said:
        assert text in bad[0][1], bad


@pytest.fixture
def doctor(instance: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer) -> Doctor:
    return Doctor(instance, git, repo, metadata)


@pytest.fixture
def name_server(world: World) -> Iterator[None]:
    """One on the servers' address, which knows no name."""
    with world.network.servers.entered():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((SERVERS_ADDRESS, 53))
    server.settimeout(0.1)
    is_over = threading.Event()

    def serve() -> None:
        while not is_over.is_set():
            with contextlib.suppress(TimeoutError):
                question, asker = server.recvfrom(512)
                server.sendto(question[:2] + b"\x81\x83" + question[4:], asker)

    thread = threading.Thread(target=serve)
    thread.start()
    yield
    is_over.set()
    thread.join()
    server.close()


def state_of(instance: Instance) -> dict[str, tuple[int, int, int]]:
    """All that is on the disk of the agent: inode, time of change and mode, by path."""
    found = {}
    for root in (STATE, "/run/bootwright", "/var/cache/bootwright", "/etc/bootwright", "/tmp"):
        for file in instance.path(root).rglob("*"):
            status = file.lstat()
            found[str(file)] = (status.st_ino, status.st_mtime_ns, status.st_mode)
    return found


# A machine in good health


def test_a_machine_in_good_health(doctor: Doctor) -> None:
    instance = doctor.instance
    before = state_of(instance)
    done = instance.bootwright("doctor")
    assert done.returncode == 0 and done.stderr == "", done
    for line in (
        r"good +clock +it says .*, and was set by time servers",
        rf"good +instance +the platform is ec2, and says that this is {INSTANCE_ID}",
        r"good +network +the default route is by eth0",
        r"good +certificates +repository.ca_file \(/etc/bootwright/ca.pem\) ends in 29 days, at ",
        r"good +certificates +the certificate of https://git.test ends in 29 days, at ",
        rf"good +names +git.test is {SERVERS_ADDRESS}",
        r"good +places +https://git.test/.*\.git answers, and lets this machine read",
        r"good +puppet +Puppet at /usr/local/bin/quick-puppet is version 7.23.0",
        rf"good +repository +the checkout of {doctor.repo.head[:12]} is as it was proven",
        rf"good +repository +the objects of the checkout of {doctor.repo.head[:12]} are complete and undamaged: 1 commit",
        r"not known +unit +systemd does not run here",
        r"\d+ good, 0 bad, 1 not known",
    ):  # fmt: skip
        assert re.search(f"^{line}", done.stdout, re.MULTILINE), (line, done.stdout)
    assert state_of(instance) == before
    assert not any("0" * 40 in request for request in doctor.git.requests())


def test_beside_a_run_nothing_is_disturbed(doctor: Doctor) -> None:
    instance = doctor.instance
    instance.configure(patient_puppet(instance), "agent.d/patient.json")
    run = instance.start_bootwright("run")
    puppet_is_at_work(instance)
    instance.remove("/etc/bootwright/agent.d/patient.json")
    found = [finding["found"] for finding in doctor.finds() if finding["examination"] == "leftovers"]
    assert "run 2 is under way" in found
    refused = instance.bootwright("clean")
    assert refused.returncode == 5 and "another run is under way" in refused.stderr and "nothing was removed" in refused.stderr
    let_go(instance)
    assert run.wait() == 0 and instance.status()["run"]["outcome"] == "unchanged"


def test_a_user_without_rights_is_told_what_he_may_not_see(doctor: Doctor) -> None:
    done = doctor.instance.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bootwright", "doctor", "--json"])
    findings = json.loads(done.stdout)["findings"]
    assert any(finding["state"] == "not_known" and "as root" in (finding["do"] or "") for finding in findings), done


# Broken in one way


def test_a_clock_that_stands_in_1970(doctor: Doctor) -> None:
    set_clock(doctor.instance, "1970-01-01 00:00:10")
    assert ("clock", "it says 1970-01-01T00:00") in [(name, said[:24]) for name, said in doctor.bad()]


def test_a_clock_that_is_years_ahead(doctor: Doctor) -> None:
    doctor.asks(doctor.repo.url("http"))
    set_clock(doctor.instance, "2200-01-01 00:01:00")
    bad = dict(doctor.bad())
    assert set(bad) == {"clock", "certificates"}, bad
    assert "it says 2200-01-01" in bad["clock"] and f"and http://{SERVERS_ADDRESS} says 20" in bad["clock"]
    assert "has ended by this machine's clock" in bad["certificates"]


def test_a_name_that_nobody_knows(doctor: Doctor) -> None:
    doctor.asks(doctor.repo.url("https", host="git.elsewhere.test"))
    bad = doctor.bad()
    assert [name for name, _ in bad] == ["names", "places"], bad
    assert all("the name git.elsewhere.test was not found" in said for _, said in bad), bad


@pytest.mark.usefixtures("name_server")
def test_the_one_of_two_name_servers_that_is_dead(doctor: Doctor) -> None:
    dead = "10.99.0.77"
    doctor.instance.write("/etc/resolv.conf", f"nameserver {dead}\nnameserver {SERVERS_ADDRESS}\n")
    finds_only(doctor, "names", f"name server {dead} of /etc/resolv.conf ")
    assert any(f"name server {SERVERS_ADDRESS} of /etc/resolv.conf answers" in finding["found"] for finding in doctor.finds())


def test_a_machine_without_a_network(doctor: Doctor, world: World) -> None:
    world.network.unplug()
    bad = doctor.bad()
    assert {"instance", "network", "places"} <= {name for name, _ in bad}, bad
    assert "this machine has no address and no route beyond its own link" in [said for _, said in bad]


@pytest.mark.parametrize(
    ("at", "said"),
    [("expired", "certificate has expired"), ("wrong-name", "git.test"), ("stranger", "unable to get local issuer certificate")],
)
def test_a_server_that_does_not_prove_itself(doctor: Doctor, at: str, said: str) -> None:
    doctor.asks(doctor.repo.url("https", at=at, host="git.test"))
    finds_only(doctor, "places", "server.not_trusted", said)


def test_a_certificate_that_ends_soon(doctor: Doctor) -> None:
    doctor.asks(doctor.repo.url("https", at="ending", host="git.test"))
    finds_only(doctor, "certificates", "the certificate of https://git.test:4435 ends in 2 days, at 20")


def test_a_certificate_of_the_image_that_has_ended(doctor: Doctor) -> None:
    client = doctor.git.authority.certificate("ended-client", made_at="2020-01-01")
    doctor.instance.write("/etc/bootwright/client.pem", client.pem.read_bytes())
    doctor.instance.write("/etc/bootwright/client.key", client.key.read_bytes(), 0o600)
    doctor.prepare(client_certificate="/etc/bootwright/client.pem", client_key="/etc/bootwright/client.key")
    finds_only(doctor, "certificates", "repository.client_certificate (/etc/bootwright/client.pem) has ended by this machine's clock, at 2020-01-31")


def test_a_password_that_is_refused_is_not_shown(doctor: Doctor) -> None:
    url = doctor.repo.url("https", at="password", host="git.test")
    doctor.asks(url.replace("://", "://reader:hunter2-of-the-reader@"))
    finds_only(doctor, "places", "server.access_denied")
    assert "hunter2" not in json.dumps(doctor.finds())
    doctor.asks(doctor.repo.url("https", host="git.test", credentials=True))
    assert doctor.bad() == []


def test_a_credential_that_others_may_read(doctor: Doctor) -> None:
    doctor.instance.write("/etc/bootwright/token", "hunter2-of-the-file\n", 0o644)
    doctor.prepare(credentials=[{"host": "elsewhere.test", "user": "u", "from": {"file": "/etc/bootwright/token"}}])
    finds_only(doctor, "credentials", "others may read or change the secret in /etc/bootwright/token")
    assert "hunter2" not in json.dumps(doctor.finds())


def test_a_proxy_that_is_away(doctor: Doctor) -> None:
    doctor.prepare(proxy=f"http://somebody:hunter2-of-the-proxy@{SERVERS_ADDRESS}:3199")
    bad = doctor.bad()
    assert [name for name, _ in bad] == ["network", "places"], bad
    assert f"the proxy http://{SERVERS_ADDRESS}:3199 of agent.json takes no connection: Connection refused" in bad[0][1]
    assert "hunter2" not in json.dumps(doctor.finds())


def test_a_server_that_says_nothing_is_left(doctor: Doctor, world: World) -> None:
    """The way there is open, and nothing comes back: each examination ends in its time."""
    world.network.filter("tcp dport 443 drop")
    finds_only(doctor, "places", "said nothing", "server.stalled")


def test_a_metadata_service_that_is_away(doctor: Doctor) -> None:
    doctor.metadata.fault("*", metadata_faults.status(500))
    finds_only(doctor, "instance", "the platform is ec2: ")
    found = [finding["found"] for finding in doctor.finds()]
    assert "the role config is valid, as it was last accepted: role base" in found


def test_a_mistake_in_the_image_s_configuration(doctor: Doctor) -> None:
    doctor.instance.write("/etc/bootwright/agent.d/wrong.json", '{"repository": {"ca-file": "x"}}')
    assert "config.invalid" in doctor.bad()[0][1]


def test_a_missing_puppet(doctor: Doctor) -> None:
    doctor.instance.remove("/usr/local/bin/quick-puppet")
    finds_only(doctor, "puppet", "puppet.not_installed")


def test_damaged_objects(doctor: Doctor) -> None:
    pack = next(file for file in doctor.instance.path(REPOSITORIES).rglob("*.pack"))
    pack.chmod(0o600)
    with pack.open("r+b") as file:
        file.seek(pack.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0xFF]))
    finds_only(doctor, "repository", f"objects of the checkout of {doctor.repo.head[:12]}")


def test_a_checkout_that_somebody_has_changed(doctor: Doctor) -> None:
    file = f"{STATE}/checkout/{doctor.repo.head}/manifests/site.pp"
    doctor.instance.write(file, doctor.instance.read(file) + "# by hand\n")
    finds_only(doctor, "repository", "was changed since it was proven")


def test_an_agent_that_was_killed(doctor: Doctor) -> None:
    instance = doctor.instance
    instance.configure(patient_puppet(instance), "agent.d/patient.json")
    run = instance.start_bootwright("run")
    puppet_is_at_work(instance)
    run.kill()
    instance.remove("/etc/bootwright/agent.d/patient.json")
    left = instance.status()["run"]["child"]["pid"]
    finds_only(doctor, "leftovers", "the agent of run 2 is gone", f"process {left}, which it started, still works")
    refused = instance.bootwright("clean")
    assert refused.returncode == 5 and "is still at work" in refused.stderr and instance.exists(f"{STATE}/runs")
    instance.run(["kill", "-9", str(left)], check=True)
    wait_for(lambda: not instance.processes("patient-puppet"), "the end of what was left")
    finds_only(doctor, "leftovers", "run 2 was cut off: its agent is gone")


def test_folders_that_are_open_to_others(doctor: Doctor) -> None:
    doctor.instance.path(STATE).chmod(0o755)
    doctor.instance.path("/etc/bootwright/agent.json").chmod(0o666)
    bad = doctor.bad()
    assert [name for name, _ in bad] == ["permissions", "permissions"], bad
    assert "has mode 0755" in bad[0][1] and "may change /etc/bootwright/agent.json" in bad[1][1]


def test_a_full_disk_and_one_that_turned_read_only(
    new_instance: Callable[..., Instance], git: GitServer, repo: ControlRepo, metadata: MetadataServer
) -> None:
    instance = new_instance(tmpfs={STATE: "mode=700,size=100m"})
    doctor = Doctor(instance, git, repo, metadata)
    instance.run(["fallocate", "-l", "60M", f"{STATE}/somebody-else-s"], check=True)
    finds_only(doctor, "disk", f"{STATE} has only ", "MiB")
    instance.remove(f"{STATE}/somebody-else-s")
    make_read_only(instance.base / "volume-0")
    finds_only(doctor, "disk", f"{STATE} is mounted read-only")


# A report


def test_a_report_of_a_broken_machine(doctor: Doctor) -> None:
    """Whoever gets it sees what is wrong, and no secret."""
    doctor.repo.commit({"new": "x"})
    url = doctor.repo.url("https", at="password", host="git.test")
    doctor.asks(url.replace("://", "://reader:hunter2-of-the-reader@"))
    assert doctor.instance.bootwright("run").returncode == 1
    doctor.instance.run(["mkdir", "/root/mail"], check=True)
    done = doctor.instance.bootwright("report", "/root/mail/report.tar.gz")
    assert done.returncode == 0, done.stderr
    file = doctor.instance.path("/root/mail/report.tar.gz")
    assert file.stat().st_mode & 0o777 == 0o600 and [entry.name for entry in file.parent.iterdir()] == [file.name]
    with tarfile.open(file) as archive:
        members = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        content = {name: packed.read() for name, packed in members.items() if packed is not None}
    runs = [json.loads(content[f"bootwright-report/runs/{number}.json"]) for number in (1, 2)]
    assert [(run["number"], run["error"] is None) for run in runs] == [(1, True), (2, False)]
    assert json.loads(content["bootwright-report/status.json"])["run"]["error"]["code"] == "server.access_denied"
    findings = json.loads(content["bootwright-report/doctor.json"])
    assert [finding["examination"] for finding in findings if finding["state"] == "bad"] == ["places"]
    assert json.loads(content["bootwright-report/capture/metadata-answers.json"])
    assert "role configs, catalogs" in content["bootwright-report/README.txt"].decode().partition("Not in here:")[2]
    assert done.stdout.startswith(content["bootwright-report/README.txt"].decode().rstrip())
    assert not [name for name, text in content.items() if b"hunter2" in text]


# An image is taken


def test_a_cleaned_machine_is_configured_as_a_new_one(doctor: Doctor) -> None:
    instance = doctor.instance
    shutil.copytree(doctor.repo.bare, instance.path(SEED))
    instance.write("/var/lib/cloud/seed/nocloud/user-data", "#cloud-config\n")
    done = instance.bootwright("clean", "--seed")
    assert done.returncode == 0, done.stderr
    assert list(instance.path(STATE).iterdir()) == []
    assert sorted(file.name for file in instance.path("/run/bootwright").iterdir()) == ["daemon.lock", "run.lock", "status.lock"]
    assert instance.exists(f"{SEED}/HEAD") and not instance.exists("/var/lib/cloud/seed")
    for path in ("runs", "history.jsonl", "instance.json"):
        assert f"removed  {STATE}/{path}\n" in done.stdout
    instance.reboot()
    assert instance.bootwright("status").returncode == 4
    converges(instance)
    assert instance.status()["run"]["number"] == 1


def test_cleaning_that_is_cut_off_harms_nobody(doctor: Doctor) -> None:
    """However far it came: the next one ends it, and a run finds what it needs, or makes it."""
    instance = doctor.instance
    entries = sorted(file.name for file in instance.path(STATE).iterdir() if file.name != "instance.json")
    for gone in (1, len(entries) // 2, len(entries)):
        converges(instance)
        instance.run(["rm", "-rf", *(f"{STATE}/{name}" for name in entries[:gone])], check=True)
        assert instance.exists(f"{STATE}/instance.json")
        converges(instance)
    instance.run(["rm", "-rf", *(f"{STATE}/{name}" for name in entries)], check=True)
    assert instance.bootwright("clean").returncode == 0
    assert list(instance.path(STATE).iterdir()) == []


def test_a_machine_with_a_daemon_is_not_cleaned(doctor: Doctor) -> None:
    instance = doctor.instance
    daemon = instance.start_bootwright("daemon")
    instance.wait_for_status(lambda status: (status["daemon"] or {}).get("state") == "waiting", "a daemon that waits")
    done = instance.bootwright("clean")
    assert done.returncode == 5 and "systemctl stop bootwright" in done.stderr, done
    assert instance.exists(f"{STATE}/instance.json")
    daemon.stop()
    assert instance.bootwright("clean").returncode == 0
