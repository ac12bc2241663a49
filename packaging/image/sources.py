"""Where packages come from: while building from the mirrors of this machine, later from the one that the definition names."""

from __future__ import annotations

from pathlib import Path

from problem import Problem, run

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
#: Debian 12 has no libgit2 1.8; its backports have. No other package comes from there, since apt takes none unasked.
_BACKPORTS = {"bookworm"}
#: It has no security archive of its own that is of use: fixes come by migration.
_TESTING = {"forky"}
_SECURITY_MIRROR = "http://deb.debian.org/debian-security"


def lines(suite: str, mirror: str, security_mirror: str | None) -> list[str]:
    """Of sources.list. security_mirror: None leaves security updates out."""
    suites = [suite, *([] if suite in _TESTING else [f"{suite}-updates"])]
    if suite in _BACKPORTS:
        suites.append(f"{suite}-backports")
    made = [f"deb [signed-by={_KEYRING}] {mirror} {name} main" for name in suites]
    if security_mirror and suite not in _TESTING:
        made.append(f"deb [signed-by={_KEYRING}] {security_mirror} {suite}-security main")
    return made


def suite_of_this_machine() -> str:
    return next(line.split("=")[1] for line in Path("/etc/os-release").read_text().splitlines() if line.startswith("VERSION_CODENAME="))


def options_of_apt(suite: str) -> list[str]:
    """For mmdebstrap."""
    options = ['APT::Install-Recommends "false"', 'Acquire::Languages "none"', 'Acquire::Retries "3"']
    if suite in _TESTING:
        # A mirror of testing may lag behind for weeks, and a preview does without what came since.
        options.append('Acquire::Check-Valid-Until "false"')
    return [f"--aptopt={option}" for option in options]


def of_this_machine(suite: str, security: bool) -> list[str]:
    """The same suites from the mirrors that apt asks here."""
    codename = suite_of_this_machine()
    known = [line.split("|") for line in run("apt-get", "indextargets", "--format", "$(REPO_URI)|$(RELEASE)", "Created-By: Packages").splitlines()]
    mirrors = {release: uri.rstrip("/") for uri, release in known}
    if codename not in mirrors:
        raise Problem(f"apt has no index of {codename} on this machine: apt-get update")
    return lines(suite, mirrors[codename], mirrors.get(f"{codename}-security") if security else None)


def of_the_image(suite: str, mirror: str) -> list[str]:
    return lines(suite, mirror, _SECURITY_MIRROR)
