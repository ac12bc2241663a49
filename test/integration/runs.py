"""One run of the agent, and what it has to say about it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from control_repo import ControlRepo
from instance import Instance
from interruption import quick_puppet
from lying_git_server import git
from roles import IMPATIENT, merged
from servers import GitServer
from shapes import files_of

REPOSITORIES = "/var/lib/bootwright/repository"
SEED = "/usr/share/bootwright/seed.git"
CHECKOUTS = "/var/lib/bootwright/checkout"


def fails(instance: Instance, stage: str, code: str, kind: str, *said: str) -> dict[str, Any]:
    """One run that fails so, and says so in every place."""
    done = instance.bootwright("run")
    assert done.returncode == 1, done.stdout
    run = instance.status()["run"]
    error = run["error"]
    assert (error["stage"], error["code"], error["kind"]) == (stage, code, kind), error
    assert error["advice"]
    for text in said:
        assert text in error["message"] + " " + error["advice"], error
    shown = instance.bootwright("status")
    assert shown.returncode == 1 and code in shown.stdout and error["advice"] in shown.stdout
    assert report(instance)["error"] == error
    return run


def converges(instance: Instance) -> None:
    done = instance.bootwright("run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert instance.bootwright("status").returncode == 0


def run_once(instance: Instance, outcome: str) -> dict[str, Any]:
    """One run that comes to this outcome. Returns what the status says of it."""
    done = instance.bootwright("run")
    run = instance.status()["run"]
    assert run["outcome"] == outcome, f"{done.returncode} {done.stdout} {done.stderr} {json.dumps(run, indent=2)}"
    assert done.returncode == (0 if outcome in ("changed", "unchanged") else 1)
    return dict(run)


def report(instance: Instance) -> dict[str, Any]:
    """The record of the last run."""
    number = instance.status()["run"]["number"]
    found = json.loads(instance.read(f"/var/lib/bootwright/runs/{number:06d}/report.json"))
    assert isinstance(found, dict)
    return found


# The repository stage


def prepare(instance: Instance, server: GitServer, *, attempts: int = 1, **repository: Any) -> None:
    """What an image has that fetches in every way, with a Puppet that costs nothing, and without much patience. repository:
    what else its configuration says."""
    instance.write("/etc/bootwright/ca.pem", server.ca_file.read_bytes())
    instance.write("/etc/bootwright/ssh_key", server.ssh_key.read_bytes(), 0o600)
    instance.write("/etc/bootwright/known_hosts", server.known_hosts)
    usual = {"ca_file": "/etc/bootwright/ca.pem", "stall": "1s", "timeout": "20s"}
    instance.configure(
        merged(
            IMPATIENT, quick_puppet(instance), {"retry": {"repository": {"attempts": attempts}}, "repository": {**usual, **repository}}
        )
    )


def places(instance: Instance) -> list[tuple[str, str]]:
    """What each place said in the last run, as status and report tell it."""
    told = instance.status()["run"]["places"]
    assert report(instance)["places"] == told
    assert all(answer["took_s"] >= 0 for answer in told)
    return [(answer["place"], answer["said"]) for answer in told]


def modules_from(instance: Instance) -> dict[str, int]:
    """How many modules each server gave in the last run, as status and report tell it."""
    told = instance.status()["run"]["modules_from"]
    assert report(instance)["modules_from"] == told
    return dict(told)


def has_checkout(instance: Instance, repo: ControlRepo, revision: str) -> None:
    """The checkout holds the revision's files, and none else."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["tar", "-x", "-C", folder], input=git(repo.work, "archive", revision), check=True)
        assert files_of(instance.path(f"{CHECKOUTS}/{revision}")) == files_of(Path(folder))


def is_sound(instance: Instance) -> None:
    """git finds nothing wrong with the repositories of the instance. The agent adds the seed's objects whenever it opens one."""
    seed = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": f"{SEED}/objects"} if instance.exists(SEED) else {}
    repositories = list(instance.path(REPOSITORIES).glob("*.git"))
    assert repositories
    for repository in repositories:
        done = instance.run(["git", "-C", f"{REPOSITORIES}/{repository.name}", "fsck", "--full", "--no-dangling"], env=seed)
        assert done.returncode == 0, done.stdout + done.stderr


def has_object(instance: Instance, name: str) -> bool:
    """Whether one of the repositories of the instance holds it."""
    return any(
        instance.run(["git", "-C", f"{REPOSITORIES}/{repository.name}", "cat-file", "-e", name]).returncode == 0
        for repository in instance.path(REPOSITORIES).glob("*.git")
    )


def nowhere(instance: Instance, secrets: Iterable[str], *outputs: str) -> None:
    """None of the secrets stands in what the agent keeps, shows or logs."""
    texts = {f"output {number}": output.encode() for number, output in enumerate(outputs)}
    for root in ("/run/bootwright", "/var/lib/bootwright"):
        for file in instance.path(root).rglob("*"):
            if file.is_file() and not file.is_symlink():
                texts[str(file)] = file.read_bytes()
    for secret in secrets:
        found = [where for where, text in texts.items() if secret.encode() in text]
        assert not found, f"{secret} stands in {found}"

