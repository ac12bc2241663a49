"""What stands around a run: the package manager's locks and what an interruption left of it, a clock that is still to be set,
a network that comes late, and a cloud that takes the instance away."""

from __future__ import annotations

from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from interruption import SYNCHRONISED, set_clock
from machine import Process
from metadata_server import MetadataServer
from metadata_services import Ec2
from packages import make_package
from real_machine import wait_for
from roles import role_config
from runs import converges, fails, prepare, report
from servers import GitServer
from world import World

FRONTEND = "/var/lib/dpkg/lock-frontend"
APT_CONFIG = "/run/bootwright/apt.conf"

#: Holds a lock as apt does, until it is killed.
HOLD = "import fcntl, signal, sys; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); signal.pause()"

#: The first time it kills the dpkg that runs it; then it succeeds.
POSTINST = "#!/bin/sh\nif [ ! -e /root/killed ]; then\n    touch /root/killed\n    kill -KILL $PPID\nfi\n"


@pytest.fixture
def ready(instance: Instance, git: GitServer, repo: ControlRepo, metadata: MetadataServer) -> Instance:
    """An instance with a Puppet that costs nothing, and puts its environment into /root/environment."""
    prepare(instance, git)
    metadata.service = Ec2(role_config(repo))
    puppet = instance.read("/usr/local/bin/quick-puppet")
    instance.write("/usr/local/bin/quick-puppet", puppet.replace("#!/bin/sh\n", "#!/bin/sh\nenv >/root/environment\n"), 0o755)
    return instance


def hold(instance: Instance, path: str) -> Process:
    holder = instance.start(["/usr/bin/python3", "-c", HOLD, path])
    wait_for(lambda: "held" in holder.output, f"the lock {path}")
    return holder


def state_of(instance: Instance, package: str) -> str:
    return instance.run(["dpkg-query", "-W", "-f", "${Status}", package], check=True).stdout


def test_who_holds_dpkgs_lock_is_waited_for_and_named(ready: Instance) -> None:
    holder = hold(ready, FRONTEND)
    run = ready.start_bootwright("run")
    status = ready.wait_for_status(lambda s: s["run"] and s["run"]["waiting"], "a run that waits")
    assert status["run"]["waiting"]["for"] == f"python3 (process {holder.inner_pid}), which holds {FRONTEND}"
    assert status["run"]["stage"] == "puppet"
    assert f"waiting for python3 (process {holder.inner_pid})" in ready.bootwright("status").stdout
    assert not ready.exists("/root/environment")
    holder.kill()
    assert run.wait() == 0
    assert (report(ready)["attempt"], report(ready)["waiting"]) == (1, None)


def test_a_lock_that_is_not_given_up_fails_the_run(ready: Instance) -> None:
    ready.configure({"puppet": {"package_lock_timeout": "100ms"}}, "agent.d/lock.json")
    holder = hold(ready, "/var/lib/apt/lists/lock")
    fails(ready, "puppet", "puppet.package_lock", "transient", f"process {holder.inner_pid}", "/var/lib/apt/lists/lock")
    ready.configure({"puppet": {"package_lock_timeout": "0s"}}, "agent.d/lock.json")
    converges(ready)
    holder.kill()


def test_apt_waits_for_its_lock_while_puppet_runs(ready: Instance) -> None:
    converges(ready)
    assert f"APT_CONFIG={APT_CONFIG}\n" in ready.read("/root/environment")
    env = {"APT_CONFIG": APT_CONFIG}
    with_it = ready.run(["apt-config", "dump"], env=env, check=True).stdout
    without = ready.run(["apt-config", "dump"], check=True).stdout
    assert 'DPkg::Lock::Timeout "300";\n' in with_it
    assert set(without.splitlines()) <= set(with_it.splitlines())
    package = make_package(ready, "awaited")
    holder = hold(ready, FRONTEND)
    apt = ready.start(["apt-get", "-y", "install", package], env=env)
    wait_for(lambda: f"held by process {holder.inner_pid}" in apt.output or not apt.running, "apt's word that it waits")
    assert apt.running, apt.output
    holder.kill()
    assert apt.wait() == 0, apt.output
    assert state_of(ready, "awaited") == "install ok installed"


def test_an_interrupted_dpkg_is_completed(ready: Instance, repo: ControlRepo, metadata: MetadataServer) -> None:
    package = make_package(ready, "cut", postinst=POSTINST)
    assert ready.run(["dpkg", "--install", package]).returncode == -9
    assert state_of(ready, "cut") == "install ok half-configured"
    other = make_package(ready, "other")
    refused = ready.run(["apt-get", "-qq", "install", other])
    assert refused.returncode == 100 and "dpkg --configure -a" in refused.stderr

    metadata.service = Ec2(role_config(repo, puppet={"noop": True}))
    converges(ready)
    assert "without noop" in report(ready)["warnings"][0]
    assert state_of(ready, "cut") == "install ok half-configured"

    metadata.service = Ec2(role_config(repo))
    converges(ready)
    (warning,) = report(ready)["warnings"]
    assert "has completed it" in warning and "Setting up cut (1.0)" in warning
    assert state_of(ready, "cut") == "install ok installed"
    ready.run(["apt-get", "-qq", "install", other], check=True)
    converges(ready)
    assert report(ready)["warnings"] == []


@pytest.mark.parametrize("moment", ["1970-01-01 12:00:00", "2200-01-01 12:00:00"])
def test_a_clock_that_is_not_set_yet_is_waited_for(
    ready: Instance, repo: ControlRepo, metadata: MetadataServer, moment: str
) -> None:
    metadata.service = Ec2(role_config(repo, url=repo.url("https", host="git.test")))
    set_clock(ready, moment, until_synchronised=True)
    ready.remove(SYNCHRONISED)
    run = ready.start_bootwright("run")
    status = ready.wait_for_status(lambda s: s["run"] and s["run"]["waiting"], "a run that waits")
    assert "the clock to be set: it says " + moment[:10] in status["run"]["waiting"]["for"]
    assert status["run"]["stage"] == "repository"
    ready.write(SYNCHRONISED, "")
    assert run.wait() == 0, run.output
    assert "trying again" not in run.output  # no attempt was used up


def test_a_network_that_comes_late_is_waited_for(ready: Instance, repo: ControlRepo, world: World) -> None:
    ready.write("/etc/bootwright/role.json", role_config(repo))
    ready.configure({"platform": "file"}, "agent.d/platform.json")
    world.network.unplug()
    run = ready.start_bootwright("run")
    status = ready.wait_for_status(lambda s: s["run"] and s["run"]["waiting"], "a run that waits")
    assert status["run"]["waiting"]["for"] == "the network: this machine has no address yet"
    assert status["run"]["stage"] == "repository"
    world.network.plug_in()
    assert run.wait() == 0, run.output
    assert "trying again" not in run.output  # no attempt was used up


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("meta-data/spot/instance-action", '{"action": "terminate", "time": "2026-11-22T21:33:00Z"}', "at 2026-11-22T21:33:00Z"),
        ("meta-data/autoscaling/target-lifecycle-state", "Terminated", "Auto Scaling"),
    ],
)
def test_nothing_is_started_on_an_instance_that_goes_away(
    ready: Instance, metadata: MetadataServer, file: str, content: str, said: str
) -> None:
    service: Any = metadata.service
    service.files[file] = content
    fails(ready, "puppet", "platform.going_away", "stopped", said)
    assert not ready.exists("/root/environment")
    del service.files[file]
    converges(ready)


def test_the_daemon_looks_again_later_on_an_instance_that_goes_away(ready: Instance, metadata: MetadataServer) -> None:
    service: Any = metadata.service
    service.files["meta-data/autoscaling/target-lifecycle-state"] = "Terminated"
    daemon = ready.start_bootwright("daemon")
    status = ready.wait_for_status(lambda s: s["daemon"] and s["daemon"]["next"], "a plan")
    assert status["daemon"]["next"]["reason"] == "looking again after platform.going_away"
    assert 500 < status["daemon"]["next"]["at"]["monotonic_s"] - status["run"]["finished"]["monotonic_s"] < 700
    assert daemon.stop() == 0


def test_a_daemon_runs_at_its_minute(ready: Instance, repo: ControlRepo, metadata: MetadataServer) -> None:
    metadata.service = Ec2(role_config(repo, schedule={"interval": "1h", "splay": "1h"}))

    def minute() -> float:
        daemon = ready.start_bootwright("daemon")
        status = ready.wait_for_status(
            lambda s: s["daemon"] and s["daemon"]["pid"] == daemon.inner_pid and s["daemon"]["next"] and s["run"]["finished"],
            "a plan",
        )
        daemon.stop()
        after: float = status["daemon"]["next"]["at"]["monotonic_s"] - status["run"]["finished"]["monotonic_s"]
        assert 1800 <= after < 5400
        assert status["daemon"]["next"]["reason"] == "schedule"
        return int(status["daemon"]["next"]["at"]["wall"][14:16]) * 60 + float(status["daemon"]["next"]["at"]["wall"][17:-1])

    first = minute()
    ready.reboot()
    assert abs(minute() - first) < 0.1
