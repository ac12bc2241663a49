"""Programs of the image's around real runs: real processes, which fail, hang, leave daemons, or are cut off."""

from __future__ import annotations

import json
from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from interruption import kill_tree, quick_puppet
from metadata_server import MetadataServer
from metadata_services import Ec2
from real_machine import wait_for
from roles import IMPATIENT, merged, role_config
from runs import fails, report

HOOKS = "/etc/bootwright/hooks.d"
STATE = "/var/lib/bootwright"


@pytest.fixture
def hooked(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> Instance:
    """A machine that is configured in no time."""
    instance.configure(merged(IMPATIENT, quick_puppet(instance), {"puppet": {"warm": False}}))
    metadata.service = Ec2(role_config(repo))
    return instance


def hook(instance: Instance, name: str, text: str) -> None:
    instance.write(f"{HOOKS}/{name}", f"#!/bin/sh\n{text}\n", 0o755)


def hooks_of(run: dict[str, Any]) -> dict[str, str]:
    return {each["hook"]: each["said"] for each in run["hooks"]}


def test_hooks_around_a_good_run_and_a_bad_one(hooked: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    hook(hooked, "before-run/10-drain", "cat >/root/before; echo drained; echo loudly >&2")
    hook(hooked, "after-run/90-back", "cat >/root/after; env >/root/environment; pwd >>/root/environment; echo back")
    hook(hooked, "on-failure/page", "cat >/root/failed; echo paged")
    assert hooked.bootwright("run").returncode == 0
    run = hooked.status()["run"]
    assert hooks_of(run) == {"before-run/10-drain": "exit status 0: drained loudly", "after-run/90-back": "exit status 0: back"}
    assert json.loads(hooked.read("/root/before"))["stage"] == "hooks"
    after = json.loads(hooked.read("/root/after"))
    assert after["outcome"] == "unchanged" and after["error"] is None and after["role"] == "base"
    names = {line.split("=")[0] for line in hooked.read("/root/environment").splitlines()}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "HOME", "LC_ALL", "/"}  # the shell adds some of its own
    metadata.service = Ec2(role_config(repo, revision="0" * 40))
    assert hooked.bootwright("run").returncode == 1
    run = hooked.status()["run"]
    assert list(hooks_of(run)) == ["before-run/10-drain", "on-failure/page", "after-run/90-back"]
    assert json.loads(hooked.read("/root/failed"))["error"]["code"] == "git.revision_not_found"
    assert report(hooked)["hooks"] == run["hooks"]
    assert "after-run/90-back, " in hooked.bootwright("status").stdout
    past = hooked.bootwright("history", "--run", "2").stdout
    assert "hook        on-failure/page, " in past and "exit status 0: paged" in past


def test_a_hook_that_fails_keeps_the_run_from_beginning(hooked: Instance) -> None:
    hook(hooked, "before-run/10-drain", "echo no such pool; exit 3")
    hook(hooked, "before-run/20-never", ": >/root/never")
    run = fails(hooked, "hooks", "hook.failed", "transient", "before-run/10-drain", "exit status 3: no such pool", "chmod -x")
    assert run["hooks"][0]["exit_status"] == 3 and run["instance"] is None
    assert not hooked.exists("/root/never")
    assert "hook.failed" in hooked.bootwright("history", "--failed").stdout
    hooked.run(["chmod", "-x", f"{HOOKS}/before-run/10-drain"], check=True)
    assert hooked.bootwright("run").returncode == 0 and hooked.exists("/root/never")


def test_an_agent_that_is_told_to_stop_ends_the_hook_with_all_that_it_has_started(hooked: Instance) -> None:
    hook(hooked, "before-run/hangs", "setsid sleep 4711 & echo waiting; trap '' TERM; sleep 4711; sleep 4711")
    hook(hooked, "after-run/back", ": >/root/never")
    run = hooked.start_bootwright("run")
    hooked.wait_for_status(lambda found: (found["run"] or {}).get("hooks"), "the hook")
    wait_for(lambda: hooked.run(["pgrep", "-f", "sleep 4711"]).returncode == 0, "what the hook starts")
    run.stop()
    status = hooked.status()["run"]
    assert status["outcome"] == "interrupted" and status["hooks"][0]["said"] == "ended, as the agent was told to stop"
    assert "not all hooks of after-run were run: the agent was told to stop" in status["warnings"]
    assert hooked.run(["pgrep", "-f", "sleep 4711"]).returncode == 1 and not hooked.exists("/root/never")


def test_a_daemon_that_a_hook_leaves_ends_with_it(hooked: Instance) -> None:
    hook(hooked, "after-run/leaves", "setsid sleep 4712 >/dev/null 2>&1 & echo left")
    assert hooked.bootwright("run").returncode == 0
    assert hooks_of(hooked.status()["run"]) == {"after-run/leaves": "exit status 0: left"}
    assert hooked.run(["pgrep", "-f", "sleep 4712"]).returncode == 1


def test_a_hook_that_says_without_end_is_cut(hooked: Instance) -> None:
    hook(hooked, "after-run/loud", "head -c 50000000 /dev/zero | tr '\\0' 'x'; echo; printf 'at \\033[2J the end\\n'; exit 1")
    assert hooked.bootwright("run").returncode == 0
    run = hooked.status()["run"]
    assert run["hooks"][0]["said"].endswith("at ?[2J the end") and len(run["hooks"][0]["said"]) < 400
    assert any("after-run/loud did not do its work" in warning for warning in run["warnings"])
    assert run["error"] is None and hooked.bootwright("status").returncode == 0


@pytest.mark.parametrize("what", [f"{HOOKS}/before-run/hook", f"{HOOKS}/before-run", HOOKS])
def test_what_others_may_change_is_refused_by_name(hooked: Instance, what: str) -> None:
    hook(hooked, "before-run/hook", ": >/root/never")
    hooked.run(["chown", "bootwright", what], check=True)
    fails(hooked, "hooks", "hook.unsafe", "permanent", f"{HOOKS}/before-run/hook")
    doctor = hooked.bootwright("doctor").stdout
    assert f"{HOOKS}/before-run/hook" in " ".join(doctor.split())
    assert not hooked.exists("/root/never")


def test_a_run_that_is_killed_in_a_hook_is_told_as_cut_off(hooked: Instance) -> None:
    hook(hooked, "before-run/waits", "[ -e /root/go ] || sleep 4713")
    hook(hooked, "after-run/waits", "[ -e /root/go ] && sleep 4714")
    run = hooked.start_bootwright("run")
    hooked.wait_for_status(lambda found: (found["run"] or {}).get("hooks"), "the hook")
    shown = hooked.bootwright("status").stdout
    assert "before-run/waits: under way" in shown
    kill_tree(hooked, run)
    hooked.write("/root/go", "")
    run = hooked.start_bootwright("run")
    wait_for(lambda: any(each["hook"] == "after-run/waits" for each in report_of(hooked, 2).get("hooks", [])), "the second hook")
    kill_tree(hooked, run)
    hooked.remove(f"{HOOKS}/after-run/waits")
    assert hooked.bootwright("run").returncode == 0
    lines = json.loads(hooked.bootwright("history", "--json").stdout)
    assert [(line["run"], line["outcome"]) for line in lines] == [(1, "cut_off"), (2, "unchanged"), (3, "unchanged")]
    assert "after-run/waits: was cut off" in hooked.bootwright("history", "--run", "2").stdout


def report_of(instance: Instance, number: int) -> dict[str, Any]:
    file = instance.path(f"{STATE}/runs/{number:06d}/report.json")
    found = json.loads(file.read_text()) if file.exists() else {}
    assert isinstance(found, dict)
    return found


def test_a_run_that_changes_nothing_runs_no_hooks(hooked: Instance) -> None:
    hook(hooked, "before-run/never", ": >/root/never")
    hook(hooked, "after-run/never", ": >/root/never")
    hooked.bootwright("run", "--noop")
    assert not hooked.exists("/root/never")
