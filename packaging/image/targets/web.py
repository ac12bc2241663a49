"""The folder of a web server, reached over ssh. There are rsync and Debian's coreutils."""

from __future__ import annotations

import re
import shlex

from publishing.problem import Problem
from publishing.progress import Region
from publishing.release import File, Release
from publishing.target import Found, Target

# What ssh itself ends with: https://man.openbsd.org/ssh#EXIT_STATUS
_SSH_FAILED = 255
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
        place = self._place(release, artifact)
        said = self._over_there(f"if test -e {place}; then sha256sum < {place}; fi", seconds=3600)
        return Found(self._url(release, artifact), "", said[:64]) if said else None

    def copy(self, release: Release, artifact: File, region: Region) -> None:
        """Under another name, until the digest was compared over there."""
        draft = f"{self._folder(release)}/.{artifact.path.name}.{artifact.sha256[:16]}.part"
        region.step(f"copying {artifact.path.name}", artifact.size)
        self._over_there(f"mkdir -p -- {shlex.quote(self._folder(release))}")

        def heard(piece: bytes) -> None:
            if found := _PROGRESS.findall(piece):
                region.at(int(re.sub(rb"\D", b"", found[-1])))

        # --append-verify goes on where it was cut off, and sends all again where what is there is not its beginning.
        self.tool("rsync").run(
            ["--rsh", shlex.join(_SSH), "--append-verify", "--timeout=60", "--info=progress2", "--outbuf=N", "--chmod=F644", "--",
             str(artifact.path), f"{self.settings['host']}:{draft}"],
            seconds=6 * 3600, heard=heard,
        )  # fmt: skip
        region.step(f"comparing {artifact.path.name} over there")
        part, place = shlex.quote(draft), self._place(release, artifact)
        said = self._over_there(f"sync -- {part} && sha256sum < {part}", seconds=3600)
        if not self.dry and said[:64] != artifact.sha256:
            self._over_there(f"rm -f -- {part}")
            raise Problem(f"{draft} arrived with sha256 {said[:64]} on {self.settings['host']}", "It was removed, and is sent again", passing=True)
        self._over_there(f"mv -T -- {part} {place} && sync -- {shlex.quote(self._folder(release))}")

    def prove(self, release: Release, artifact: File, found: Found, region: Region) -> str:
        """find() has read all of it."""
        return "sha256sum on the web server's machine"

    def finish(self, release: Release, region: Region) -> None:
        for document in (*release.documents, release.manifest):
            found = self.find(release, document)
            if found and found.sha256 != document.sha256:
                raise Problem(f"{found.location} is another file", "A release does not change: publish the next version")
            if not found:
                self.copy(release, document, region)

    def versions(self, release: Release) -> list[str]:
        family = shlex.quote(f"{self.settings['folder']}/{release.family}")
        return self._over_there(f"if test -d {family}; then ls -1 -- {family}; fi").split()

    def delete(self, release: Release, version: str) -> None:
        """The manifest goes first: what is left is not taken for a release."""
        folder = f"{self.settings['folder']}/{release.family}/{version}"
        manifest = shlex.quote(f"{folder}/{release.manifest.path.name}")
        self._over_there(f"rm -f -- {manifest} && rm -r -- {shlex.quote(folder)}")

    def _over_there(self, command: str, seconds: float = 60) -> str:
        """ssh gives what it gets to a shell: each name in the command is quoted."""
        return self.tool(*_SSH).run(["--", self.settings["host"], command], seconds=seconds, passing=(_SSH_FAILED,))

    def _folder(self, release: Release) -> str:
        return f"{self.settings['folder']}/{release.folder}"

    def _place(self, release: Release, file: File) -> str:
        return shlex.quote(f"{self._folder(release)}/{file.path.name}")

    def _url(self, release: Release, file: File) -> str:
        return f"{self.settings['url'].rstrip('/')}/{release.folder}/{file.path.name}"
