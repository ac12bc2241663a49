"""The JSON Schemas that `bootwright schema` prints, asked by a validator that is not ours, say of a file what the agent says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from instance import Instance
from jsonschema import Draft202012Validator
from real_machine import REPOSITORY_ROOT


@pytest.fixture(scope="module")
def documented() -> list[dict[str, Any]]:
    """Each whole agent.json of docs/configuration.md."""
    blocks = re.findall(r"```json\n(\{.*?)```", (REPOSITORY_ROOT / "docs/configuration.md").read_text(), re.DOTALL)
    assert blocks
    return [json.loads(block) for block in blocks]


@pytest.fixture(scope="module")
def documented_roles() -> list[dict[str, Any]]:
    """Each role config of docs/role-config.md, and each part of one."""
    blocks = re.findall(r"```json\n(.*?)```", (REPOSITORY_ROOT / "docs/role-config.md").read_text(), re.DOTALL)
    assert blocks
    return [json.loads(block if block.startswith("{") else "{" + block + "}") for block in blocks]


def validator_of(instance: Instance, what: str = "agent") -> Draft202012Validator:
    schema = json.loads(instance.run(["bootwright", "schema", what], check=True).stdout)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def is_readable(instance: Instance) -> bool:
    error = json.loads(instance.run(["bootwright", "explain", "--json"]).stdout)["error"]
    return error is None or error["code"] not in ("config.invalid", "role.invalid")


def says_agent(instance: Instance, agent_json: dict[str, Any]) -> bool:
    instance.configure(agent_json)
    return is_readable(instance)


def says_agent_of_role(instance: Instance, role: dict[str, Any]) -> bool:
    instance.configure({"platform": "file"})
    instance.configure(role, "role.json")
    return is_readable(instance)


def test_what_the_documents_show_passes_both(instance: Instance, documented: list[dict[str, Any]]) -> None:
    validator = validator_of(instance)
    packaged = json.loads((REPOSITORY_ROOT / "packaging/agent.json").read_text())
    for agent_json in [packaged, *documented]:
        assert not list(validator.iter_errors(agent_json)), agent_json
        assert says_agent(instance, agent_json), agent_json


@pytest.mark.parametrize(
    "agent_json",
    [
        {"repositry": {}},
        {"repository": {"kep": 3}},
        {"repository": {"keep": 0}},
        {"repository": {"keep": "3"}},
        {"repository": {"timeout": 30}},
        {"repository": {"timeout": "30"}},
        {"repository": {"verify": "tags"}},
        {"repository": {"ca_file": "ca.pem"}},
        {"repository": {"not_before": "main"}},
        {"repository": {"credentials": [{"host": "h", "user": "u", "from": {"fil": "/x"}}]}},
        {"puppet": {"nice": 20}},
        {"puppet": {"memory_max": "2 GB"}},
        {"puppet": {"role_fact": "Role"}},
        {"retry": {"run": {"attempts": 5}}},
        {"fixed": "role"},
    ],
    ids=str,
)
def test_what_is_wrong_is_wrong_to_both(instance: Instance, agent_json: dict[str, Any]) -> None:
    assert list(validator_of(instance).iter_errors(agent_json))
    assert not says_agent(instance, agent_json)


def test_the_role_configs_that_the_documents_show_pass_both(instance: Instance, documented_roles: list[dict[str, Any]]) -> None:
    validator, agents = validator_of(instance, "role"), validator_of(instance)
    for role in documented_roles:
        assert not list(validator.iter_errors(role)), role
        assert not list(agents.iter_errors({"role_config": role})), role
        assert says_agent_of_role(instance, role), role


@pytest.mark.parametrize(
    "role",
    [
        {"rol": "web"},
        {"role": ""},
        {"role": "a web server"},
        {"classes": ["Role::Web"]},
        {"classes": "role::web"},
        {"facts": {"Datacenter": "x"}},
        {"data": []},
        {"repository": {"url": 1}},
        {"repository": {"mirrors": ["https://h/x"] * 33}},
        {"repository": {"revision": "-x"}},
        {"repository": {"environment": "Production"}},
        {"configuration": {"path": "/etc/passwd"}},
        {"puppet": {"noop": "yes"}},
        {"puppet": {"timeout": "soon"}},
        {"puppet": {"on_failure": "last-good"}},
        {"schedule": {"interval": 30}},
        {"health": {"checks": [{}]}},
        {"health": {"checks": [{"unit": "a.service", "tcp": "h:1"}]}},
        {"health": {"checks": [{"unit": "a.service", "status": 200}]}},
        {"health": {"checks": [{"http": "https://h/"}]}},
        {"health": {"checks": [{"http": "http://h/", "status": 99}]}},
        {"health": {"checks": [{"command": ["true"]}]}},
        {"health": {"checks": [{"command": "/bin/true"}]}},
        {"announce": {"webhook": "https://h/"}},
        {"announce": {"webhook": {"url": "http://h/"}}},
        {"announce": {"webhook": {"url": "https://h/", "token_from": {"file": "token"}}}},
        {"announce": {"aws_lifecycle": {"hook": "a hook"}}},
        {"announce": {"wait_condition": {"url": "https://h/"}}},
    ],
    ids=str,
)
def test_a_role_config_that_is_wrong_is_wrong_to_both(instance: Instance, role: dict[str, Any]) -> None:
    assert list(validator_of(instance, "role").iter_errors(role))
    assert not says_agent_of_role(instance, role)
