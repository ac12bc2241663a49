"""The shapes of repositories themselves, as the real git sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import shapes
from client import Client, client
from puppetfiles import PUPPETFILES, with_puppetfile
from shapes import ShapedRepo, checkout_by_git, files_of
from world import World


@pytest.mark.parametrize("name", shapes.PLAIN_SHAPES)
def test_git_checks_out_each_shape(world: World, client: Client, shape: Callable[..., ShapedRepo], name: str) -> None:
    repo = shape(shapes.PLAIN_SHAPES[name])
    expected = checkout_by_git(repo, repo.head, world.new_folder("expected"))
    done = client.fetch(repo.url(), repo.head)
    assert done.returncode == 0, done.stderr
    files = files_of(client.instance.path("/tmp/fetched"))
    assert files == files_of(expected) and len(files) > 10
    assert "error" not in client.git("-C", "/tmp/fetched", "fsck", "--full").stderr


def test_shapes_are_what_they_say(world: World, shape: Callable[..., Any]) -> None:
    def checked_out(repo: ShapedRepo) -> dict[bytes, str]:
        return files_of(checkout_by_git(repo, repo.head, world.new_folder("expected")))

    linked = checked_out(shape(shapes.links))
    assert linked[b"to-folder"] == "link b'folder'" and linked[b"dangling"] == "link b'nothing/here'"
    assert checked_out(shape(shapes.links_outside))[b"absolute"] == "link b'/etc/passwd'"
    executable = checked_out(shape(shapes.executables))
    assert executable[b"bin/run"].startswith("program ") and executable[b"bin/data"].startswith("file ")
    folder = checkout_by_git(shape(shapes.line_endings), "HEAD", world.new_folder("expected"))
    assert (folder / "file.crlf").read_bytes() == (folder / "file.auto").read_bytes() == b"one\r\ntwo\r\n"
    assert (folder / "nested/file.crlf").read_bytes() == b"one\ntwo\n"
    assert b"$Id: " in (folder / "file.id").read_bytes()
    assert "odd/together/new\nline".encode() in checked_out(shape(shapes.odd_names))
    assert len(checked_out(shape(shapes.wide))) > 11_000
    assert b"environments/staging/manifests/site.pp" in checked_out(shape(shapes.environments))
    assert shape(shapes.deep, 500).git("rev-list", "--count", "main").strip() == b"501"
    assert b"git-lfs" in shape(shapes.large_files).git("cat-file", "-p", "main:files/image.iso")


def test_submodules_are_pinned_by_their_parents(world: World, shape: Callable[..., Any]) -> None:
    repos = shape(shapes.with_submodules)
    files = files_of(checkout_by_git(repos.parent, repos.parent.head, world.new_folder("expected"), submodules=True))
    assert b"modules/child/lib/grandchild/grandchild.txt" in files and b"modules/child/manifests/init.pp" in files
    assert not any(path.endswith(b"newer") for path in files)


def test_a_puppetfile_names_its_module(shape: Callable[..., Any]) -> None:
    for kind in PUPPETFILES:
        repo, module = shape(with_puppetfile, kind)
        text = repo.git("cat-file", "-p", "main:Puppetfile").decode()
        pinned = module.git("rev-parse", "main^").decode().strip()
        assert "MODULE_" not in text and (kind != "pinned" or (pinned in text and module.url() in text))


def test_a_mode_that_git_does_not_write(shape: Callable[..., Any]) -> None:
    assert b"100666 writable.txt" in shape(shapes.forged, "odd-mode").git("cat-file", "tree", "main^{tree}")


@pytest.mark.parametrize("kind", [*shapes.FORGED, "twice", "gitmodules-link", "unsorted"])
def test_git_objects_to_forged_trees(shape: Callable[..., Any], kind: str) -> None:
    repo = shape(shapes.forged, kind)
    with pytest.raises(RuntimeError, match="(?i)error|warning") as caught:
        repo.git("fsck", "--strict")
    assert repo.head in repo.git("rev-list", "main").decode()
    assert "tree" in str(caught.value) or "gitmodules" in str(caught.value)
