"""Fakes of `aws`, `gcloud`, `az` and `openstack` that replay replies. The replies were written from the vendors' documentation,
whose pages the files of packaging/image/targets name: nobody's account was asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_FAKE = """\
#!/usr/bin/python3
import fcntl, json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
with open(here + "/replies.json", "r+") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    replies = json.load(file)
    with open(here + "/calls", "a") as calls:
        calls.write(json.dumps(["PROGRAM", *sys.argv[1:]]) + "\\n")
    for reply in replies:
        if reply["words"][0] == "PROGRAM" and set(reply["words"][1:]) <= set(sys.argv[1:]):
            break
    else:
        sys.exit("no reply was recorded for " + " ".join(sys.argv))
    if not reply.get("again"):
        replies.remove(reply)
        file.seek(0)
        file.truncate()
        json.dump(replies, file)
if "sends" in reply:
    with open(reply["sends"], "rb") as content:
        sys.stdout.buffer.write(content.read())
elif reply["says"] is not None:
    print(json.dumps(reply["says"]))
print(reply.get("complains", ""), end="", file=sys.stderr)
sys.exit(reply.get("status", 0))
"""


class VendorTools:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "calls").touch()
        self.forget()
        for program in ("aws", "gcloud", "az", "openstack"):
            (folder / program).write_text(_FAKE.replace("PROGRAM", program))
            (folder / program).chmod(0o755)

    def reply(self, words: str, says: Any = None, **options: Any) -> None:
        """What the next call with these words gets: says, as JSON. status and complains: how it fails. again: each call gets it."""
        self._write([*self._left(), {"words": words.split(), "says": says, **options}])

    def fail(self, words: str, complains: str) -> None:
        self.reply(words, status=255, complains=complains)

    def unused(self) -> list[str]:
        return [" ".join(reply["words"]) for reply in self._left() if not reply.get("again")]

    def forget(self) -> None:
        """All replies."""
        self._write([])

    def calls(self, *words: str) -> list[list[str]]:
        """Those with all of the words."""
        made: Sequence[list[str]] = [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]
        return [call for call in made if set(words) <= set(call)]

    def _left(self) -> list[dict[str, Any]]:
        return list(json.loads((self.folder / "replies.json").read_text()))

    def _write(self, replies: list[dict[str, Any]]) -> None:
        (self.folder / "replies.json").write_text(json.dumps(replies))
