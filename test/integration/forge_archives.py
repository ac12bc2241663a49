"""Modules as the Puppet Forge has them: release archives, sound ones and hostile ones."""

from __future__ import annotations

import copy
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

#: Where Debian's packages puppet-module-… put their modules.
_DEBIAN = Path("/usr/share/puppet/modules")

#: Of each entry, so that a module has the same archive each time.
_MTIME = 1_600_000_000

#: An entry of an archive: its header, and where its content is read.
Entry = tuple[tarfile.TarInfo, IO[bytes]]


@dataclass(frozen=True)
class Module:
    """One version of a module: its metadata.json, and its other files below the folder of the release."""

    metadata: Mapping[str, Any]
    entries: Sequence[Entry]

    @property
    def name(self) -> str:
        """With its author: "acme-web"."""
        return str(self.metadata["name"]).replace("/", "-")

    @property
    def version(self) -> str:
        return str(self.metadata["version"])

    @property
    def slug(self) -> str:
        return f"{self.name}-{self.version}"

    def archive(self, *more: Entry, top: str | None = None) -> bytes:
        """The release archive as `puppet module build` and PDK make it: all below one folder, sorted. more: entries after
        these, whose names stay as they are. top: another name of the folder."""
        top = self.slug if top is None else top
        inside = [file("metadata.json", json.dumps(self.metadata, indent=2)), *self.entries]
        return packed([folder(top), *(_below(top, entry) for entry in _with_folders(inside)), *more])


def module(
    name: str,
    version: str = "1.0.0",
    *,
    dependencies: Mapping[str, str] = {},
    requirements: Mapping[str, str] = {"puppet": ">= 6.0.0 < 9.0.0"},
    files: Mapping[str, str | bytes] = {},
    executables: Mapping[str, str | bytes] = {},
    folders: Sequence[str] = (),
    checksums: bool = False,
    **metadata: Any,
) -> Module:
    """A module of a few lines, with a class of its own name. dependencies, requirements: ranges of versions by name. folders:
    empty ones. checksums: with a checksums.json, as old tools add it. metadata: further keys of metadata.json."""
    author, _, short = name.partition("-")
    contents = {"manifests/init.pp": f"class {short} {{ notify {{ '{name} {version}': }} }}\n", **files}
    if checksums:
        contents["checksums.json"] = json.dumps({path: hashlib.md5(_bytes(text)).hexdigest() for path, text in contents.items()})
    described = {
        "name": name, "version": version, "author": author, "summary": f"{short} of the tests", "license": "Apache-2.0",
        "source": f"https://git.test/{name}", "dependencies": _ranges(dependencies), "requirements": _ranges(requirements),
        **metadata,
    }  # fmt: skip
    entries = [file(path, text) for path, text in contents.items()]
    entries += [file(path, text, 0o755) for path, text in executables.items()]
    return Module(described, [*entries, *map(folder, folders)])


def debian(name: str) -> Module:
    """A real module: the one that Debian's package puppet-module-AUTHOR-NAME has installed. name: without the author."""
    root = (_DEBIAN / name).resolve(strict=True)
    found = [path for path in root.rglob("*") if path.is_file() and path.name != "metadata.json"]
    entries = [file(path.relative_to(root).as_posix(), path.read_bytes(), path.stat().st_mode & 0o755) for path in found]
    return Module(json.loads((root / "metadata.json").read_text()), entries)


# Entries of archives


def file(name: str, content: str | bytes = b"", mode: int = 0o644) -> Entry:
    info = _header(name, tarfile.REGTYPE, mode)
    info.size = len(_bytes(content))
    return info, io.BytesIO(_bytes(content))


def folder(name: str, mode: int = 0o755) -> Entry:
    return _header(name, tarfile.DIRTYPE, mode), io.BytesIO()


def special(name: str, kind: bytes, target: str = "") -> Entry:
    """A link to the target, or something that is no file at all. kind: a type of tarfile's, for example tarfile.SYMTYPE."""
    info = _header(name, kind, 0o777)
    info.linkname = target
    return info, io.BytesIO()


def packed(entries: Iterable[Entry]) -> bytes:
    """The entries as they are in a .tar.gz that says nothing of when and by whom it was made."""
    made = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=made, mode="wb", mtime=0) as compressed:
        # What ustar cannot say goes into headers of pax.
        with tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for info, content in entries:
                content.seek(0)
                tar.addfile(info, content)
    return made.getvalue()


def _header(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime = kind, mode, _MTIME
    return info


def _below(top: str, entry: Entry) -> Entry:
    info = copy.copy(entry[0])
    info.name = f"{top}/{info.name}"
    return info, entry[1]


def _with_folders(entries: Sequence[Entry]) -> list[Entry]:
    """Sorted, and before each entry the folders that it lies in."""
    listed = {info.name for info, _ in entries}
    parents = {parent.as_posix() for name in listed for parent in Path(name).parents} - listed - {"."}
    return sorted([*entries, *map(folder, parents)], key=lambda entry: entry[0].name)


def _ranges(by_name: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "version_requirement": text} for name, text in by_name.items()]


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


# Hostile archives: each is a sound one of the module, with something else in it.


def symbolic_link(sound: Module) -> bytes:
    return sound.archive(special(f"{sound.slug}/files", tarfile.SYMTYPE, "/etc"))


def through_link(sound: Module) -> bytes:
    """A link out of the module, and a file whose path leads through it."""
    link = special(f"{sound.slug}/files", tarfile.SYMTYPE, "../..")
    return sound.archive(link, file(f"{sound.slug}/files/escaped", "x"))


def hard_link(sound: Module) -> bytes:
    return sound.archive(special(f"{sound.slug}/passwd", tarfile.LNKTYPE, "/etc/passwd"))


def device(sound: Module) -> bytes:
    """The machine's memory."""
    info, content = special(f"{sound.slug}/memory", tarfile.CHRTYPE)
    info.devmajor, info.devminor = 1, 1
    return sound.archive((info, content))


def fifo(sound: Module) -> bytes:
    return sound.archive(special(f"{sound.slug}/fifo", tarfile.FIFOTYPE))


def climbing_path(sound: Module) -> bytes:
    return sound.archive(file(f"{sound.slug}/../../escaped", "x"))


def absolute_path(sound: Module) -> bytes:
    return sound.archive(file("/tmp/escaped", "x"))


def two_tops(sound: Module) -> bytes:
    return sound.archive(folder("other"), file("other/metadata.json", json.dumps({**sound.metadata, "version": "9.9.9"})))


def other_top(sound: Module) -> bytes:
    """All lies below one folder, which is not named for the release."""
    return sound.archive(top="other-name-0.0.1")


def no_top(sound: Module) -> bytes:
    return packed([file("metadata.json", json.dumps(sound.metadata)), *sound.entries])


def no_metadata(sound: Module) -> bytes:
    return packed([folder(sound.slug), *(_below(sound.slug, entry) for entry in _with_folders(sound.entries))])


def metadata_of_another(sound: Module) -> bytes:
    return Module({**sound.metadata, "name": "somebody-else"}, sound.entries).archive(top=sound.slug)


def same_file_twice(sound: Module) -> bytes:
    """What is unpacked depends on who unpacks it."""
    return sound.archive(file(f"{sound.slug}/metadata.json", "{}"))


def file_and_folder(sound: Module) -> bytes:
    """A path that is a file, and then a folder with a file in it."""
    return sound.archive(file(f"{sound.slug}/both", "x"), file(f"{sound.slug}/both/inside", "x"))


def git_folder(sound: Module) -> bytes:
    return sound.archive(file(f"{sound.slug}/.git/config", "[core]\n\tfsmonitor = touch /tmp/escaped\n"))


def setuid(sound: Module) -> bytes:
    """Modes that nobody should take over, and an owner who is not root."""
    info, content = file(f"{sound.slug}/setuid", "#!/bin/sh\n", 0o6755)
    info.uid = info.gid = 1000
    return sound.archive((info, content), folder(f"{sound.slug}/open", 0o1777))


def pax_path(sound: Module) -> bytes:
    """The header of pax names another path than the entry itself."""
    return sound.archive(_with_pax(sound, path="../escaped"))


def pax_names(sound: Module) -> bytes:
    """Keys that no program knows, and a path with a line's end and a terminal's escape in it."""
    strange = {"BOOTWRIGHT.../../x": "\x1b[31m", "path": f"{sound.slug}/line\nend\x1b[2J"}
    return sound.archive(_with_pax(sound, **strange))


def pax_size(sound: Module) -> bytes:
    """The header of pax says another size than the entry itself."""
    return sound.archive(_with_pax(sound, size="8589934592"))


def zeros(sound: Module, size: int = 1024**3) -> bytes:
    """A thousandth of what it becomes."""
    info, _ = file(f"{sound.slug}/zeros")
    info.size = size
    return sound.archive((info, cast(IO[bytes], _Zeros())))


def many_files(sound: Module, count: int = 50_000) -> bytes:
    return sound.archive(*(file(f"{sound.slug}/many/{number}") for number in range(count)))


def cut_off(sound: Module) -> bytes:
    """A download that ended early."""
    archive = sound.archive()
    return archive[: len(archive) // 2]


def not_an_archive(sound: Module) -> bytes:
    """A sound .gz of what is no tar."""
    return gzip.compress(f"<html>{sound.slug}</html>".encode(), mtime=0)


HOSTILE: tuple[Callable[[Module], bytes], ...] = (
    symbolic_link, through_link, hard_link, device, fifo, climbing_path, absolute_path, two_tops, other_top, no_top, no_metadata,
    metadata_of_another, same_file_twice, file_and_folder, git_folder, setuid, pax_path, pax_names, pax_size, zeros, many_files,
    cut_off, not_an_archive,
)  # fmt: skip


def _with_pax(sound: Module, **headers: str) -> Entry:
    info, content = file(f"{sound.slug}/plain", "x")
    info.pax_headers = dict(headers)
    return info, content


class _Zeros:
    """Has as many zeros as one reads."""

    def read(self, size: int) -> bytes:
        return bytes(size)

    def seek(self, offset: int) -> None:
        pass
