"""Formats whose bytes are written or mended here, without a build; test/image/run builds for real."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

import disk
import grub
import pytest
import sbom
import sources
import tree as trees
from architectures import architecture
from dpkg import Package
from formats import format_of, vhd, vmdk
from problem import PROGRAMS, Problem, need
from tar_difference import different_members

AMD64 = architecture("amd64")
EPOCH = 1796000000


def made(name: str, folder: Path, which: str) -> Path:
    source, target = folder / "source", folder / which / "image"
    target.parent.mkdir()
    source.write_bytes(b"\1" * 65536 + bytes(4 << 20))
    format_of(name).make(source, target, AMD64, EPOCH)
    return target


@pytest.mark.parametrize("name", ["tar", "raw", "qcow2", "vhd", "vmdk", "oci"])
def test_the_same_input_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    assert made(name, tmp_path, "first").read_bytes() == made(name, tmp_path, "second").read_bytes()


@pytest.mark.parametrize(("name", "theirs"), [("vhd", "vpc"), ("vmdk", "vmdk"), ("qcow2", "qcow2")])
def test_what_was_mended_is_still_the_disk(tmp_path: Path, name: str, theirs: str) -> None:
    image = made(name, tmp_path, "first")
    back = tmp_path / "back"
    subprocess.run(["qemu-img", "convert", "-f", theirs, "-O", "raw", image, back], check=True)
    assert back.read_bytes() == (tmp_path / "source").read_bytes()


def test_a_vhd_says_the_time_of_the_release_and_its_sum_is_right(tmp_path: Path) -> None:
    footer = made("vhd", tmp_path, "first").read_bytes()[-512:]
    assert struct.unpack_from(">I", footer, 24)[0] == EPOCH - 946684800
    assert struct.unpack_from(">I", footer, 64)[0] == ~(sum(footer) - sum(footer[64:68])) & 0xFFFFFFFF
    with pytest.raises(Problem):
        vhd.stamped(bytes(512), EPOCH, bytes(16))
    with pytest.raises(Problem):
        vmdk.stamped(b"no description", 1)


def test_the_number_of_a_vmdk_may_be_short() -> None:
    """qemu-img leaves out leading zeros: in one of sixteen."""
    for number in (b"1", b"12345ab", b"12345abc"):
        text = b"# Disk DescriptorFile\nCID=" + number + b"\nparentCID=ffffffff\n"
        assert vmdk.stamped((text + b"\0\n").ljust(100, b"\0"), 0xABC).rstrip(b"\0") == b"# Disk DescriptorFile\nCID=00000abc\nparentCID=ffffffff\n"
    with pytest.raises(Problem, match="without room"):
        vmdk.stamped(b"CID=1\nno zeros", 1)


def test_an_oci_layout_names_what_it_holds(tmp_path: Path) -> None:
    with tarfile.open(made("oci", tmp_path, "first")) as layout:
        blobs = {name.split("/")[-1]: layout.extractfile(name).read() for name in layout.getnames() if name.startswith("blobs/")}  # type: ignore[union-attr]
        index = json.load(layout.extractfile("index.json"))  # type: ignore[arg-type]
    assert all(hashlib.sha256(blob).hexdigest() == name for name, blob in blobs.items())
    assert len(blobs) == 3
    manifest = json.loads(blobs[index["manifests"][0]["digest"].split(":")[1]])
    config = json.loads(blobs[manifest["config"]["digest"].split(":")[1]])
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256((tmp_path / 'source').read_bytes()).hexdigest()}"]


def test_where_grub_lies_is_told_to_it() -> None:
    boot, core = disk.bios_boot(bytes(512), b"\7" * 1000, 2048)
    assert struct.unpack_from("<Q", boot, 0x5C)[0] == 2048
    assert struct.unpack_from("<QHH", core, 500) == (2049, 1, 0x820)
    assert len(core) == 1024


def test_identities_are_those_of_the_release() -> None:
    assert disk.uuids("base", "2026.4", "amd64") == disk.uuids("base", "2026.4", "amd64")
    assert set(disk.uuids("base", "2026.4", "amd64").values()).isdisjoint(disk.uuids("base", "2026.4", "i386").values())


def test_the_image_has_no_kernel_option_of_a_cloud_and_a_serial_console() -> None:
    ids = disk.uuids("base", "1", "amd64")
    first = disk.grub_config(ids, AMD64).splitlines()
    assert first[0] == f"search --no-floppy --fs-uuid --set=root {ids['root']}"
    assert f"linux /vmlinuz root=UUID={ids['root']} ro console=tty0 console=ttyS0,115200" in first
    of_arm = disk.grub_config(ids, architecture("arm64")).splitlines()
    assert not any(line.startswith("serial") for line in of_arm)
    assert f"linux /vmlinuz root=UUID={ids['root']} ro console=tty0 console=ttyS0,115200 console=ttyAMA0" in of_arm


def test_inodes_in_use_are_those_that_are_not_free() -> None:
    assert disk._used_inodes("  Free inodes: 3-4, 6\n  Free inodes: \n  Free inodes: 13-18\n", 6) == [1, 2, 5, 7, 8, 9, 10, 11, 12]


def test_packages_of_a_manifest_are_pinned_and_others_are_named() -> None:
    pinned = [{"name": "bash", "version": "5.2"}, {"name": "curl", "version": "7"}]
    assert "Package: bash\nPin: version 5.2\nPin-Priority: 1001\n" in trees.preferences(pinned)
    found = [Package("bash", "5.2", "amd64", "bash", "5.2"), Package("zsh", "1", "amd64", "zsh", "1")]
    assert trees.unlike(pinned, found) == ["curl: 7 in the manifest, none here", "zsh: none in the manifest, 1 here"]


def test_what_is_not_installed_is_said_before_anything_is_built() -> None:
    need("sh", "tar")
    with pytest.raises(Problem, match="not installed: no-mmdebstrap, no-sfdisk; packaging/install-dependencies image"):
        need("no-mmdebstrap", "sh", "no-sfdisk")


_INTERRUPTED = """\
import atexit, subprocess, sys, tempfile
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import tree
with tempfile.TemporaryDirectory(dir=sys.argv[2]) as name, tree.in_memory(Path(name) / "memory") as memory:
    (memory / "dev").mkdir()
    subprocess.run(["mount", "--bind", sys.argv[3], memory / "dev"], check=True)
    user = subprocess.Popen(["sleep", "60"], cwd=memory / "dev")
    atexit.register(user.kill)
    raise KeyboardInterrupt
"""


def test_an_interrupted_build_removes_nothing_of_this_machine(tmp_path: Path) -> None:
    out, precious = tmp_path / "out", tmp_path / "precious"
    out.mkdir()
    precious.mkdir()
    (precious / "null").touch()
    done = subprocess.run(
        ["unshare", "--mount", "--propagation=private", sys.executable, "-c", _INTERRUPTED, Path(trees.__file__).parent, out, precious],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "KeyboardInterrupt" in done.stderr.splitlines()[-1]
    assert (precious / "null").exists()
    assert list(out.iterdir()) == []


def test_the_list_of_programs_has_all_that_are_called() -> None:
    folder = Path(sbom.__file__).parent
    called = {name for file in [*folder.glob("*.py"), *folder.glob("formats/*.py"), folder / "build"] for name in re.findall(r'\brun\(\s*"([a-z][a-z0-9.-]+)"', file.read_text())}
    assert "sfdisk" in called
    assert called - {"apt-get", "dpkg-deb", "dpkg-query", "mount", "rm", "umount"} == set(PROGRAMS)


def test_each_suite_has_its_sources() -> None:
    names = [line.split()[3] for line in sources.lines("bookworm", "http://m/debian", "http://m/security")]
    assert names == ["bookworm", "bookworm-updates", "bookworm-backports", "bookworm-security"]
    assert [line.split()[3] for line in sources.lines("forky", "http://m/debian", "http://m/security")] == ["forky"]
    assert not any("security" in line for line in sources.lines("trixie", "http://m/debian", None))
    assert [suite for suite in ("bookworm", "trixie", "forky") if "Check-Valid-Until" in str(sources.options_of_apt(suite))] == ["forky"], "who takes old lists of packages"


def test_a_bill_of_materials_names_each_package_once() -> None:
    packages = [Package("libstdc++6", "12.2.0-14", "amd64", "gcc-12", "12.2.0-14"), Package("bash", "1:5.2", "amd64", "bash", "1:5.2")]
    bill = sbom.document("base", "2026.4", "bookworm", EPOCH, packages)
    assert bill == sbom.document("base", "2026.4", "bookworm", EPOCH, packages)
    identifiers = [entry["SPDXID"] for entry in bill["packages"]]
    assert len(set(identifiers)) == 3
    locators = [entry["externalRefs"][0]["referenceLocator"] for entry in bill["packages"][1:]]
    assert locators == ["pkg:deb/debian/libstdc%2B%2B6@12.2.0-14?arch=amd64&distro=bookworm", "pkg:deb/debian/bash@1%3A5.2?arch=amd64&distro=bookworm"]
    assert {relation["relatedSpdxElement"] for relation in bill["relationships"]} == set(identifiers)


def test_where_two_trees_differ_is_named(tmp_path: Path) -> None:
    tars = []
    for number, (text, mode) in enumerate((("a", 0o644), ("b", 0o600))):
        tree, tar = tmp_path / f"tree{number}", tmp_path / f"{number}.tar"
        tree.mkdir()
        (tree / "same").write_text("x")
        (tree / "content").write_text(text)
        (tree / "mode").write_text("x")
        (tree / "mode").chmod(mode)
        (tree / f"only{number}").symlink_to("same")
        trees.clamp(tree, EPOCH)
        trees.pack(tree, tar, 1000)
        tars.append(tar)
    assert different_members(*tars) == ["./content", "./mode", "./only0", "./only1"]
    assert different_members(tars[0], tars[0]) == []


def test_modules_of_grub_that_this_machine_cannot_install_are_unpacked_in_the_version_of_its_own_grub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def fake(*argv: str, **_: object) -> str:
        asked.append(argv)
        return "2.06-13" if argv[0] == "dpkg-query" else ""

    monkeypatch.setattr(grub, "_INSTALLED", tmp_path)
    monkeypatch.setattr(grub, "run", fake)
    monkeypatch.setattr(trees, "run", fake)
    monkeypatch.setattr(sources, "of_this_machine", lambda suite, security: [])
    (tmp_path / "x86_64-efi").mkdir()
    with grub.modules("x86_64-efi", AMD64, EPOCH) as modules:
        assert (modules, asked) == (tmp_path / "x86_64-efi", [])
    with grub.modules("arm64-efi", architecture("arm64"), EPOCH) as modules:
        assert modules.parts[-3:] == (*tmp_path.parts[-2:], "arm64-efi")
        assert {"--architectures=arm64", "--include=grub-efi-arm64-bin=2.06-13"} <= set(asked[-1])
