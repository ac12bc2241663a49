"""What lies between two revisions, and what would change at another one: `bootwright diff` by the real git and Puppet."""

from __future__ import annotations

import json
from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from on_disk import STATE, runs
from roles import IMPATIENT, role_config

METADATA = {"name": "acme-role", "version": "1.0.0", "author": "acme", "license": "MIT", "summary": "x", "source": "x", "dependencies": []}
HOSTILE = "Words \x1b[31m of a stranger"


def resources(content: str, more: str = "") -> str:
    return f"  file {{ '/srv/motd': content => \"{content}\\n\" }}\n{more}"


@pytest.fixture
def machine(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> Instance:
    """It went from one revision to another one, two commits later."""
    instance.configure(IMPATIENT)
    instance.path("/srv").mkdir(exist_ok=True)
    repo.commit_class("web", resources("one"))
    metadata.service = Ec2(role_config(repo, role="web"))
    runs(instance)
    repo.commit({"site-modules/role/metadata.json": json.dumps(METADATA)}, HOSTILE)
    repo.commit_class("web", resources("two"))
    metadata.service = Ec2(role_config(repo, role="web"))
    runs(instance)
    return instance


def difference(instance: Instance, *options: str) -> dict[str, Any]:
    done = instance.bootwright("diff", *options, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def kept_by(instance: Instance) -> str:
    """All that the next run uses, and the status."""
    folders = [f"{STATE}/{name}" for name in ("repository", "checkout", "last_good.json", "instance.json", "puppet/state")]
    return instance.run(["sh", "-c", f"find {' '.join(folders)} -type f | sort | xargs sha256sum"]).stdout


def test_revisions_with_files_and_commits(machine: Instance, repo: ControlRepo) -> None:
    first, last = json.loads(machine.bootwright("history", "--json").stdout)
    before = kept_by(machine)
    plain = difference(machine, first["revision"][:7], last["revision"])
    assert (plain["from"]["run"], plain["to"]["run"]) == (1, 2)
    assert plain["commits"] is None  # nobody was asked
    assert plain["files"] == {
        "count": 2,
        "list": [
            {"change": "M", "path": "site-modules/role/manifests/web.pp"},
            {"change": "A", "path": "site-modules/role/metadata.json"},
        ],
    }
    assert plain["modules"] == [{"module": "site-modules/role", "before": None, "after": "1.0.0"}]
    asked = difference(machine, "1", "2", "--deepen")
    added = asked["commits"]["added"]
    assert (len(added), asked["commits"]["added_count"], asked["commits"]["removed_count"]) == (2, 2, 0)
    assert (added[0]["id"], added[0]["subject"], added[0]["written"][:4]) == (repo.head, "Role web", "2026")
    shown = machine.bootwright("diff", "1", "--deepen").stdout
    assert "commits: 2 added, 0 removed\n" in shown and "Words ?[31m of a stranger (" in shown and "\x1b" not in shown, shown
    back = difference(machine, "2", "1", "--deepen")
    assert (back["commits"]["added_count"], back["commits"]["removed_count"]) == (0, 2)
    assert kept_by(machine) == before
    assert machine.run(["sh", "-c", "ls -d /tmp/bootwright-work-*"]).returncode != 0
    none = machine.bootwright("diff", "0123456")
    assert none.returncode == 1 and "history.no_such_run" in none.stderr


def test_a_place_that_does_not_answer(machine: Instance, repo: ControlRepo) -> None:
    repo.server.stop()
    try:
        shown = machine.bootwright("diff", "1", "--deepen")
    finally:
        repo.server.ensure_running()
    assert shown.returncode == 0 and "commits: not known: " in shown.stdout and "server.unreachable" in shown.stdout, shown
    assert "files: 2 changed" in shown.stdout and "~ File[/srv/motd]" in shown.stdout


def test_what_would_change_at_another_revision(machine: Instance, repo: ControlRepo) -> None:
    now = repo.head
    status = machine.bootwright("status").stdout
    before = machine.read(f"{STATE}/last_good.json")
    new = repo.commit_class("web", resources("three", "  file { '/srv/new': ensure => file }\n"))
    done = machine.bootwright("diff", "--next", new)
    assert done.returncode == 0, done.stdout + done.stderr
    for text in ("commits: 1 added, 0 removed", " Role web (", "files: 1 changed", "~ File[/srv/motd]", "+ File[/srv/new]", ", noop)"):
        assert text in done.stdout, (text, done.stdout)
    assert "puppet.noop" not in done.stdout  # that is how it was asked
    assert machine.read("/srv/motd") == "two\n" and not machine.exists("/srv/new")
    assert machine.read(f"{STATE}/last_good.json") == before
    assert machine.bootwright("status").stdout.splitlines()[0] == status.splitlines()[0]
    last = json.loads(machine.bootwright("history", "--json").stdout)[-1]
    assert (last["noop"], last["revision"]) == (True, new)
    same = machine.bootwright("diff", "--next", now, "--exit-code")
    assert same.returncode == 0 and "0 added, 0 changed, 0 removed" in same.stdout, same
    assert machine.bootwright("diff", "--next", new, "--exit-code", "--stat").returncode == 6
    assert machine.bootwright("diff", "--next", new, "--exit-code", "--ignore", "File[/srv/*]").returncode == 0
    assert runs(machine)["revision"]["resolved"] == now  # back at the pin
    failed = machine.bootwright("diff", "--next", repo.commit_compile_error())
    assert failed.returncode == 1 and "puppet.compile_failed" in failed.stderr, failed
    unknown = machine.bootwright("diff", "--next", "e" * 40)
    assert unknown.returncode == 1 and "git.revision_not_found" in unknown.stderr, unknown
    refused = machine.bootwright("diff", "--next", "main")
    assert refused.returncode == 1 and "role.invalid" in refused.stderr, refused
