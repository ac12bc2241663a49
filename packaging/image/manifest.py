"""The release manifest: manifest.schema.json says what is in it. It is signed with ssh-keygen, in MANIFEST.sig."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from contents import write_whole
from problem import Problem, run

NAMESPACE = "bootwright-image"
_LIMIT = 64 << 20


def text(manifest: dict[str, Any]) -> str:
    return json.dumps(manifest, indent=1, sort_keys=True) + "\n"


def read(file: Path) -> dict[str, Any]:
    return _parsed(file, _text_of(file))


def _text_of(file: Path) -> str:
    try:
        if file.stat().st_size > _LIMIT:
            raise Problem(f"{file}: larger than {_LIMIT >> 20} MiB, and so no manifest")
        return file.read_text()
    except OSError as error:
        raise Problem(f"{file}: {error.strerror}") from None
    except ValueError as error:
        raise Problem(f"{file}: {error}") from None


def _parsed(file: Path, content: str) -> dict[str, Any]:
    try:
        manifest = json.loads(content)
    except ValueError as error:
        raise Problem(f"{file}: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("schema") != 1:
        raise Problem(f"{file}: no manifest of schema 1; a newer one needs a newer checkout")
    if missing := [key for key in _required() if key not in manifest]:
        raise Problem(f"{file}: missing: {', '.join(missing)}")
    return manifest


def _required() -> list[str]:
    required: list[str] = json.loads(Path(__file__).with_name("manifest.schema.json").read_text())["required"]
    return required


def signature_of(file: Path) -> Path:
    return file.with_name(file.name + ".sig")


def sign(file: Path, key: Path) -> None:
    """key: a private key, or a public one whose private key an ssh-agent holds."""
    content = _text_of(file)
    _parsed(file, content)
    with tempfile.TemporaryDirectory() as folder:
        message = Path(folder) / "manifest"
        message.write_text(content)
        run("ssh-keygen", "-Y", "sign", "-q", "-f", key, "-n", NAMESPACE, message, env=dict(os.environ))
        write_whole(signature_of(file), signature_of(message).read_text())


def verify(file: Path, signers: Path) -> str:
    """Who has signed, in the words of signers, a file as ssh-keygen(1) describes it under ALLOWED SIGNERS. Problem: nobody of them."""
    signature = signature_of(file)
    if not signature.exists():
        raise Problem(f"{file}: not signed: there is no {signature.name}")
    message = _text_of(file)
    _parsed(file, message)
    try:
        found = run("ssh-keygen", "-Y", "find-principals", "-n", NAMESPACE, "-f", signers, "-s", signature).splitlines()
        run("ssh-keygen", "-Y", "verify", "-f", signers, "-I", found[0], "-n", NAMESPACE, "-s", signature, text=message)
    except (Problem, IndexError):
        raise Problem(f"{file}: its signature is of nobody whom {signers} names, or the manifest was changed since: take it from where it was made") from None
    return found[0]
