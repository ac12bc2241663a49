"""What a release changes, out of two manifests."""

from __future__ import annotations

import subprocess
from typing import Any


def newer(version: str, than: str) -> bool:
    """dpkg's order of versions."""
    return subprocess.run(["dpkg", "--compare-versions", version, "gt", than], check=False).returncode == 0


def _versions(manifest: dict[str, Any]) -> dict[str, str]:
    return {package["name"]: package["version"] for package in manifest["packages"]}


def _sources(manifest: dict[str, Any]) -> dict[str, str]:
    return {package["source"]: package["source_version"] for package in manifest["packages"]}


def _fixes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, list[str]]:
    """By source package: what the changelog entries name that are newer than the old version, and not newer than the new."""
    before, after = _sources(old), _sources(new)
    found = {}
    for source, entries in new["security_fixes"].items():
        # A package that is new brings no fixes: it was not there to be broken.
        if source not in before or source not in after:
            continue
        named = {cve for version, cves in entries.items() if newer(version, before[source]) and not newer(version, after[source]) for cve in cves}
        if named:
            found[source] = sorted(named)
    return found


def _files(manifest: dict[str, Any]) -> dict[str, str]:
    """What follows a path, a digest or where a link points to. A path of a package may hold a space: none of these does."""
    made = {}
    for line in manifest["files_outside_packages"]:
        path, arrow, target = line.partition(" -> ")
        if not arrow:
            path, _, target = line.rpartition(" ")
        made[path] = target
    return made


def _sides(before: dict[str, Any], after: dict[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """What is new, gone and changed."""
    return (sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys()),
            sorted(key for key in before.keys() & after.keys() if before[key] != after[key]))  # fmt: skip


def difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    before, after = _versions(old), _versions(new)
    added, gone, changed = _sides(before, after)
    files_new, files_gone, files_changed = _sides(_files(old), _files(new))

    def change(name: str) -> dict[str, str]:
        return {"name": name, "from": before[name], "to": after[name]}

    up = [name for name in changed if newer(after[name], before[name])]
    return {
        "old": f"{old['name']} {old['version']}",
        "new": f"{new['name']} {new['version']}",
        "architecture": new["architecture"],
        "packages": {
            "up": [change(name) for name in up],
            "down": [change(name) for name in changed if name not in up],
            "new": [{"name": name, "to": after[name]} for name in added],
            "gone": [{"name": name, "from": before[name]} for name in gone],
        },
        "security_fixes": _fixes(old, new),
        "files_outside_packages": {"new": files_new, "gone": files_gone, "changed": files_changed},
        "size": {"from": old["size"], "to": new["size"]},
        "artifacts": [
            {"format": kind, "from": _sizes(old).get(kind), "to": _sizes(new).get(kind)} for kind in sorted({*_sizes(old), *_sizes(new)})
        ],
        "boot_seconds": {"from": old["boot_seconds"], "to": new["boot_seconds"]},
        "inputs": [name for name in sorted({*old["inputs"], *new["inputs"]}) if _digest(old, name) != _digest(new, name)],
    }


def _sizes(manifest: dict[str, Any]) -> dict[str, int]:
    return {artifact["format"]: artifact["size"] for artifact in manifest["artifacts"]}


def _digest(manifest: dict[str, Any], name: str) -> str | None:
    digest: str | None = manifest["inputs"].get(name, {}).get("sha256")
    return digest
