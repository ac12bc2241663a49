"""Control repositories on the git server."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from real_machine import REPOSITORY_ROOT, command
from servers import GitServer

EXAMPLE = REPOSITORY_ROOT / "docs/examples/control-repo"


class ControlRepo:
    """A control repository on the git server. Its commits have fixed dates and authors, so that the same content has the same
    revision each time."""

    def __init__(self, server: GitServer, name: str, work: Path, source: Path = EXAMPLE) -> None:
        self.server, self.name, self.work = server, name, work
        self.bare = server.repositories / f"{name}.git"
        self._seconds = itertools.count(1767225600, 60)  # 2026-01-01
        shutil.copytree(source, work)
        command("git", "init", "-q", "--bare", "-b", "main", self.bare)
        self._git("init", "-q", "-b", "main")
        #: The revision of the repository as it came.
        self.first = self._commit("The example")

    @property
    def head(self) -> str:
        return self._git("rev-parse", "HEAD").strip()

    def url(self, scheme: str = "http", **options: Any) -> str:
        """options: those of GitServer.url."""
        return self.server.url(self.name, scheme, **options)

    def commit(self, changes: Mapping[str, str | bytes | None], message: str = "A change") -> str:
        """Writes files (None: removes them), commits, pushes to main, and returns the revision."""
        for path, content in changes.items():
            file = self.work / path
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return self._commit(message)

    def commit_class(self, name: str, body: str) -> str:
        """Adds a class of the module role, for example commit_class("broken", "notify { 'x' ")."""
        return self.commit({f"site-modules/role/manifests/{name}.pp": f"class role::{name} {{\n{body}\n}}\n"}, f"Role {name}")

    def commit_compile_error(self) -> str:
        return self.commit({"manifests/site.pp": "node default {\n  include no::such::class\n}\n"}, "Broken")

    def commit_ballast(self, megabytes: int) -> str:
        """Adds files that do not compress, so that a transfer takes a while. The same ones each time."""
        numbers = random.Random(megabytes)
        files: dict[str, str | bytes | None] = {
            f"ballast/{number}.bin": numbers.randbytes(1024 * 1024) for number in range(megabytes)
        }
        return self.commit(files, "Ballast")

    def tag(self, name: str, revision: str = "HEAD", *, annotated: bool = False) -> None:
        self._git("tag", "-f", *(["-a", "-m", name] if annotated else []), name, revision)
        self._git("push", "-q", "-f", str(self.bare), f"refs/tags/{name}")

    def branch(self, name: str, revision: str = "HEAD") -> None:
        """Makes or moves a branch of the server's repository."""
        self._git("push", "-q", "-f", str(self.bare), f"{revision}:refs/heads/{name}")

    def rewind(self, revision: str) -> None:
        """Moves main back: what came after is no longer reachable from any branch, as after a forced push."""
        self._git("reset", "-q", "--hard", revision)
        self._git("push", "-q", "-f", str(self.bare), "HEAD:refs/heads/main")

    def server_config(self, key: str, value: str) -> None:
        """A setting of the server's repository, for example ("uploadpack.allowAnySHA1InWant", "true")."""
        command("git", "-C", self.bare, "config", key, value)

    def remove(self) -> None:
        shutil.rmtree(self.bare)
        shutil.rmtree(self.work)

    def _commit(self, message: str) -> str:
        date = f"{next(self._seconds)} +0000"
        self._git("add", "-A")
        self._git("commit", "-q", "--allow-empty", "-m", message, env={"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date})
        self._git("push", "-q", str(self.bare), "HEAD:refs/heads/main")
        return self.head

    def _git(self, *arguments: str, env: Mapping[str, str] = {}) -> str:
        person = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "Tests"), ("EMAIL", "tests@example.com"))
        }
        date = {"GIT_COMMITTER_DATE": "1767225600 +0000"}
        quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
        return command("git", "-C", self.work, *arguments, env={**person, **date, **quiet, **env})
