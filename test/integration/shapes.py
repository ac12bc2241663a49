"""Repositories of the shapes that real ones have, on the git server."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control_repo import EXAMPLE
from real_machine import CLEAN_ENVIRONMENT, command
from servers import GitServer


GIT_ENVIRONMENT = {**CLEAN_ENVIRONMENT, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}


@dataclass(frozen=True)
class File:
    content: bytes
    mode: str = "100644"


def program(content: bytes) -> File:
    return File(content, "100755")


def link(target: str) -> File:
    return File(target.encode(), "120000")


def commit_of(revision: str) -> File:
    """What stands in a tree for a submodule."""
    return File(revision.encode(), "160000")


#: A tree: paths and what is there.
Tree = Mapping[str, "File | bytes"]


class ShapedRepo:
    """A bare repository on the git server, without the work tree of a control_repo.ControlRepo: not every tree can be checked out."""

    def __init__(self, server: GitServer, name: str, tree: Tree = {}) -> None:
        self.server, self.name = server, name
        self.bare = server.repositories / f"{name}.git"
        self._seconds = itertools.count(1767225600, 60)  # 2026-01-01
        command("git", "init", "-q", "--bare", "-b", "main", self.bare)
        if tree:
            self.commit(tree)

    @property
    def head(self) -> str:
        return self.git("rev-parse", "refs/heads/main").decode().strip()

    def url(self, scheme: str = "http", **options: Any) -> str:
        """options: those of GitServer.url."""
        return self.server.url(self.name, scheme, **options)

    def git(self, *arguments: str, input: bytes = b"") -> bytes:
        done = subprocess.run(["git", "-C", self.bare, *arguments], input=input, capture_output=True, env=GIT_ENVIRONMENT)
        if done.returncode != 0:
            raise RuntimeError(f"git {' '.join(arguments)}: exit {done.returncode}\n{done.stderr.decode(errors='replace')}")
        return done.stdout

    def commit(self, tree: Tree, *, message: str = "A change") -> str:
        """A commit on main that adds these files to the last one's, and its revision."""
        self.import_commits([tree], message=message)
        return self.head

    def import_commits(self, trees: Iterable[Tree], *, message: str = "A change") -> None:
        """The same for many commits, one after the other."""
        with subprocess.Popen(
            ["git", "-C", self.bare, "fast-import", "--quiet"], stdin=subprocess.PIPE, env=GIT_ENVIRONMENT
        ) as importing:
            assert importing.stdin is not None
            parent = b"from refs/heads/main^0\n" if self.git("branch", "--list", "main") else b""
            for tree in trees:
                who = f"Tests <tests@example.com> {next(self._seconds)} +0000"
                head = f"commit refs/heads/main\ncommitter {who}\ndata {len(message.encode())}\n{message}\n"
                importing.stdin.write(head.encode() + parent)
                parent = b""
                for path, entry in tree.items():
                    file = entry if isinstance(entry, File) else File(entry)
                    quoted = _quoted(path)
                    if file.mode == "160000":
                        importing.stdin.write(b"M 160000 " + file.content + b" " + quoted + b"\n")
                    else:
                        importing.stdin.write(b"M " + file.mode.encode() + b" inline " + quoted + b"\n")
                        importing.stdin.write(f"data {len(file.content)}\n".encode() + file.content + b"\n")
        if importing.returncode != 0:
            raise RuntimeError(f"git fast-import: exit {importing.returncode}")

    def commit_forged(self, entries: Iterable[tuple[str, bytes, str]], *, parent: str = "") -> str:
        """A commit whose root tree is made of these bytes: mode, name and object of each entry, with names that git itself would
        not write. On main."""
        # gitformat-tree: "MODE NAME\0" and twenty bytes each.
        content = b"".join(f"{mode} ".encode() + name + b"\0" + bytes.fromhex(which) for mode, name, which in entries)
        tree = self.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", input=content).decode().strip()
        lines = [f"tree {tree}", *([f"parent {parent}"] if parent else [])]
        who = f"Tests <tests@example.com> {next(self._seconds)} +0000"
        text = "\n".join([*lines, f"author {who}", f"committer {who}", "", "Forged", ""])
        made = self.git("hash-object", "-w", "-t", "commit", "--stdin", input=text.encode()).decode().strip()
        self.git("update-ref", "refs/heads/main", made)
        return made

    def blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", input=content).decode().strip()

    def pack(self) -> None:
        """As a server does after a while."""
        self.git("gc", "-q")

    def remove(self) -> None:
        shutil.rmtree(self.bare)


@contextmanager
def taken_away(repo: ShapedRepo) -> Iterator[None]:
    """While it lasts, the server has no such repository."""
    elsewhere = repo.bare.with_suffix(".away")
    repo.bare.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(repo.bare)


def _quoted(path: str) -> bytes:
    """As fast-import wants it. Bytes that are no UTF-8 are written as Python does in names of files."""
    raw = path.encode("utf-8", "surrogateescape")
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'


def example_tree(folder: str = "") -> dict[str, File | bytes]:
    """The control repository of the documentation, which Puppet can apply."""
    return {
        folder + str(file.relative_to(EXAMPLE)): program(file.read_bytes()) if os.access(file, os.X_OK) else file.read_bytes()
        for file in sorted(EXAMPLE.rglob("*"))
        if file.is_file()
    }


# The shapes


def plain(server: GitServer, name: str) -> ShapedRepo:
    return ShapedRepo(server, name, example_tree())


def links(server: GitServer, name: str) -> ShapedRepo:
    """Symbolic links to files and folders, to nothing, and to each other; none leads out of the tree."""
    tree = {
        "target.txt": b"the target\n",
        "folder/inner.txt": b"inside\n",
        "to-file": link("target.txt"),
        "to-folder": link("folder"),
        "folder/up": link("../target.txt"),
        "folder/deep/through": link("../../to-folder/inner.txt"),
        "dangling": link("nothing/here"),
        "loop-a": link("loop-b"),
        "loop-b": link("loop-a"),
        "self": link("."),
    }
    return ShapedRepo(server, name, example_tree() | tree)


def links_outside(server: GitServer, name: str) -> ShapedRepo:
    """Symbolic links that lead out of the tree. Git writes them as they are."""
    tree = {"absolute": link("/etc/passwd"), "above": link("../../../etc"), "modules/folder/above": link("../../../outside")}
    return ShapedRepo(server, name, example_tree() | tree)


def executables(server: GitServer, name: str) -> ShapedRepo:
    tree = {"bin/run": program(b"#!/bin/sh\necho ran\n"), "bin/data": b"no program\n", "bin/empty": program(b"")}
    return ShapedRepo(server, name, example_tree() | tree)


def line_endings(server: GitServer, name: str) -> ShapedRepo:
    """.gitattributes that change what a checkout writes."""
    attributes = b"*.crlf text eol=crlf\n*.lf text eol=lf\n*.auto text=auto eol=crlf\n*.raw -text\n*.id ident\n"
    tree = {
        ".gitattributes": attributes,
        "nested/.gitattributes": b"*.crlf -text\n*.raw text eol=crlf\n",
        **{f"{folder}file.{kind}": b"one\ntwo\n" for folder in ("", "nested/") for kind in ("crlf", "lf", "auto", "raw")},
        "mixed.crlf": b"one\r\ntwo\n",
        "binary.auto": b"one\n\0two\n",
        "file.id": b"$Id$\n",
        "untouched.txt": b"one\ntwo\r\n",
    }
    return ShapedRepo(server, name, example_tree() | tree)


def odd_names(server: GitServer, name: str) -> ShapedRepo:
    """Names that git allows, however odd."""
    names = [
        "with space", " leading", "trailing ", "trailing.", "new\nline", "tab\tbed", 'quo"ted', "apo'strophe", "back\\slash", "-dash",
        "--help", "$HOME", "%s", "*", "#hash", "{brace}", "~", "...", ".gitkeep", ".gitt", "gitmodules", "CON", "aux.c", "a:b",
        "\N{LATIN SMALL LETTER U WITH DIAERESIS}ber", "u\N{COMBINING DIAERESIS}ber", "\N{PILE OF POO}", "\u05e9\u05dc\u05d5\u05dd",
        "latin1-\udcfc", "Case", "case", "x" * 255, "bell\a", "del\x7f",
    ]  # fmt: skip
    tree: dict[str, File | bytes] = {f"odd/{number}/{odd}": f"{number}\n".encode() for number, odd in enumerate(names)}
    tree |= {f"odd/together/{odd}": b"x\n" for odd in names}
    tree["/".join(["deep"] * 60) + "/file"] = b"deep\n"
    return ShapedRepo(server, name, example_tree() | tree)


def wide(server: GitServer, name: str, files: int = 11_000) -> ShapedRepo:
    """Many files, as a repository with vendored modules has."""
    tree = {
        f"modules/module{number % 100:02d}/{('manifests', 'templates', 'spec')[number % 3]}/file{number}.pp":
            f"# {number}\n".encode() + b"class something { }\n" * (number % 60)
        for number in range(files)
    }  # fmt: skip
    repo = ShapedRepo(server, name, example_tree() | tree)
    repo.pack()
    return repo


def deep(server: GitServer, name: str, commits: int = 20_000) -> ShapedRepo:
    """A long history: each commit changes one of a hundred data files."""
    repo = ShapedRepo(server, name, example_tree())

    def content(number: int) -> bytes:
        return b"".join(b"profile::setting_%d: %d\n" % (line, number * 31 + line) for line in range(40))

    repo.import_commits({f"data/history/{number % 100}.yaml": content(number)} for number in range(commits))
    repo.pack()
    return repo


def environments(server: GitServer, name: str) -> ShapedRepo:
    """Several control repositories in one: environments/NAME/."""
    return ShapedRepo(server, name, example_tree("environments/production/") | example_tree("environments/staging/"))


def large_files(server: GitServer, name: str) -> ShapedRepo:
    """A pointer of Git LFS where a file should be."""
    pointer = (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{hashlib.sha256(b'the file').hexdigest()}\nsize 8\n".encode()
    )
    tree = {".gitattributes": b"*.iso filter=lfs diff=lfs merge=lfs -text\n", "files/image.iso": pointer}
    return ShapedRepo(server, name, example_tree() | tree)


#: Attributes, and the content of files/a.reg, of which git's own checkout makes something else.
CONVERTED: dict[str, tuple[bytes, bytes]] = {
    "encoding": (b"*.reg text working-tree-encoding=UTF-16LE\n", b"[key]\n"),
    "encoding-by-macro": (b"[attr]windows text working-tree-encoding=UTF-16LE\n*.reg windows\n", b"[key]\n"),
    "git-crypt": (b"*.reg filter=git-crypt diff=git-crypt\n", b"\0GITCRYPT\0\1\2\3"),
    "filter": (b"*.reg filter=vault\n", b"ciphertext\n"),
}


def converted(server: GitServer, name: str, kind: str) -> ShapedRepo:
    attributes, content = CONVERTED[kind]
    return ShapedRepo(server, name, example_tree() | {".gitattributes": attributes, "files/a.reg": content})


def empty_things(server: GitServer, name: str) -> ShapedRepo:
    """Empty files, a large one, and one that looks like a pack."""
    tree = {"empty": b"", "folder/.gitkeep": b"", "large.bin": bytes(range(256)) * 20_000, "fake.pack": b"PACK\0\0\0\2\0\0\0\0"}
    return ShapedRepo(server, name, example_tree() | tree)


#: Those that each way of fetching has to get as git itself does, file by file.
PLAIN_SHAPES: dict[str, Callable[[GitServer, str], ShapedRepo]] = {
    shape.__name__: shape
    for shape in (plain, links, links_outside, executables, line_endings, odd_names, wide, environments, empty_things)
}


@dataclass(frozen=True)
class Submodules:
    """modules/child of the parent is the child, and lib/grandchild of that the grandchild."""

    parent: ShapedRepo
    child: ShapedRepo
    grandchild: ShapedRepo

    def remove(self) -> None:
        for repo in (self.parent, self.child, self.grandchild):
            repo.remove()


def gitmodules(path: str, url: str, name: str = "", more: str = "") -> bytes:
    return f'[submodule "{name or path}"]\n\tpath = {path}\n\turl = {url}\n{more}'.encode()


def with_submodules(server: GitServer, name: str, url: str = "") -> Submodules:
    """url: of the child in the parent's .gitmodules, with CHILD for its name; by default a relative one. The pinned commits are not the newest ones."""
    grandchild = ShapedRepo(server, f"{name}-grandchild", {"grandchild.txt": b"of the grandchild\n"})
    child_tree = {
        "manifests/init.pp": b"class child { }\n",
        ".gitmodules": gitmodules("lib/grandchild", f"../{grandchild.name}.git"),
        "lib/grandchild": commit_of(grandchild.head),
    }
    child = ShapedRepo(server, f"{name}-child", child_tree)
    parent_tree = {
        ".gitmodules": gitmodules("modules/child", url.replace("CHILD", child.name) or f"../{child.name}.git", name="a name of its own"),
        "modules/child": commit_of(child.head),
    }
    parent = ShapedRepo(server, name, example_tree() | parent_tree)
    child.commit({"newer": b"newer than what is pinned\n"})
    grandchild.commit({"newer": b"newer than what is pinned\n"})
    return Submodules(parent, child, grandchild)


#: Names that git forbids in a tree, or that file systems take for a forbidden one; for each, what stands there.
FORGED: dict[str, bytes] = {
    "git": b".git",
    "git-upper": b".GIT",
    "git-mixed": b".Git",
    "parent": b"..",
    "self": b".",
    "empty": b"",
    "slash": b"a/b",
    "parent-slash": b"../escaped",
    "absolute": b"/tmp/escaped",
    "in-git": b".git/config",
    "ntfs-short": b"git~1",
    "ntfs-dot": b".git.",
    "ntfs-space": b".git ",
    "ntfs-stream": b".git::$INDEX_ALLOCATION",
    "hfs-ignored": ".g\N{ZERO WIDTH NON-JOINER}it".encode(),
}


def forged(server: GitServer, name: str, kind: str) -> ShapedRepo:
    """A tree with one of the FORGED names, or of these kinds: "twice" (a link and a folder of the same name: what is in the
    folder would be written through the link), "gitmodules-link" (.gitmodules is a symbolic link), "unsorted", "odd-mode"."""
    repo = ShapedRepo(server, name)
    payload = repo.blob(b"escaped\n")
    good = ("100644", b"good.txt", repo.blob(b"good\n"))
    if kind == "twice":
        inner = repo.git("mktree", input=f"100644 blob {payload}\tescaped\n".encode()).decode().strip()
        repo.commit_forged([("120000", b"x", repo.blob(b"/tmp")), ("40000", b"x", inner)])
    elif kind == "gitmodules-link":
        repo.commit_forged([("120000", b".gitmodules", repo.blob(b"good.txt")), good])
    elif kind == "unsorted":
        repo.commit_forged([good, ("100644", b"a.txt", payload)])
    elif kind == "odd-mode":
        repo.commit_forged([good, ("100666", b"writable.txt", payload)])
    else:
        repo.commit_forged(sorted([("100644", FORGED[kind], payload), good], key=lambda entry: entry[1]))
    return repo


# Comparing


def files_of(folder: Path) -> dict[bytes, str]:
    """Every file below the folder but for .git, with what a checkout decides: "file HASH", "program HASH" or "link TARGET"."""
    found: dict[bytes, str] = {}
    for place, folders, files in os.walk(os.fsencode(folder)):
        folders[:] = [name for name in folders if name != b".git"]
        for name in files + [inner for inner in folders if os.path.islink(os.path.join(place, inner))]:
            path = os.path.join(place, name)
            if name == b".git":  # of a submodule
                continue
            shown = os.path.relpath(path, os.fsencode(folder))
            information = os.lstat(path)
            if stat.S_ISLNK(information.st_mode):
                found[shown] = f"link {os.readlink(path)!r}"
            else:
                with open(path, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                found[shown] = ("program " if information.st_mode & 0o100 else "file ") + digest
    return found


def checkout_by_git(repo: ShapedRepo, revision: str, folder: Path, *, submodules: bool = False) -> Path:
    """What git itself makes of it, in a new folder."""
    options = ["-c", "protocol.file.allow=always", "-c", "advice.detachedHead=false"]

    def git(*arguments: str) -> None:
        done = subprocess.run(["git", *options, *arguments], capture_output=True, text=True, env=GIT_ENVIRONMENT)
        if done.returncode != 0:
            raise RuntimeError(f"git {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")

    git("clone", "-q", "--no-checkout", str(repo.bare), str(folder))
    git("-C", str(folder), "checkout", "-q", revision)
    if submodules:
        git("-C", str(folder), "submodule", "--quiet", "update", "--init", "--recursive")
    return folder
