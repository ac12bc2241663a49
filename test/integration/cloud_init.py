"""Debian's own cloud-init, on a throwaway machine. Its Python packages are this machine's (packaging/install-dependencies)."""

from __future__ import annotations

import fcntl
import json
import subprocess
from pathlib import Path
from typing import Any

from instance import Instance
from real_machine import command

CACHE = Path(__file__).resolve().parents[2] / "build" / "cloud-init"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

#: The release whose cloud-init checks strictly, and knows the state "degraded".
SUITE = "trixie"

#: cloud-init does what is looked at here and nothing else: no network, no accounts.
CONFIGURATION = {
    "datasource_list": ["NoCloud", "None"],
    "network": {"config": "disabled"},
    "cloud_init_modules": ["write_files"],
    "cloud_config_modules": [],
    "cloud_final_modules": [],
    "system_info": {"distro": "debian", "paths": {"cloud_dir": "/var/lib/cloud/", "templates_dir": "/etc/cloud/templates/"}},
}


def _mirror() -> str:
    """Where this machine has Debian's packages from."""
    targets = command("apt-get", "indextargets", "--format", "$(ORIGIN)|$(REPO_URI)", "Created-By: Packages")
    return next(uri for origin, uri in (line.split("|") for line in targets.splitlines()) if origin == "Debian")


def package() -> Path:
    """cloud-init, taken apart; fetched once, by apt with lists of its own."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:  # of several processes of tests
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _package()


def _package() -> Path:
    tree = CACHE / SUITE
    if not tree.exists():
        lists, partial = CACHE / "lists", CACHE / "partial"
        for folder in (lists, partial):
            folder.mkdir(parents=True, exist_ok=True)
        (CACHE / "sources.list").write_text(f"deb [signed-by={KEYRING}] {_mirror()} {SUITE} main\n")
        apt = (
            "apt-get", "-q", "-o", f"Dir::Etc::SourceList={CACHE}/sources.list", "-o", "Dir::Etc::SourceParts=-",
            "-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={CACHE}/cache", "-o", "Acquire::Languages=none",
            "-o", "Acquire::Retries=3", "-o", "APT::Sandbox::User=root",
        )  # fmt: skip
        subprocess.run([*apt, "update"], check=True, timeout=300, stdout=subprocess.DEVNULL)
        subprocess.run([*apt, "download", "cloud-init"], check=True, timeout=300, cwd=partial, stdout=subprocess.DEVNULL)
        (found,) = partial.glob("cloud-init_*.deb")
        command("dpkg-deb", "--extract", found, partial / "tree")
        (partial / "tree").rename(tree)
    return tree


class CloudInit:
    """cloud-init on a machine whose user-data is in a seed folder."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        packages = instance.path("/usr/lib/python3/dist-packages")
        command("cp", "-r", package() / "usr/lib/python3/dist-packages/cloudinit", packages)
        instance.write("/etc/cloud/cloud.cfg", json.dumps(CONFIGURATION))
        instance.write("/var/lib/cloud/seed/nocloud/meta-data", "instance-id: i-seed\n")

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.instance.run(["/usr/bin/python3", "-m", "cloudinit.cmd.main", *arguments], timeout=120)

    def boot(self, user_data: str) -> dict[str, Any]:
        """Its stages, one after the other, as its units call them, with this user-data. What `cloud-init status` says then."""
        self.instance.write("/var/lib/cloud/seed/nocloud/user-data", user_data)
        self.instance.write("/run/cloud-init/enabled", "")
        for stage in (("init", "--local"), ("init",), ("modules", "--mode", "config"), ("modules", "--mode", "final")):
            done = self(*stage)
            assert done.returncode == 0, (stage, done.stdout, done.stderr)
        status: dict[str, Any] = json.loads(self("status", "--format", "json").stdout)
        return status

    def schema(self, document: str) -> subprocess.CompletedProcess[str]:
        """Its strict check of a document."""
        self.instance.write("/root/document", document)
        return self("schema", "--config-file", "/root/document")
