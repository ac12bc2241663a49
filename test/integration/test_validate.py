"""`bootwright validate` says of each file what the agent says at boot, and what a JSON Schema can know is the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import BINARY
from instance import Instance
from jsonschema import Draft202012Validator
from real_machine import REPOSITORY_ROOT, command

CORPORA = REPOSITORY_ROOT / "test/fuzz/corpus"


def blocks(document: str) -> list[dict[str, Any]]:
    """The JSON of a document, whole or a part of an object."""
    found = re.findall(r"```json\n(.*?)```", (REPOSITORY_ROOT / "docs" / document).read_text(), re.DOTALL)
    assert found
    return [json.loads(block if block.startswith("{") else "{" + block + "}") for block in found]


def validated(instance: Instance, *arguments: str) -> dict[str, Any]:
    ended = instance.run(["bootwright", "validate", "--json", *arguments])
    document: dict[str, Any] = json.loads(ended.stdout)
    assert ended.returncode == (0 if document["good"] else 1), ended
    return document


def boot_error(instance: Instance) -> dict[str, Any] | None:
    error: dict[str, Any] | None = json.loads(instance.run(["bootwright", "explain", "--json"]).stdout)["error"]
    return error


def corpus() -> list[Path]:
    files = sorted(path for name in ("user_data", "role_config") for path in (CORPORA / name).iterdir())
    assert len(files) > 50
    return files


def test_the_agent_and_validate_agree_on_each_user_data_and_role_config_that_there_is(instance: Instance) -> None:
    instance.configure({"platform": "file"})
    differ = []
    for path in corpus():
        instance.write("/etc/bootwright/role.json", path.read_bytes())
        at_boot = boot_error(instance)
        before = validated(instance, "/etc/bootwright/role.json")["files"][0]["mistakes"]
        if bool(before) != bool(at_boot) or (at_boot and at_boot["code"] not in {mistake["code"] for mistake in before}):
            differ.append((path.name, at_boot, before))
    assert not differ


def test_the_agent_and_validate_agree_on_what_the_documents_show(instance: Instance) -> None:
    packaged = json.loads((REPOSITORY_ROOT / "packaging/agent.json").read_text())
    for agent_json in [packaged, *blocks("configuration.md")]:
        instance.configure(agent_json)
        error = boot_error(instance)
        assert error is None or error["code"] != "config.invalid"
        assert validated(instance, "/etc/bootwright/agent.json")["good"], agent_json
    instance.configure({"platform": "file"})
    for role in blocks("role-config.md"):
        instance.configure(role, "role.json")
        assert validated(instance, "--part", "/etc/bootwright/role.json")["good"], role


def test_a_schema_refuses_nothing_that_the_agent_takes(instance: Instance) -> None:
    schema = json.loads(instance.run(["bootwright", "schema", "role"], check=True).stdout)
    validator = Draft202012Validator(schema)
    compared = 0
    for path in corpus():
        try:
            document = json.loads(path.read_text())
        except ValueError:
            continue
        if not isinstance(document, dict):
            continue
        instance.write("/root/role.json", path.read_bytes())
        mistakes = validated(instance, "--part", "/root/role.json")["files"][0]["mistakes"]
        refused = [error.message for error in validator.iter_errors(document)]
        assert not refused or mistakes, (path.name, refused)
        compared += 1
    assert compared > 5


@pytest.mark.parametrize("what", ["agent", "role"])
def test_the_package_brings_the_schema_that_the_command_prints(instance: Instance, tmp_path: Path, what: str) -> None:
    command(BINARY.parent / "bootwright-pages", REPOSITORY_ROOT / "docs", "2026-03-03", tmp_path)
    shipped = json.loads((tmp_path / f"{what}.schema.json").read_text())
    assert shipped == json.loads(instance.run(["bootwright", "schema", what], check=True).stdout)
    assert "share/bootwright" in (REPOSITORY_ROOT / "cmake/package.cmake").read_text()


def test_a_file_may_name_its_schema(instance: Instance) -> None:
    named = {"$schema": "/usr/share/bootwright/role.schema.json", "role": "web"}
    instance.configure({"platform": "file", "$schema": "agent.schema.json", "role_config": {"facts": {"a": 1}}})
    instance.configure(named, "role.json")
    error = boot_error(instance)
    assert error is not None and error["code"] == "role.incomplete"
    for what, document in (("role", named), ("agent", {"$schema": "x"})):
        schema = json.loads(instance.run(["bootwright", "schema", what], check=True).stdout)
        assert not list(Draft202012Validator(schema).iter_errors(document))
        assert list(Draft202012Validator(schema).iter_errors({"$schema": 1}))


def test_the_command_is_for_people_who_have_no_rights(instance: Instance) -> None:
    instance.write("/srv/web.yaml", "role: web\nrepository:\n  revison: main\n", 0o644)
    ended = instance.run(["setpriv", "--reuid=65534", "--clear-groups", "bootwright", "validate", "--part", "/srv/web.yaml"])
    assert ended.returncode == 1
    assert ended.stdout == (
        '/srv/web.yaml:3:3: repository.revison: unknown key; did you mean "revision"?\n/srv/web.yaml: 1 mistake (user-data)\n'
    )
    assert instance.run(["bootwright", "validate", "/srv/absent"]).returncode == 1
    assert instance.run(["bootwright", "validate"]).returncode == 2
    instance.write("/srv/any.json", "{}")
    assert instance.run(["bootwright", "validate", "/srv/any.json"]).returncode == 2
