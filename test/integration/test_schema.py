"""The JSON Schema that `bootwright schema agent` prints, asked by a validator that is not ours, says of a file what the agent says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from servers import REPOSITORY_ROOT
from world import Instance


@pytest.fixture(scope="module")
def documented() -> list[dict[str, Any]]:
    """Each whole agent.json of docs/configuration.md."""
    blocks = re.findall(r"```json\n(\{.*?)```", (REPOSITORY_ROOT / "docs/configuration.md").read_text(), re.DOTALL)
    assert blocks
    return [json.loads(block) for block in blocks]


def validator_of(instance: Instance) -> Draft202012Validator:
    schema = json.loads(instance.run(["bootwright", "schema", "agent"], check=True).stdout)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def says_agent(instance: Instance, agent_json: dict[str, Any]) -> bool:
    instance.configure(agent_json)
    error = json.loads(instance.run(["bootwright", "explain", "--json"]).stdout)["error"]
    return error is None or error["code"] != "config.invalid"


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
