"""What dpkg's database in a tree says."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path


@dataclass(frozen=True, order=True)
class Package:
    name: str
    version: str
    architecture: str
    source: str
    source_version: str


def read_status(text: str) -> list[Package]:
    """The installed packages of /var/lib/dpkg/status, by name."""
    found = []
    for stanza in text.split("\n\n"):
        field = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.MULTILINE))
        if field.get("Status", "").split()[-1:] != ["installed"]:
            continue
        # "Source: NAME (VERSION)", where they differ from those of the package
        source, _, version = field.get("Source", field["Package"]).partition(" ")
        found.append(Package(field["Package"], field["Version"], field["Architecture"], source, version.strip("()") or field["Version"]))
    return sorted(found)


def installed(tree: Path) -> list[Package]:
    return read_status((tree / "var/lib/dpkg/status").read_text())


def paths_of_packages(tree: Path) -> set[str]:
    """All that a package brings, conffiles and what is diverted included."""
    paths: set[str] = set()
    for listing in (tree / "var/lib/dpkg/info").glob("*.list"):
        paths.update(listing.read_text().splitlines())
    diversions = (tree / "var/lib/dpkg/diversions").read_text().splitlines()
    paths.update(diversions[1::3])
    # Packages that know nothing of the merged /usr call its files by the old names.
    for old in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if (tree / old).is_symlink():
            paths.update([f"/usr{path}" for path in paths if path.startswith(f"/{old}/")])
    return paths


_HEAD = re.compile(r"^(\S+) \(([^)]+)\) ")
_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,}")


def fixes(changelog: str, since: datetime) -> dict[str, list[str]]:
    """The CVEs that the entries of a Debian changelog name, by version, down to the first entry that is older than since."""
    found: dict[str, list[str]] = {}
    version, named = "", set()
    for line in changelog.splitlines():
        if head := _HEAD.match(line):
            version, named = head[2], set()
        named.update(_CVE.findall(line))
        if line.startswith(" -- ") and version:
            try:
                written = parsedate_to_datetime(line.split(">", 1)[1].strip())
            except (IndexError, ValueError, TypeError):
                continue  # a date of the nineties, of nobody's format
            if written.replace(tzinfo=written.tzinfo or since.tzinfo) < since:
                break
            if named:
                found[version] = sorted(named)
    return found


def security_fixes(tree: Path, since: datetime) -> dict[str, dict[str, list[str]]]:
    """By source package, from the changelogs in the tree."""
    found: dict[str, dict[str, list[str]]] = {}
    for package in installed(tree):
        folder = tree / "usr/share/doc" / package.name
        for name in ("changelog.Debian.gz", "changelog.gz"):
            file = folder / name
            if package.source not in found and file.resolve().is_relative_to(tree.resolve()) and file.is_file():
                text = gzip.decompress(file.read_bytes()).decode(errors="replace")
                if named := fixes(text, since):
                    found[package.source] = named
                break
    return found
