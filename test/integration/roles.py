"""What the tests give an instance: role configs, and a configuration of the image that does not wait long."""

from __future__ import annotations

import json
from typing import Any

from control_repo import ControlRepo
from shapes import ShapedRepo

#: Retries without the patience of production; every other value is the agent's own default.
IMPATIENT: dict[str, Any] = {
    "retry": {
        "platform": {"attempts": 3, "base": "50ms", "cap": "100ms"},
        "repository": {"attempts": 2, "base": "50ms", "cap": "100ms"},
        "puppet": {"attempts": 1, "base": "50ms", "cap": "100ms"},
        "run": {"base": "300ms", "cap": "500ms"},
        "permanent": {"base": "1s", "cap": "2s"},
    },
    "repository": {"stall": "3s", "timeout": "60s"},
}


def merged(*configurations: dict[str, Any]) -> dict[str, Any]:
    """The configurations over each other, object by object."""
    result: dict[str, Any] = {}
    for configuration in configurations:
        for key, value in configuration.items():
            both = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = merged(result[key], value) if both else value
    return result


def role_config(
    repo: ControlRepo | ShapedRepo, role: str = "base", url: str | None = None, revision: str | None = None, **more: Any
) -> bytes:
    """User-data that pins the repository's head, unless told otherwise."""
    repository = {"url": url or repo.url(), "revision": revision or repo.head}
    return json.dumps({"role": role, "repository": repository, **more}).encode()
