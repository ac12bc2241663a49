"""The workshop itself: what the other tests stand on."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import metadata_faults
import pytest
from control_repo import ControlRepo
from fault_proxy import FaultProxy
from instance import Instance
from machine import PLAIN_SYS
from metadata_server import MetadataServer
from metadata_services import Ec2, Tree
from network import METADATA_ADDRESS
from real_machine import wait_for
from sample import left_out
from servers import GitServer
from world import World

MD = f"http://{METADATA_ADDRESS}"
TOKEN_TTL = "X-aws-ec2-metadata-token-ttl-seconds"
CURL = ["curl", "-sS", "--max-time", "5"]


def curl(instance: Instance, *arguments: str) -> str:
    return instance.run([*CURL, *arguments], check=True).stdout


def code(instance: Instance, *arguments: str) -> int:
    return int(curl(instance, "-o", "/dev/null", "-w", "%{http_code}", *arguments))


def token(instance: Instance) -> str:
    return "X-aws-ec2-metadata-token: " + curl(instance, "-X", "PUT", "-H", f"{TOKEN_TTL}: 60", f"{MD}/latest/api/token")


# What runs each day


def test_each_test_has_cases_that_run_each_day_and_others_another_day() -> None:
    cases = ["a.py::alone"] + [f"a.py::few[{n}]" for n in range(3)] + [f"b.py::many[x[{n}]-1]" for n in range(400)]
    left = left_out(cases, "7")
    assert left == left_out(cases, "7") and left < set(cases)
    assert all("::many[" in case for case in left) and len(left) == 350
    assert left != left_out(cases, "8")


# The instance


def test_the_real_machine_does_not_see_what_an_instance_writes(instance: Instance) -> None:
    for path in ("/etc/bootwright-harness", "/usr/bin/bootwright-harness", "/run/bootwright-harness", "/tmp/bootwright-harness"):
        instance.run(["touch", path], check=True)
        assert instance.exists(path)
        assert not Path(path).exists()
    instance.run(["rm", "/etc/passwd"], check=True)
    assert Path("/etc/passwd").exists()


def test_an_absolute_link_does_not_lead_out_of_the_instance(instance: Instance) -> None:
    instance.run(["ln", "-s", "/etc/target", "/etc/link"], check=True)
    instance.path("/etc/link").write_text("x")
    assert instance.read("/etc/target") == "x"
    assert not Path("/etc/target").exists()


def output_of(instance: Instance, script: str) -> str:
    return instance.run(["sh", "-c", script], check=True).stdout


def test_an_instance_shows_the_chosen_platform(new_instance: Callable[..., Instance]) -> None:
    instance = new_instance(sys_files={**PLAIN_SYS, "hypervisor/uuid": "ec2e1916\n"}, cmdline="quiet ds=nocloud")
    assert instance.read("/proc/cmdline") == "quiet ds=nocloud\n"
    assert output_of(instance, "cat /sys/hypervisor/uuid /sys/class/dmi/id/sys_vendor") == "ec2e1916\nQEMU\n"
    assert output_of(instance, "ls /sys/class/net").split() == ["eth0", "lo"]


def test_a_reboot_keeps_the_disk_and_nothing_else(new_instance: Callable[..., Instance]) -> None:
    instance = new_instance(tmpfs={"/var/lib/bootwright": "size=64k,nr_inodes=20"})
    process = instance.start(["sleep", "1000"])
    boot = instance.read("/proc/sys/kernel/random/boot_id")
    for path in ("/etc/kept", "/var/lib/bootwright/kept", "/run/gone", "/tmp/gone"):
        instance.write(path, "x")
    instance.reboot()
    assert process.wait() == -9
    assert [instance.exists(p) for p in ("/etc/kept", "/var/lib/bootwright/kept", "/run/gone", "/tmp/gone")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert instance.read("/proc/sys/kernel/random/boot_id") != boot
    assert instance.run(["dd", "if=/dev/zero", "of=/var/lib/bootwright/big", "bs=1k", "count=100"]).returncode == 1


def test_processes_are_those_of_the_instance(instance: Instance) -> None:
    process = instance.start(["sh", "-c", "echo out; echo err >&2; sleep 1000"])
    wait_for(lambda: "err" in process.output, "output")
    assert process.output == "out\nerr\n"
    assert process.inner_pid in instance.processes("sleep 1000")
    assert process.stop() == -15
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        instance.run(["sh", "-c", "echo so far; sleep 1001; true"], timeout=0.3)
    assert caught.value.output == "so far\n"
    wait_for(lambda: not instance.processes("sleep 1001"), "the end of what timed out")
    # An orphan is reaped by process 1, as on a real machine.
    instance.run(["sh", "-c", "setsid sh -c 'sleep 0.1' &"], check=True)
    wait_for(lambda: "Z" not in instance.run(["ps", "-eo", "stat="]).stdout, "no zombies")


def test_the_environment_is_clean(instance: Instance) -> None:
    assert set(output_of(instance, "env | cut -d= -f1").split()) <= {"PATH", "HOME", "LANG", "PWD", "OLDPWD", "SHLVL", "_"}


# The metadata service


def test_the_metadata_service_is_at_its_true_address(instance: Instance, metadata: MetadataServer) -> None:
    metadata.service = Ec2(b'{"role": "web"}')
    assert curl(instance, "-H", token(instance), f"{MD}/latest/user-data") == '{"role": "web"}'
    document = json.loads(curl(instance, "-H", token(instance), f"{MD}/latest/dynamic/instance-identity/document"))
    assert document["instanceId"] == "i-0123456789abcdef0"
    assert curl(instance, "-H", token(instance), f"{MD}/latest/meta-data/placement/") == "availability-zone\nregion"
    assert metadata.count("PUT /latest/api/token") == 3


def test_the_metadata_service_rejects_what_the_true_one_rejects(instance: Instance, metadata: MetadataServer) -> None:
    data = f"{MD}/latest/user-data"
    put = ["-X", "PUT", f"{MD}/latest/api/token"]
    assert code(instance, data) == 401
    assert code(instance, *put) == 400
    assert code(instance, "-H", f"{TOKEN_TTL}: 21601", *put) == 400
    assert code(instance, "-H", f"{TOKEN_TTL}: 60", "-H", "X-Forwarded-For: 10.0.0.1", *put) == 403
    assert code(instance, f"{MD}/latest/api/token") == 405
    header = token(instance)
    assert code(instance, "-H", header, data) == 404
    assert isinstance(metadata.service, Ec2)
    metadata.service.expire_tokens()
    assert code(instance, "-H", header, data) == 401
    metadata.service = Ec2(b"x", v1=True, v2=False)
    assert code(instance, "-H", f"{TOKEN_TTL}: 60", *put) == 404
    assert code(instance, data) == 200
    metadata.service = Ec2(enabled=False)
    assert code(instance, "-H", f"{TOKEN_TTL}: 60", *put) == 403


@pytest.mark.parametrize(
    ("fault", "shown", "status"),
    [
        (metadata_faults.status(503, retry_after=2), "503", 0),
        (metadata_faults.silence(), "000", 28),
        (metadata_faults.reset(), "000", 56),
        (metadata_faults.truncated(3), "200", 18),
        (metadata_faults.oversized(200_000), "200", 0),
        (metadata_faults.redirect("http://10.99.0.1/"), "302", 0),
        (metadata_faults.empty(), "200", 0),
        (metadata_faults.no_content(), "204", 0),
        (metadata_faults.garbage(), "200", 0),
        (metadata_faults.content_type("image/png"), "200", 0),
        (metadata_faults.not_http(), "000", 1),
        (metadata_faults.slow(0.2), "200", 0),
        (metadata_faults.late(0.2), "200", 0),
    ],
)  # fmt: skip
def test_the_metadata_service_fails_as_told(
    instance: Instance, metadata: MetadataServer, fault: metadata_faults.Fault, shown: str, status: int
) -> None:
    metadata.service = Ec2(b'{"role": "web"}', v1=True)
    metadata.fault("GET /latest/user-data", fault, times=1, after=1)
    request = ["curl", "-s", "--max-time", "1", "-o", "/dev/null", "-w", "%{http_code}", f"{MD}/latest/user-data"]
    assert instance.run(request).stdout == "200"
    done = instance.run(request)
    assert (done.stdout, done.returncode) == (shown, status)
    assert instance.run(request).stdout == "200"


def test_any_tree_can_be_served(instance: Instance, metadata: MetadataServer) -> None:
    metadata.service = Tree(
        [
            {"path": "/computeMetadata/v1/x", "require": {"Metadata-Flavor": "Google"}, "body": "yes"},
            {"path": "/seed/user-data", "body": {"role": "web"}},
        ]
    )
    assert code(instance, f"{MD}/computeMetadata/v1/x") == 400
    assert curl(instance, "-H", "Metadata-Flavor: Google", f"{MD}/computeMetadata/v1/x") == "yes"
    assert curl(instance, f"{MD}/seed/user-data") == '{"role": "web"}'
    assert code(instance, f"{MD}/other") == 404


# The git server and what stands in front of it


def prepare_clients(instance: Instance, git: GitServer) -> dict[str, str]:
    instance.write("/etc/ca.pem", git.ca_file.read_bytes())
    instance.write("/etc/ssh_key", git.ssh_key.read_bytes(), 0o600)
    instance.write("/etc/known_hosts", git.known_hosts)
    return {
        "GIT_SSL_CAINFO": "/etc/ca.pem",
        "GIT_SSH_COMMAND": "ssh -F none -i /etc/ssh_key -o UserKnownHostsFile=/etc/known_hosts"
        " -o StrictHostKeyChecking=yes -o BatchMode=yes",
        "GIT_TERMINAL_PROMPT": "0",
    }


@pytest.mark.parametrize("scheme", ["http", "https", "ssh"])
def test_git_clones(instance: Instance, git: GitServer, repo: ControlRepo, proxies: dict[str, FaultProxy], scheme: str) -> None:
    env = prepare_clients(instance, git)
    instance.run(["git", "clone", "-q", repo.url(scheme), "/tmp/clone"], env=env, check=True)
    assert instance.run(["git", "-C", "/tmp/clone", "rev-parse", "HEAD"]).stdout.strip() == repo.head
    if scheme != "ssh":  # known_hosts names the port, too
        url = repo.url(scheme, port=proxies[scheme].port)
        instance.run(["git", "clone", "-q", url, "/tmp/clone2"], env=env, check=True)
        assert proxies[scheme].connections > 0


def test_the_git_server_keeps_strangers_out(instance: Instance, git: GitServer, repo: ControlRepo) -> None:
    env = prepare_clients(instance, git)

    def list_remote(url: str, **changed: str) -> int:
        return instance.run(["git", "ls-remote", url], env={**env, **changed}).returncode

    assert list_remote(repo.url("http", credentials=True)) == 0
    assert list_remote(repo.url("http", credentials=True).replace("s3cret", "guess")) == 128
    assert list_remote(repo.url("https"), GIT_SSL_CAINFO="/etc/ssl/certs/ca-certificates.crt") == 128
    instance.write("/etc/ssh_key", git.other_ssh_key.read_bytes(), 0o600)
    assert list_remote(repo.url("ssh")) == 128


def test_revisions_are_the_same_each_time(git: GitServer, repo: ControlRepo, world: World) -> None:
    again = ControlRepo(git, "again", world.new_folder("again"))
    assert again.first == repo.first
    second = repo.commit_class("extra", "notify { 'extra': }")
    assert second == again.commit_class("extra", "notify { 'extra': }") != repo.first
    repo.tag("v1", annotated=True)
    repo.branch("old", repo.first)
    repo.rewind(repo.first)
    assert repo.head == repo.first
    again.remove()


def test_the_proxy_fails_as_told(instance: Instance, repo: ControlRepo, proxy: FaultProxy) -> None:
    repo.commit_ballast(2)
    url = repo.url("http", port=proxy.port)
    quick = {"GIT_HTTP_LOW_SPEED_LIMIT": "1000", "GIT_HTTP_LOW_SPEED_TIME": "1"}

    def clone() -> tuple[int, str]:
        done = instance.run(["sh", "-c", f"rm -rf /tmp/c; git clone -q {url} /tmp/c"], env=quick)
        return done.returncode, done.stderr

    assert clone()[0] == 0
    assert proxy.bytes_down > 2_000_000
    proxy.refuse()
    assert "refused" in clone()[1] or "Couldn't connect" in clone()[1]
    proxy.heal()
    proxy.cut(after=500_000, how="reset", times=1)
    assert clone()[0] == 128
    assert clone()[0] == 0
    proxy.silence()
    started = time.monotonic()
    assert clone()[0] == 128
    assert time.monotonic() - started >= 1
    proxy.heal()
    proxy.cut(after=500_000, how="silence")
    assert clone()[0] == 128
    proxy.heal()
    proxy.limit(2_000_000)
    started = time.monotonic()
    assert clone()[0] == 0
    assert time.monotonic() - started >= 0.9


def test_the_network_fails_as_told(instance: Instance, git: GitServer, metadata: MetadataServer, world: World) -> None:
    metadata.service = Ec2(b"x", v1=True)
    request = ["curl", "-s", "--max-time", "0.5", "-o", "/dev/null", f"{MD}/latest/user-data"]
    assert instance.run(request).returncode == 0
    world.network.filter(f"ip daddr {METADATA_ADDRESS} drop")
    assert instance.run(request).returncode == 28
    world.network.reset()
    assert instance.run(request).returncode == 0
    world.network.unplug()
    assert instance.run(request).returncode != 0
    world.network.reset()
    assert instance.run(request).returncode == 0
    git.stop()
    assert instance.run(["curl", "-s", "http://10.99.0.1/"]).returncode == 7


# Puppet and the example


def apply(instance: Instance, repo: ControlRepo, role: str, *, revision: str = "") -> subprocess.CompletedProcess[str]:
    """puppet apply as the agent calls it (see docs), from a clone."""
    revision = revision or repo.head
    facts = {"role": role} if role else {}
    instance.write("/tmp/facts/facts.json", json.dumps({**facts, "bootwright": {"revision": revision}}))
    script = f"""set -e
[ -d /tmp/environments/{revision} ] || git clone -q {repo.url()} /tmp/environments/{revision}
mkdir -p /tmp/none
exec puppet apply --detailed-exitcodes --environmentpath=/tmp/environments --environment={revision} \\
    --certname=i-0123456789abcdef0 --pluginfactdest=/tmp/facts --basemodulepath=/tmp/none --confdir=/tmp/conf --vardir=/tmp/var \\
    --publicdir=/tmp/public --color=false /tmp/environments/{revision}/manifests
"""
    return instance.run(["sh", "-c", script], timeout=120)


def test_the_base_role_applies_without_a_network(instance: Instance, repo: ControlRepo, world: World) -> None:
    instance.run(["git", "clone", "-q", repo.url(), f"/tmp/environments/{repo.head}"], check=True)
    world.network.unplug()
    first = apply(instance, repo, "base")
    assert first.returncode == 2, first.stdout + first.stderr
    assert repo.head in instance.read("/etc/motd")
    assert "vm.swappiness = 10" in instance.read("/etc/sysctl.d/60-control-repo.conf")
    second = apply(instance, repo, "base")
    assert second.returncode == 0, second.stdout + second.stderr
    assert "Warning" not in first.stdout + first.stderr


def test_the_web_role_ends_with_a_page(instance: Instance, repo: ControlRepo) -> None:
    first = apply(instance, repo, "web")
    assert first.returncode == 2, first.stdout + first.stderr
    page = curl(instance, "http://127.0.0.1/")
    assert "<dd>web</dd>" in page and repo.head in page and "i-0123456789abcdef0" in page
    second = apply(instance, repo, "web")
    assert second.returncode == 0, second.stdout + second.stderr
    changed = repo.commit({"data/role/web.yaml": "---\nprofile::web::port: 8088\n"})
    third = apply(instance, repo, "web")
    assert third.returncode == 2, third.stdout + third.stderr
    assert changed in curl(instance, "http://127.0.0.1:8088/")


@pytest.mark.parametrize("role", ["", "nonesuch", "web ; x", "../base"])
def test_an_unknown_role_stops_the_compilation(instance: Instance, repo: ControlRepo, role: str) -> None:
    done = apply(instance, repo, role)
    assert done.returncode == 1
    assert (f"Unknown role '{role}'" if role else "This instance has no role") in done.stdout + done.stderr


# The end


def test_nothing_stays_behind_after_a_kill() -> None:
    script = (
        "import sys; sys.path[:0] = [sys.argv[1]]\n"
        "from world import World\n"
        "world = World(); world.instance().start(['sleep', '98765'])\n"
        "print(world.folder, flush=True); sys.stdin.read()\n"
    )
    child = subprocess.Popen(
        ["/usr/bin/python3", "-c", script, str(Path(__file__).parent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    folder = Path(child.stdout.readline().strip())
    assert folder.is_dir() and not any(folder.iterdir())  # its content is in the child's own mounts
    child.kill()
    child.wait()

    def left() -> list[str]:
        lines = subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True).stdout.splitlines()
        return [line for line in lines if "sleep 98765" in line or str(folder) in line]

    wait_for(lambda: not left(), "the end of every process")
    assert str(folder) not in Path("/proc/1/mounts").read_text()
    os.rmdir(folder)
