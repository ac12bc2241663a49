"""A container image as an OCI layout, in one tar: podman load, skopeo copy oci-archive:FILE.
https://github.com/opencontainers/image-spec/blob/main/image-layout.md"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
import zlib
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from architectures import Architecture
from contents import blocks

SUFFIX, NEEDS = "oci.tar", "tar"

_TYPE = "application/vnd.oci.image"


def _compressed(source: Path, target: Path) -> tuple[str, str]:
    """gzip without a name and a time. Returns the digests of what goes in and of what comes out."""
    plain, packed = hashlib.sha256(), hashlib.sha256()
    compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
    with target.open("wb") as out:
        for block in blocks(source):
            plain.update(block)
            out.write(compressed := compressor.compress(block))
            packed.update(compressed)
        out.write(rest := compressor.flush())
        packed.update(rest)
    return plain.hexdigest(), packed.hexdigest()


def _entry(name: str, size: int, epoch: int) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.mtime, made.mode = size, epoch, 0o644
    return made


def make(source: Path, target: Path, row: Architecture, epoch: int) -> None:
    created = datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    with tempfile.TemporaryDirectory(dir=target.parent) as name, tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as out:
        layer = Path(name) / "layer"
        plain, packed = _compressed(source, layer)

        def add(path: str, document: dict[str, Any]) -> tuple[bytes, str]:
            text = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
            digest = hashlib.sha256(text).hexdigest()
            out.addfile(_entry(path.format(digest=digest), len(text), epoch), io.BytesIO(text))
            return text, digest

        def descriptor(kind: str, digest: str, size: int) -> dict[str, Any]:
            return {"mediaType": f"{_TYPE}.{kind}", "digest": f"sha256:{digest}", "size": size}

        add("oci-layout", {"imageLayoutVersion": "1.0.0"})
        config, config_digest = add(
            "blobs/sha256/{digest}",
            {
                "architecture": row.oci, "os": "linux", "created": created, "config": {"Cmd": ["/sbin/init"], "StopSignal": "SIGRTMIN+3"},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{plain}"]}, "history": [{"created": created}],
            },
        )  # fmt: skip
        manifest, manifest_digest = add(
            "blobs/sha256/{digest}",
            {
                "schemaVersion": 2, "mediaType": f"{_TYPE}.manifest.v1+json", "config": descriptor("config.v1+json", config_digest, len(config)),
                "layers": [descriptor("layer.v1.tar+gzip", packed, layer.stat().st_size)],
            },
        )  # fmt: skip
        with layer.open("rb") as file:
            out.addfile(_entry(f"blobs/sha256/{packed}", layer.stat().st_size, epoch), file)
        index = descriptor("manifest.v1+json", manifest_digest, len(manifest)) | {"platform": {"architecture": row.oci, "os": "linux"}}
        add("index.json", {"schemaVersion": 2, "mediaType": f"{_TYPE}.index.v1+json", "manifests": [index]})
