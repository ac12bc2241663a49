"""Whether an applied instance does its work, and who is told of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import public_clouds
import pytest
from control_repo import ControlRepo
from instance import INSTANCE_ID, Instance
from interruption import quick_puppet
from metadata_faults import silence, status
from metadata_server import MetadataServer
from metadata_services import Ec2
from public_clouds import PublicClouds, ec2_role
from real_machine import wait_for
from roles import IMPATIENT, merged, role_config
from runs import fails, nowhere, prepare, report
from servers import GitServer

PAGE = "http://127.0.0.1:8080/healthz"
HOOK = "https://hooks.example.com/services/T0000/hunter2-path"


@pytest.fixture
def asks(metadata: MetadataServer, repo: ControlRepo) -> Callable[..., Ec2]:
    """Sets what else the user-data says."""

    def ask(**more: Any) -> Ec2:
        metadata.service = service = Ec2(role_config(repo, **more))
        service.files |= ec2_role()
        return service

    return ask


@pytest.fixture
def ready(instance: Instance, git: GitServer) -> Instance:
    prepare(instance, git)
    public_clouds.lead_to(instance)
    return instance


def serve_page(instance: Instance) -> None:
    """A server whose page is missing until /srv/page/healthz is written."""
    instance.run(["mkdir", "-p", "/srv/page"], check=True)
    instance.start(["python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", "/srv/page", "8080"])
    instance.namespace.wait_until_listening("127.0.0.1", 8080)


def checks_of(instance: Instance) -> dict[str, tuple[bool, str]]:
    return {check["check"]: (check["ok"], check["said"]) for check in instance.status()["run"]["health"]}


def forget_user_data(instance: Instance) -> None:
    """It holds the URLs, and is kept in two files, for root alone."""
    for name in ("instance.json", "last_good.json"):
        assert instance.path(f"/var/lib/bootwright/{name}").stat().st_mode & 0o777 == 0o600
        instance.remove(f"/var/lib/bootwright/{name}")


# Checks


def test_checks_are_waited_for_until_all_are_good(ready: Instance, asks: Callable[..., Ec2]) -> None:
    """A real server, a real command: while they are not good the instance is not configured, and the status says for what it
    waits; afterwards it is, and `status --wait` says so."""
    serve_page(ready)
    checks = [
        {"tcp": "127.0.0.1:8080"},
        {"http": PAGE, "status": 200, "name": "the page"},
        {"command": ["/usr/bin/test", "-e", "/srv/loaded"]},
    ]
    asks(health={"timeout": "60s", "checks": checks})
    run = ready.start_bootwright("run")
    waits = ready.start_bootwright("status", "--wait", "--timeout", "60s")
    ready.wait_for_status(lambda found: len((found["run"] or {}).get("health", [])) == 3, "the first round")
    assert checks_of(ready) == {
        "tcp 127.0.0.1:8080": (True, "connected"),
        "the page": (False, "status 404, not 200"),
        "command /usr/bin/test": (False, "exit status 1"),
    }
    shown = ready.bootwright("status").stdout
    assert "stage health" in shown and "waits for the page: status 404" in shown
    assert ready.status()["configured"] is None and ready.status()["ready"] is False
    ready.write("/srv/page/healthz", "fine")
    wait_for(lambda: checks_of(ready)["the page"] == (True, "status 200"), "the page")
    assert run.running and waits.running
    ready.write("/srv/loaded", "")
    assert run.wait() == 0, run.output
    assert waits.wait() == 0, waits.output
    assert ready.status()["ready"] is True
    assert "3 of 3 health checks good" in ready.bootwright("status").stdout
    assert all(check["ok"] for check in report(ready)["health"])


def test_a_check_that_never_is_good_makes_the_run_bad(ready: Instance, asks: Callable[..., Ec2]) -> None:
    secret = "correct-horse-battery"
    ready.write("/usr/local/bin/smoke", f"#!/bin/sh\necho began\necho it says {secret} >&2\n[ -z \"$1\" ] || sleep 600\nexit 7\n", 0o755)
    checks = [
        {"unit": "nginx.service"},  # no systemd runs here
        {"tcp": "127.0.0.1:9"},
        {"http": "http://127.0.0.1:9/"},
        {"command": ["/usr/local/bin/smoke"], "name": "smoke"},
        {"command": ["/usr/local/bin/smoke", "hang"], "name": "hangs"},
        {"command": ["/nowhere"]},
    ]
    asks(health={"timeout": "500ms", "checks": checks}, data={"password": secret})
    run = fails(ready, "health", "health.failed", "transient", "6 of 6", "tcp 127.0.0.1:9: Connection refused")
    assert run["outcome"] == "unchanged"
    said = {name: text for name, (ok, text) in checks_of(ready).items()}
    assert "exit status 7: " in said["smoke"] and "it says [redacted]" in said["smoke"]
    assert said["hangs"].startswith("not done within 1.0 s")
    assert "/nowhere" in said["command /nowhere"]
    assert "systemctl" in said["unit nginx.service"] or "systemd" in said["unit nginx.service"]
    assert not ready.processes("smoke")
    shown = ready.bootwright("status").stdout
    assert "bad check smoke: exit status 7" in shown and "0 of 6 health checks good" in shown
    assert secret not in json.dumps(ready.status()) + shown


def test_the_daemon_goes_on_until_the_checks_are_good(ready: Instance, git: GitServer, asks: Callable[..., Ec2]) -> None:
    ready.configure(merged(IMPATIENT, quick_puppet(ready), {"repository": {"ca_file": "/etc/bootwright/ca.pem"}}))
    asks(health={"timeout": "300ms", "checks": [{"command": ["/usr/bin/test", "-e", "/srv/loaded"]}]})
    daemon = ready.start_bootwright("daemon")
    ready.wait_for_status(
        lambda found: ((found["daemon"] or {}).get("next") or {}).get("reason") == "trying again after health.failed", "the next plan"
    )
    assert ready.bootwright("status", "--wait", "--timeout", "1s").returncode != 0
    ready.write("/srv/loaded", "")
    assert ready.bootwright("status", "--wait", "--timeout", "30s").returncode == 0
    assert daemon.stop() == 0


# Who is told


def test_receivers_hear_of_a_good_run_by_their_own_proof(ready: Instance, asks: Callable[..., Ec2], clouds: MetadataServer) -> None:
    """The web hook has its token, Auto Scaling a signature of the instance's role, which the server computes itself; the wait
    condition's URL is its own proof."""
    service = asks(
        announce={
            "webhook": {"url": HOOK, "token_from": {"file": "/etc/bootwright/hook.token"}},
            "aws_lifecycle": {"hook": "configured"},
            "wait_condition": public_clouds.WAIT_URL,
        }
    )
    service.files["meta-data/tags/instance/aws:autoscaling:groupName"] = "web"
    ready.write("/etc/bootwright/hook.token", "hunter2-token\n", 0o600)
    done = ready.bootwright("run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert isinstance(clouds.service, PublicClouds) and clouds.service.faults == []
    told = dict(clouds.service.told)
    assert len(clouds.service.told) == 3
    assert (told["hooks.example.com"]["good"], told["hooks.example.com"]["instance"]["id"]) == (True, INSTANCE_ID)
    assert next(r for r in clouds.requests if r.method == "POST" and "T0000" in r.path).headers["authorization"] == "Bearer hunter2-token"
    assert told["autoscaling"] == {
        "Action": "CompleteLifecycleAction", "Version": "2011-01-01", "AutoScalingGroupName": "web",
        "LifecycleHookName": "configured", "InstanceId": INSTANCE_ID, "LifecycleActionResult": "CONTINUE",
    }  # fmt: skip
    assert told["wait_condition"] == {
        "Status": "SUCCESS", "Reason": "configured by bootwright", "UniqueId": INSTANCE_ID,
        "Data": ready.status()["run"]["revision"]["resolved"],
    }  # fmt: skip
    assert [(entry["to"], entry["was_taken"]) for entry in report(ready)["announced"]] == [
        ("aws_lifecycle configured", True),
        (f"wait_condition https://cloudformation-waitcondition-{public_clouds.REGION}.s3.amazonaws.com", True),
        ("webhook https://hooks.example.com", True),
    ]  # fmt: skip
    shown = ready.bootwright("status").stdout
    assert "announced good to webhook https://hooks.example.com: HTTP status 200" in shown
    forget_user_data(ready)
    secrets = ["hunter2-token", "hunter2-path", public_clouds.WAIT_QUERY, public_clouds.SECRET_KEY, public_clouds.SESSION_TOKEN]
    nowhere(ready, secrets, done.stdout, done.stderr, shown)
    # Nobody is told twice.
    assert ready.bootwright("run").returncode == 0
    assert len(clouds.service.told) == 3


def test_what_is_final_is_told_once_and_what_was_settled_is_no_error(
    ready: Instance, asks: Callable[..., Ec2], clouds: MetadataServer
) -> None:
    service = clouds.service
    assert isinstance(service, PublicClouds)
    announce = {"webhook": {"url": HOOK}, "aws_lifecycle": {"hook": "configured", "group": "web"}, "wait_condition": public_clouds.WAIT_URL}
    asks(announce=announce, repository={"url": "file:///nowhere.git", "revision": "main"})  # no full commit id
    fails(ready, "role", "role.invalid", "permanent")
    assert service.told == []  # its receivers stand in what cannot be read
    ready.configure({"role_config": {"announce": announce}}, "agent.d/announce.json")
    fails(ready, "role", "role.invalid", "permanent")
    told = dict(service.told)
    assert told["autoscaling"]["LifecycleActionResult"] == "ABANDON"
    assert (told["wait_condition"]["Status"], told["wait_condition"]["Reason"]) == ("FAILURE", "role.invalid")
    assert told["hooks.example.com"]["error"]["code"] == "role.invalid"
    # A failure that may pass is not final.
    asks(announce=announce, health={"timeout": "1ms", "checks": [{"command": ["/bin/false"]}]})
    fails(ready, "health", "health.failed", "transient")
    assert len(service.told) == 3
    # An instance that nobody waits for any more.
    service.lifecycle_action_waits = False
    ready.remove("/var/lib/bootwright/announced.json")
    asks(announce={"aws_lifecycle": {"hook": "configured", "group": "web"}, "webhook": {"url": ""}, "wait_condition": ""})
    assert ready.bootwright("run").returncode == 0
    assert [entry["said"] for entry in ready.status()["run"]["announced"]] == ["there is no lifecycle action to complete"]
    assert ready.status()["run"]["warnings"] == []


def test_a_hook_that_fails_is_tried_again_and_one_that_is_silent_keeps_nobody_waiting(
    ready: Instance, git: GitServer, asks: Callable[..., Ec2], clouds: MetadataServer
) -> None:
    service = clouds.service
    assert isinstance(service, PublicClouds)
    clouds.fault("/services/*", status(500), times=1)
    asks(announce={"webhook": {"url": HOOK}})
    assert ready.bootwright("run").returncode == 0
    requests = [request.body for request in clouds.requests]
    assert len(requests) == 2 and requests[0] == requests[1]
    assert ready.status()["run"]["warnings"] == []

    # The daemon plans on while nobody answers, and ends when it is told to.
    ready.reboot()
    public_clouds.lead_to(ready)
    clouds.fault("/services/*", silence())
    daemon = ready.start_bootwright("daemon")
    assert ready.bootwright("status", "--wait", "--timeout", "60s").returncode == 0
    wait_for(lambda: len(clouds.requests) == 3, "the question that is not answered")
    ready.wait_for_status(lambda found: found["daemon"]["state"] == "waiting", "the daemon")
    assert ready.status()["run"]["announced"] == []
    assert daemon.stop() == 0
    assert not ready.processes("bootwright-download")

    # What is not trusted, and what refuses, is a warning, and the run stays good.
    clouds.clear_faults()
    clouds.fault("/services/*", status(403, b"hunter2-body"))
    done = ready.bootwright("run")
    assert done.returncode == 0
    (entry,) = ready.status()["run"]["announced"]
    assert (entry["was_taken"], entry["said"]) == (False, "HTTP status 403")
    assert "announce.refused" in ready.status()["run"]["warnings"][0]
    ready.write("/etc/bootwright/ca.pem", "")
    done = ready.bootwright("run")
    assert done.returncode == 0, done.stdout
    (entry,) = ready.status()["run"]["announced"]
    assert not entry["was_taken"] and "certificate" in entry["said"] and "hunter2" not in json.dumps(ready.status())
    forget_user_data(ready)
    nowhere(ready, ["hunter2"], done.stdout, done.stderr)

