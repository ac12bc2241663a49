"""Forty modules of the Forge, beside r10k: part of test/bench/repository."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from bench import Figures  # it says where the following are
from fetching import CA_FILE, STATE, Fetching, Way

import forge
from forge import Forge
from forge_archives import Module, debian, file
from instance import Instance
from shapes import ShapedRepo, checkout_by_git, example_tree, files_of

COUNT = 40

#: Of these, which differ in size as modules do, all others are copies.
REAL = ("stdlib", "concat", "inifile", "ntp", "apt", "apache")

LOCK = "Puppetfile.bootwright.json"

#: Where the control repository is locked, where r10k installs, what it keeps, and both as they are before a round.
WORK, THEIRS, CACHE = "/srv/control", "/srv/theirs", "/srv/cache"
READY = "/srv/ready"

#: r10k's pool_size, whose default is 4. From a Forge so near neither more nor fewer are faster: its processor time is what it takes.
THREADS = 16


@functools.cache
def real(name: str) -> Module:
    return debian(name)


def release(number: int, version: str = "1.0.0") -> Module:
    """A copy of a real module under a name of its own. Each of its files ends otherwise than those of other modules and versions, or
    git's objects would be the same ones."""
    copied = real(REAL[number % len(REAL)])
    short = copied.name.partition("-")[2]
    entries = []
    for info, content in copied.entries:
        content.seek(0)
        entries.append(file(info.name, content.read() + f"\n# {number} {version}\n".encode(), info.mode))
    return Module({**copied.metadata, "name": f"bench-{short}{number}", "version": version}, entries)


def puppetfile(modules: list[Module]) -> bytes:
    return "".join(f"mod '{module.name}', '{module.version}'\n" for module in modules).encode()


class Modules:
    """One control repository at two revisions: in the second one, one module has another version, and each file of it differs."""

    def __init__(self, fetching: Fetching) -> None:
        self.fetching, self.instance = fetching, fetching.instance
        forty = [release(number) for number in range(COUNT)]
        newer = release(0, "1.1.0")
        published = Forge()
        for module in (*forty, newer):
            published.add(module)
        self._server = forge.serve(fetching.world, fetching.git.authority)
        self._server.reset(published)
        forge.lead_to(self.instance)
        archives = [len(release.archive) for release in published.releases[:COUNT]]
        self.described = (
            f"{COUNT} modules of the Forge, {sum(len(module.entries) for module in forty)} files,"
            f" archives of {min(archives) / 1024:.0f} to {max(archives) / 1024:.0f} KiB, {sum(archives) / 1048576:.1f} MiB in all"
        )
        self.repo = ShapedRepo(fetching.git, fetching.world.new_folder("modules").name, example_tree())
        self.before = self._locked(forty)
        self.after = self._locked([newer, *forty[1:]])
        self.repo.git("config", "uploadpack.allowReachableSHA1InWant", "true")
        self._make_theirs()

    def close(self) -> None:
        self._server.close()

    def _locked(self, modules: list[Module]) -> str:
        """A commit with this Puppetfile and its lock."""
        instance = self.instance
        instance.write(f"{WORK}/.git/HEAD", "ref: refs/heads/main\n")
        instance.write(f"{WORK}/Puppetfile", puppetfile(modules))
        done = instance.bootwright("modules", "lock", WORK, env={"GIT_SSL_CAINFO": CA_FILE}, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)
        return self.repo.commit({"Puppetfile": puppetfile(modules), LOCK: instance.read(f"{WORK}/{LOCK}").encode()})

    # r10k

    def _make_theirs(self) -> None:
        """What r10k begins with, and what is to come of it, as it makes it itself."""
        instance, world = self.instance, self.fetching.world
        instance.write("/root/r10k.yaml", json.dumps({"cachedir": CACHE, "pool_size": THREADS}))
        self._expected = {}
        for name, revision in (("before", self.before), ("after", self.after)):
            clone = checkout_by_git(self.repo, revision, world.new_folder("theirs"))
            shutil.copytree(clone, instance.path(f"{READY}/{name}"), symlinks=True)
            instance.run(["rm", "-rf", THEIRS, CACHE], check=True)
            instance.run(["cp", "-a", f"{READY}/{name}", THEIRS], check=True)
            instance.run(["sh", "-c", self._r10k], timeout=300, check=True)
            self._expected[revision] = files_of(instance.path(THEIRS))
            if name == "before":
                instance.run(["mv", CACHE, f"{READY}/cache"], check=True)
                instance.run(["mv", THEIRS, f"{READY}/installed"], check=True)
        for file_of_pin in ("Puppetfile", LOCK):
            instance.run(["cp", f"{READY}/after/{file_of_pin}", f"{READY}/installed/"], check=True)

    @property
    def _r10k(self) -> str:
        return f"export HOME=/root SSL_CERT_FILE={CA_FILE}; cd {THEIRS}; exec r10k puppetfile install -c /root/r10k.yaml"

    def _of_r10k(self, revision: str, ready: str, *, cached: bool, first: str = "") -> Way:
        """ready: what stands there before, below READY. first: a script of what is done before r10k."""

        def run() -> Figures:
            self.instance.run(["rm", "-rf", THEIRS, CACHE], check=True)
            self.instance.run(["cp", "-a", f"{READY}/{ready}", THEIRS], check=True)
            if cached:
                self.instance.run(["cp", "-a", f"{READY}/cache", CACHE], check=True)
            return self.fetching.figures_of(first + self._r10k, self._check(THEIRS, revision))

        return run

    # bootwright

    def _of_bootwright(self, url: str, revision: str, before: str = "") -> Way:
        """before: the revision that is there already."""
        request = self.fetching.request_for(url, revision)
        there = self.fetching.request_for(url, before) if before else ""

        def run() -> Figures:
            self.instance.run(["mkdir", "-p", STATE], check=True)
            if there:
                self.instance.run(["sh", "-c", f"{Instance.FETCH} < {there}"], timeout=300, check=True)
            return self.fetching.figures_of(f"exec {Instance.FETCH} < {request}", self._check(f"{STATE}/checkout/{revision}", revision))

        return run

    def _check(self, folder: str, revision: str) -> Callable[[], None]:
        def check() -> None:
            if files_of(self.instance.path(folder)) != self._expected[revision]:
                raise RuntimeError(f"{folder}: another tree")

        return check

    def _snapshot_url(self) -> str:
        instance, name = self.instance, f"{self.before}.bundle"
        made = instance.bootwright(
            "snapshot", "make", "--output", "/tmp/snapshots", "--repository", self.repo.url(), "--revision", self.before,
            env={"GIT_SSL_CAINFO": CA_FILE}, timeout=300,
        )  # fmt: skip
        if made.returncode != 0:
            raise RuntimeError(made.stdout + made.stderr)
        self.fetching.static.put(f"modules/{name}", Path(instance.path(f"/tmp/snapshots/{name}")))
        return self.fetching.static.url("modules/{revision}.bundle")

    def _pull(self, url: str, revision: str) -> str:
        """What a script does before r10k. -f: the Puppetfile of this revision stands there already."""
        return f"export GIT_SSL_CAINFO={CA_FILE}; cd {THEIRS}; git fetch -q --depth 1 {url} {revision}; git checkout -qf FETCH_HEAD; "

    def ways(self) -> dict[str, dict[str, Way]]:
        """By what there is before. r10k's rows are of the modules alone, but where git is named; bootwright's are of the control
        repository as well."""
        url = self.repo.url()
        return {
            "from nothing": {
                "r10k puppetfile install": self._of_r10k(self.before, "before", cached=False),
                "  with its cache": self._of_r10k(self.before, "before", cached=True),
                "bootwright": self._of_bootwright(url, self.before),
                "bootwright, snapshot": self._of_bootwright(self._snapshot_url(), self.before),
            },
            "one module changed": {
                "r10k puppetfile install": self._of_r10k(self.after, "installed", cached=True),
                "  after git fetch, checkout": self._of_r10k(self.after, "installed", cached=True, first=self._pull(url, self.after)),
                "bootwright": self._of_bootwright(url, self.after, self.before),
            },
        }
