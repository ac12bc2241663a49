"""A throwaway machine with the agent installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from machine import Machine, Process
from real_machine import wait_for

INSTANCE_ID = "i-0123456789abcdef0"

# Files under /sys by which a machine knows its cloud, as EC2's Nitro instances show them.
EC2_SYS = {
    "class/dmi/id/bios_vendor": "Amazon EC2\n",
    "class/dmi/id/sys_vendor": "Amazon EC2\n",
    "class/dmi/id/product_name": "t3.small\n",
    "class/dmi/id/product_uuid": "ec2c1b2a-6f1d-4a0e-9c37-0123456789ab\n",
    "class/dmi/id/product_serial": "ec2c1b2a-6f1d-4a0e-9c37-0123456789ab\n",
    "class/dmi/id/board_asset_tag": INSTANCE_ID + "\n",
}


class Instance(Machine):
    """A machine with the agent installed."""

    BINARY = "/usr/bin/bootwright"
    FETCH = "/usr/lib/bootwright/bootwright-fetch"
    DOWNLOAD = "/usr/lib/bootwright/bootwright-download"
    KEEPER = "/usr/lib/bootwright/bootwright-keeper"
    TRUSTED_FACTS = "/usr/lib/bootwright/trusted-facts"
    RUBY = "/usr/lib/bootwright/ruby"

    def install(self, binary: Path) -> None:
        """The program, and those that it starts, which were built beside it."""
        programs = (self.BINARY, self.FETCH, self.DOWNLOAD, self.KEEPER, self.TRUSTED_FACTS)
        for source, name in ((binary.with_name(Path(name).name), name) for name in programs):
            target = self.path(name, follow=False)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755)
        for source in binary.with_name("ruby").iterdir():
            self.write(f"{self.RUBY}/{source.name}", source.read_bytes())
        # The user that the package makes.
        accounts = self.path("/etc/passwd").read_text()
        if "\nbootwright:" not in accounts:
            self.write("/etc/passwd", accounts + "bootwright:x:999:999::/nonexistent:/usr/sbin/nologin\n")

    def configure(self, configuration: Mapping[str, Any], file: str = "agent.json") -> None:
        """The image's configuration: agent.json or agent.d/NAME.json."""
        self.write(f"/etc/bootwright/{file}", json.dumps(configuration, indent=2) + "\n")

    def bootwright(
        self, *arguments: str, timeout: float = 120, env: Mapping[str, str] = {}, input: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return self.run([self.BINARY, *arguments], timeout=timeout, env=env, input=input)

    def start_bootwright(self, *arguments: str, env: Mapping[str, str] = {}) -> Process:
        return self.start([self.BINARY, *arguments], env=env)

    def status(self) -> dict[str, Any]:
        """The status file. That it parses at any moment is part of what is tested."""
        document = json.loads(self.read("/run/bootwright/status.json"))
        assert isinstance(document, dict)
        return document

    def wait_for_status(
        self, probe: Callable[[dict[str, Any]], Any], what: str, timeout: float = 60, every: float = 0.02
    ) -> dict[str, Any]:
        """The first status for which the probe is true; a file that is not there yet counts as not true."""

        def found() -> dict[str, Any] | None:
            try:
                document = self.status()
            except FileNotFoundError:
                return None
            return document if probe(document) else None

        status = wait_for(found, what, timeout, every)
        assert status is not None
        return status
