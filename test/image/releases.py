"""Releases with artifacts of random bytes, for the tests of packaging/image/publish: it does not look into them."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path


def make_release(folder: Path, *, version: str = "2026.4", architecture: str = "amd64", size: int = 100_000, seed: int = 1) -> Path:
    """The manifest of a release that has each format. Other seeds: other bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    made = random.Random(f"{version} {architecture} {seed}")
    artifacts = []
    for format_ in ("raw", "qcow2", "vhd"):
        content = made.randbytes(size)
        name = f"base-{version}-{architecture}.{format_}"
        (folder / name).write_bytes(content)
        artifacts.append({"format": format_, "file": name, "size": size, "sha256": hashlib.sha256(content).hexdigest()})
    sbom = f"base-{version}-{architecture}.spdx.json"
    (folder / sbom).write_text("{}\n")
    manifest = folder / f"base-{version}-{architecture}.manifest.json"
    manifest.write_text(
        json.dumps(
            {
                "schema": 1, "name": "base", "version": version, "architecture": architecture, "artifacts": artifacts,
                "sbom": {"file": sbom, "sha256": hashlib.sha256(b"{}\n").hexdigest()},
            }
        )
    )  # fmt: skip
    manifest.with_name(manifest.name + ".sig").write_text("-----BEGIN SSH SIGNATURE-----\n")
    return manifest


def digest(manifest: Path, format_: str) -> str:
    return next(one["sha256"] for one in json.loads(manifest.read_text())["artifacts"] if one["format"] == format_)


def copies(manifest: Path) -> dict[str, dict[str, str]]:
    """The record, by target."""
    record = manifest.with_name(manifest.name + ".copies.json")
    return {copy["target"]: copy for copy in json.loads(record.read_text())["copies"]}
