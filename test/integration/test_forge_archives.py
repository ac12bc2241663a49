"""Release archives of the Puppet Forge: the sound ones are sound, and each hostile one is hostile in its own way."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forge_archives as archives
import pytest
from forge_archives import module
from real_machine import command

WEB = module("acme-web", executables={"files/run.sh": "#!/bin/sh\n"}, folders=["files/empty"])


def members(archive: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.getmembers()


def test_an_archive_is_the_same_each_time(tmp_path: Path) -> None:
    def make() -> bytes:
        return module("acme-any", "1.2.3", files={"x" * 90 + "/" + "y" * 90: "", "b": "", "a": ""}).archive()

    archive = make()
    assert archive == make()
    (tmp_path / "archive").write_bytes(archive)
    listed = command("tar", "-tvz", "--numeric-owner", "-f", tmp_path / "archive").splitlines()
    assert len(listed) == 8 and all(" 0/0 " in line and " acme-any-1.2.3/" in line for line in listed), listed
    names = [info.name for info in members(archive)]
    assert names == sorted(names) and len({info.mtime for info in members(archive)}) == 1
    assert archive[4:8] == bytes(4), "the time of the .gz"


def content(archive: bytes, path: str) -> Any:
    """Of a file with JSON."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = tar.extractfile(path)
        assert found is not None
        return json.load(found)


def test_what_a_module_says_of_itself() -> None:
    described = module("acme-any", requirements={"openvox": ">= 8.0.0"}, dependencies={"acme/base": ">= 1.0.0"}, checksums=True)
    metadata = content(described.archive(), "acme-any-1.0.0/metadata.json")
    assert metadata["requirements"] == [{"name": "openvox", "version_requirement": ">= 8.0.0"}]
    assert metadata["dependencies"] == [{"name": "acme/base", "version_requirement": ">= 1.0.0"}]
    assert set(content(described.archive(), "acme-any-1.0.0/checksums.json")) == {"manifests/init.pp"}


def readable(archive: bytes) -> list[tarfile.TarInfo]:
    """The members up to where it breaks."""
    found = []
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar, contextlib.suppress(tarfile.ReadError):
        for info in tar:
            found.append(info)
    return found


#: What makes each of them hostile.
SHOWS: dict[Callable[..., bytes], Callable[[list[tarfile.TarInfo]], bool]] = {
    archives.symbolic_link: lambda found: found[-1].issym() and found[-1].linkname == "/etc",
    archives.through_link: lambda found: found[-2].issym() and found[-1].name.startswith(found[-2].name + "/"),
    archives.hard_link: lambda found: found[-1].islnk() and found[-1].linkname == "/etc/passwd",
    archives.device: lambda found: found[-1].ischr() and (found[-1].devmajor, found[-1].devminor) == (1, 1),
    archives.fifo: lambda found: found[-1].isfifo(),
    archives.climbing_path: lambda found: found[-1].name == "acme-web-1.0.0/../../escaped",
    archives.absolute_path: lambda found: found[-1].name == "/tmp/escaped",
    archives.two_tops: lambda found: {info.name.partition("/")[0] for info in found} == {"acme-web-1.0.0", "other"},
    archives.other_top: lambda found: {info.name.partition("/")[0] for info in found} == {"other-name-0.0.1"},
    archives.no_top: lambda found: found[0].name == "metadata.json",
    archives.no_metadata: lambda found: len(found) > 3 and all("metadata.json" not in info.name for info in found),
    archives.same_file_twice: lambda found: [info.name for info in found].count("acme-web-1.0.0/metadata.json") == 2,
    archives.file_and_folder: lambda found: found[-2].isfile() and found[-1].name == found[-2].name + "/inside",
    archives.git_folder: lambda found: found[-1].name == "acme-web-1.0.0/.git/config",
    archives.setuid: lambda found: (found[-2].mode, found[-2].uid, found[-1].mode) == (0o6755, 1000, 0o1777),
    archives.pax_path: lambda found: found[-1].name == "../escaped",
    archives.pax_names: lambda found: "\n" in found[-1].name and "\x1b" in found[-1].pax_headers["BOOTWRIGHT.../../x"],
    archives.pax_size: lambda found: found[-1].size == 8 * 1024**3,
    archives.zeros: lambda found: found[-1].size == 1024**3,
    archives.many_files: lambda found: len(found) > 50_000,
}


@pytest.mark.parametrize("make", SHOWS, ids=lambda make: make.__name__)
def test_hostile_archives_are_what_they_say(make: Callable[..., bytes]) -> None:
    archive = make(WEB)
    assert len(archive) < 2 * 1024 * 1024
    assert SHOWS[make](readable(archive))
    assert not SHOWS[make](members(WEB.archive()))


def test_metadata_of_another_module() -> None:
    path = "acme-web-1.0.0/metadata.json"
    assert content(archives.metadata_of_another(WEB), path)["name"] == "somebody-else"
    assert content(WEB.archive(), path)["name"] == "acme-web"


def test_archives_that_are_none() -> None:
    broken = {archives.cut_off, archives.not_an_archive}
    assert broken == set(archives.HOSTILE) - set(SHOWS) - {archives.metadata_of_another}
    for make in broken:
        with pytest.raises((EOFError, tarfile.TarError)):
            members(make(WEB))
