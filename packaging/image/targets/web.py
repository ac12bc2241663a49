"""The folder of a web server, reached over ssh. There are rsync and Debian's coreutils."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from publishing.problem import Problem
from publishing.progress import Region
from publishing.release import File, Release
from publishing.target import Found, Target

# What ssh itself ends with: https://man.openbsd.org/ssh#EXIT_STATUS
_SSH_FAILED = 255
_WRONG = "digests differ"
_SSH = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3")
# rsync --info=progress2: "  1,234,567  45%  10.00MB/s  0:00:01"
_PROGRESS = re.compile(rb"([\d,.]+) +\d+% ")


class Web(Target):
    kind = "web"
    keys = {
        "host": "[USER@]HOST, or a name of ~/.ssh/config, which has port, key and proxy",
        "folder": "the folder there, as an absolute path",
        "url": "where the web server serves it",
        "region": "a name for people",
    }
    required = frozenset({"host", "folder", "url"})
    formats = ("qcow2", "raw", "tar", "vhd", "vmdk", "oci")

    def find(self, release: Release, artifact: File) -> Found | None:
        digest = self._digests(release, [artifact])[0]
        return Found(self._url(release, artifact), "", digest) if digest else None

    def copy(self, release: Release, artifact: File, region: Region) -> None:
        self._copy(release, [artifact], region)

    def prove(self, release: Release, artifact: File, found: Found, region: Region) -> str:
        """find() has read all of it."""
        return "sha256sum on the web server's machine"

    def finish(self, release: Release, region: Region) -> None:
        documents = release.documents_in_order
        digests = self._digests(release, documents)
        for document, digest in zip(documents, digests, strict=True):
            if digest not in ("", document.sha256):
                raise Problem(f"{self._url(release, document)} is another file", "A release does not change: publish the next version")
        if missing := [document for document, digest in zip(documents, digests, strict=True) if not digest]:
            self._copy(release, missing, region)

    def lacking(self, release: Release) -> list[str]:
        documents = release.documents_in_order
        digests = self._digests(release, documents)
        return [document.path.name for document, digest in zip(documents, digests, strict=True) if digest != document.sha256]

    def versions(self, release: Release) -> list[str]:
        family = shlex.quote(f"{self.settings['folder']}/{release.family}")
        return self._over_there(f"if test -d {family}; then ls -1 -- {family}; fi").split()

    def delete(self, release: Release, version: str) -> None:
        """The manifest goes first: what is left is not taken for a release."""
        folder = f"{self.settings['folder']}/{release.family}/{version}"
        manifest = shlex.quote(f"{folder}/{release.manifest_of(version)}")
        self._over_there(f"rm -f -- {manifest} && rm -r -- {shlex.quote(folder)}")

    def _digests(self, release: Release, files: Sequence[File]) -> list[str]:
        """As they are over there; empty for a file that is not."""
        names = " ".join(shlex.quote(f"{self._folder(release)}/{file.path.name}") for file in files)
        said = self._over_there(f"for file in {names}; do if test -e \"$file\"; then sha256sum < \"$file\"; else echo; fi; done", seconds=3600)
        return [line[:64].strip() for line in said.splitlines()] or [""] * len(files)

    def _copy(self, release: Release, files: Sequence[File], region: Region) -> None:
        """Into a folder beside, until the digests were compared over there. The last file appears last."""
        draft = f"{self._folder(release)}/.{release.manifest.sha256[:16]}.part"
        region.step(f"copying {files[0].path.name}", sum(file.size for file in files))

        def heard(piece: bytes) -> None:
            if found := _PROGRESS.findall(piece):
                region.at(int(re.sub(rb"\D", b"", found[-1])))

        # --append-verify goes on where it was cut off, and sends all again where what is there is not its beginning.
        self.tool("rsync").run(
            ["--rsh", shlex.join(_SSH), "--mkpath", "--append-verify", "--timeout=60", "--info=progress2", "--outbuf=N", "--chmod=F644", "--",
             *(str(file.path) for file in files), f"{self.settings['host']}:{draft}/"],
            seconds=6 * 3600, heard=heard,
        )  # fmt: skip
        region.step("comparing over there")
        names = [shlex.quote(file.path.name) for file in files]
        sums = " ".join(shlex.quote(f"{file.sha256}  {file.path.name}") for file in files)
        compare = f"cd {shlex.quote(draft)} && sync -- {' '.join(names)} && printf '%s\\n' {sums} | sha256sum --check --status"
        moves = " && ".join(f"mv -T -- {name} ../{name}" for name in names)
        # What is damaged or strange goes, and all is sent again.
        wrong = f"rm -rf -- {shlex.quote(draft)}; echo {_WRONG}"
        said = self._over_there(f"if {compare}; then {moves} && sync -- .. && cd .. && rm -rf -- {shlex.quote(draft)}; else {wrong}; fi", seconds=3600)
        if said.strip() == _WRONG:
            raise Problem(f"what arrived on {self.settings['host']} has other digests", "It was removed, and is sent again", passing=True)

    def _over_there(self, command: str, seconds: float = 60) -> str:
        """ssh gives what it gets to a shell: each name in the command is quoted."""
        return self.tool(*_SSH).run(["--", self.settings["host"], command], seconds=seconds, passing=(_SSH_FAILED,))

    def _folder(self, release: Release) -> str:
        return f"{self.settings['folder']}/{release.folder}"

    def _url(self, release: Release, file: File) -> str:
        return f"{self.settings['url'].rstrip('/')}/{release.folder}/{file.path.name}"
