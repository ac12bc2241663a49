"""Whoever follows the runbook: a machine of their own outside of all regions, with the release, the role config and the record."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from instance import Instance
from problem import Problem
from real_machine import REPOSITORY_ROOT
from swift import Swift
from world import World

sys.path.insert(0, str(REPOSITORY_ROOT / "test/image"))

from releases import make_release  # noqa: E402

FOLDER = "/desk"
_CONFIG = """\
Host *
  IdentityFile /root/.ssh/drill
  StrictHostKeyChecking accept-new
  UserKnownHostsFile /root/.ssh/drill_known_hosts
  ControlPath none
"""


class Desk:
    #: The working copy of the control repository, as the desk sees it.
    REPOSITORY = "control"

    def __init__(
        self, world: World, binary: Path, repository: Path, targets: Mapping[str, object], role_config: Mapping[str, object], role_file: str
    ) -> None:
        self.folder = world.new_folder("desk")
        self.folder.mkdir()
        make_release(self.folder, size=1 << 20)
        (self.folder / "targets.json").write_text(json.dumps(targets))
        (self.folder / role_file).write_text(json.dumps(role_config))  # which is YAML, too
        self._machine: Instance = world.instance(
            binary=binary, name="desk", namespace=world.network.servers,
            shared={
                FOLDER: self.folder, f"{FOLDER}/packaging/image": REPOSITORY_ROOT / "packaging/image",
                f"{FOLDER}/{self.REPOSITORY}": repository,
            },
        )  # fmt: skip
        self._machine.path("/root/.ssh").mkdir(mode=0o700, exist_ok=True)
        self._machine.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "drill", "-f", "/root/.ssh/drill"], check=True)
        self._machine.write("/root/.ssh/config", _CONFIG, 0o600)
        self.key = self._machine.read("/root/.ssh/drill.pub")

    def host(self, name: str, address: str) -> None:
        """By this name ssh finds the machine."""
        self._machine.write("/root/.ssh/config", f"Host {name}\n  HostName {address}\n  User root\n{self._machine.read('/root/.ssh/config')}", 0o600)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def run(self, line: str, *, expect: int | None = 0, deadline: float = 120, env: Mapping[str, str] = {}) -> str:
        """A line of the page, by a shell. expect: its exit status; None: any. Returns its standard output."""
        keys = {"AWS_ACCESS_KEY_ID": Swift.OWNER[0], "AWS_SECRET_ACCESS_KEY": Swift.OWNER[1]}
        try:
            done = self._machine.run(["sh", "-c", f"cd {FOLDER} && {line}"], timeout=deadline, env={**keys, **env})
        except subprocess.TimeoutExpired as late:
            raise Problem(f"after {deadline:g} s this had not ended: {line}\n{late.stdout}{late.stderr}") from None
        if expect is not None and done.returncode != expect:
            raise Problem(f"this ended with {done.returncode} instead of {expect}: {line}\n{done.stdout}{done.stderr}")
        return done.stdout

    def on(self, name: str, line: str, **options: Any) -> str:
        return self.run(f"ssh {name} {shlex.quote(line)}", **options)

    def catalog(self, name: str, run: int) -> dict[str, Any]:
        """As docs/puppet.md says that it is read."""
        return dict(json.loads(self.on(name, f"zcat /var/lib/bootwright/runs/{run:06d}/catalog.json.gz")))
