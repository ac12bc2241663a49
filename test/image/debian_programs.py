"""Programs of Debian's packages that are fetched and unpacked into a folder; none is installed."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def unpack(folder: Path, packages: Sequence[str]) -> Path:
    """The packages, and what they need and this machine has not: the folder that stands for /."""
    said = subprocess.run(["apt-get", "install", "-s", "--no-install-recommends", *packages], check=True, capture_output=True, text=True).stdout
    names = {line.split()[1] for line in said.splitlines() if line.startswith("Inst ")} | set(packages)
    subprocess.run(["apt-get", "download", "-q", *sorted(names)], cwd=folder, check=True, capture_output=True, timeout=600)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, folder / "root"], check=True)
        package.unlink()
    return folder / "root"


def environment_of(unpacked: Path, home: Path) -> dict[str, str]:
    """In which its programs are found, and those written in Python find their modules."""
    return {"PATH": f"{unpacked}/usr/bin:/usr/bin:/bin", "PYTHONPATH": f"{unpacked}/usr/lib/python3/dist-packages", "HOME": str(home), "LC_ALL": "C.UTF-8"}


#: What each program of a cloud says once it has taken all words: aws is told to ask nobody, az misses a login, openstack its cloud.
_TAKEN = {"aws": "{", "az": "az login", "openstack": "http://127.0.0.1:9"}
#: gcloud is not in Debian.
CLOUDS = {"aws": "awscli", "az": "azure-cli", "openstack": "python3-openstackclient"}


def complaint(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    """What the cloud's own program has against a command line, called in the folder; "" if it knows each word. Nobody is asked."""
    # https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-skeleton.html
    more = ["--generate-cli-skeleton", "output"] if words[0] == "aws" else []
    # Without a login, openstack would not look at its words; at the port 9 nobody answers.
    nobody = {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run([*words, *more], cwd=folder, env={**environment, **nobody}, capture_output=True, text=True, timeout=180)
    said = done.stdout + done.stderr
    taken = done.returncode != 2 and "unrecognized arguments" not in said and _TAKEN[words[0]] in said
    return "" if taken else said
