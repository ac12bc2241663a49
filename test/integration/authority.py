"""Certificates of the tests' own authority."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from real_machine import command

_NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@dataclass(frozen=True)
class Certificate:
    pem: Path
    key: Path


class Authority:
    """A certificate authority in a folder. Its certificate, `file`, is what clients trust."""

    def __init__(self, folder: Path, name: str = "CA of the tests") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.file = folder / "ca.pem"
        command(
            "openssl", "req", "-x509", *_NEW_KEY, "-keyout", folder / "ca.key", "-out", self.file,
            "-days", "30", "-subj", f"/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip

    def certificate(self, name: str, hosts: Sequence[str] = (), *, made_at: str = "") -> Certificate:
        """For servers with these names and addresses, "DNS:…" or "IP:…"; without any, for a client. It holds for 30 days, from
        the moment (as faketime reads it, for example "2020-01-01" or "27 days ago") on, and else from now."""
        made = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.extensions"
        command("openssl", "req", *_NEW_KEY, "-keyout", made.key, "-out", request, "-subj", f"/CN={name}")
        alternatives = f"subjectAltName={','.join(hosts)}\n" if hosts else ""
        usage = "serverAuth" if hosts else "clientAuth"
        extensions.write_text(f"basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage={usage}\n{alternatives}")
        command(
            *(["faketime", made_at] if made_at else []),
            "openssl", "x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self._folder / "ca.key",
            "-CAcreateserial", "-days", "30", "-extfile", extensions, "-out", made.pem,
        )  # fmt: skip
        return made
