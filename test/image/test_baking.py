"""docs/images.md, "Baking into your own image": its commands, as they stand there, with the real mkosi, diskimage-builder and Packer.
By name only: each loads a Debian, and a program that is fetched and unpacked; two to six minutes each. As root."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from debian_programs import environment_of, unpack

ROOT = Path(__file__).resolve().parents[2]
for folder in ("test/fakes", "test/integration"):
    sys.path.append(str(ROOT / folder))

from instance import Instance  # noqa: E402
from network import INSTANCE_ADDRESS  # noqa: E402
from sources import of_this_machine  # noqa: E402
from world import World  # noqa: E402

pytestmark = pytest.mark.skipif(
    "BOOTWRIGHT_BAKING" not in os.environ, reason="by name only: BOOTWRIGHT_BAKING=1 python3 -m pytest test/image/test_baking.py"
)

PAGE = (ROOT / "docs/images.md").read_text()
AGENT = '{"platform": "ec2"}\n'
_ENABLED = "etc/systemd/system/multi-user.target.wants/bootwright.service"


def commands_of(tool: str) -> str:
    """The lines below "**TOOL**", as a script. Debian's mirror is this machine's."""
    text = PAGE.split(f"**{tool}**")[1].split("\n\n")[1]
    lines = [line.strip() for line in text.splitlines()]
    assert 1 < len(lines) < 7, lines
    mirror = re.search(r"https?://\S+", of_this_machine("bookworm", security=False)[0])
    assert mirror
    return "\n".join(["set -e", *lines]).replace("http://deb.debian.org/debian", mirror[0])


def package() -> Path:
    made = sorted((ROOT / "build/release").glob("bootwright_*_amd64.deb"), key=os.path.getmtime)
    assert made, "there is no package: cmake --build --preset release --target package"
    return made[-1]


def bake(folder: Path, unpacked: Path, script: str, **environment: str) -> None:
    (folder / package().name).write_bytes(package().read_bytes())
    (folder / "agent.json").write_text(AGENT)
    programs = environment_of(unpacked, folder)
    path = f"{unpacked}/usr/sbin:{programs['PATH']}:/usr/sbin:/sbin"
    known = {**programs, "PATH": path, "DEBOOTSTRAP_DIR": f"{unpacked}/usr/share/debootstrap", **environment}
    with (folder / "log").open("w") as log:
        done = subprocess.run(["bash", "-c", script], cwd=folder, env=known, stdout=log, stderr=log, stdin=subprocess.DEVNULL, timeout=1200)
    assert done.returncode == 0, (folder / "log").read_text()[-6000:]


def as_root_already(folder: Path) -> str:
    """A PATH with a sudo for those who are root, since the machine may have none."""
    folder.mkdir()
    (folder / "sudo").write_text('#!/bin/sh\nwhile :; do case $1 in -*) shift ;; *=*) export "${1?}"; shift ;; *) break ;; esac; done\nexec "$@"\n')
    (folder / "sudo").chmod(0o755)
    return str(folder)


def is_baked(tree: Path) -> None:
    """The agent is installed, configured and enabled, and has not run."""
    status = (tree / "var/lib/dpkg/status").read_text()
    assert re.search(r"^Package: bootwright\nStatus: install ok installed$", status, re.MULTILINE)
    assert re.search(r"^Package: libgit2-1\.\d+\nStatus: install ok installed$", status, re.MULTILINE)
    assert (tree / _ENABLED).is_symlink(), "it is not enabled"
    assert (tree / "etc/bootwright/agent.json").read_text() == AGENT
    assert list((tree / "var/lib/bootwright").glob("runs/*")) == []
    subprocess.run(["chroot", tree, "/usr/bin/bootwright", "validate", "/etc/bootwright/agent.json"], check=True, timeout=60)


def forget(folder: Path) -> None:
    """Removes a whole Debian. Else the pytest that is called third from now would, at its end, in the time that it has."""
    assert str(folder.resolve()) not in Path("/proc/self/mounts").read_text(), "a builder has left something mounted"
    shutil.rmtree(folder)


def test_mkosi(tmp_path: Path) -> None:
    unpacked = unpack(tmp_path, ("mkosi", "debootstrap"))
    script = commands_of("mkosi")
    assert "\nmkosi " in script
    # No systemd of this machine is asked for anything.
    bake(tmp_path, unpacked, script.replace("\nmkosi ", "\nmkosi --nspawn-keep-unit "))
    is_baked(tmp_path / "image")
    assert not (tmp_path / "image/etc/apt/sources.list.d/bootwright.list").exists()
    forget(tmp_path)


def test_diskimage_builder(tmp_path: Path) -> None:
    unpacked = unpack(tmp_path, ("python3-diskimage-builder", "debootstrap"))
    script = commands_of("diskimage-builder")
    mirror = re.search(r"%s:deb (\S+) bookworm", script)
    assert mirror
    path = f"{as_root_already(tmp_path / 'bin')}:{unpacked}/usr/sbin:{unpacked}/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    bake(tmp_path, unpacked, script, PATH=path, DIB_DISTRIBUTION_MIRROR=mirror[1], DIB_NO_TMPFS="1")
    (tmp_path / "tree").mkdir()
    subprocess.run(["tar", "-C", tmp_path / "tree", "-xf", tmp_path / "base.tar"], check=True, timeout=300)
    is_baked(tmp_path / "tree")
    forget(tmp_path)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def test_packer(tmp_path: Path, world: World) -> None:
    """The page's provisioners over ssh, on a machine that has what the package needs: it is made like this one."""
    unpacked = unpack(tmp_path, ("packer",))
    builder: Instance = world.instance(name="builder")
    for argv in (["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/key"], ["mkdir", "-p", "/run/sshd", "/root/.ssh", "/opt/sudo"]):
        builder.run(argv, check=True)
    as_root_already(builder.path("/opt/sudo") / "bin")
    builder.run(["install", "-m", "755", "/opt/sudo/bin/sudo", "/usr/local/bin/sudo"], check=True)
    builder.write("/root/.ssh/authorized_keys", builder.read("/etc/ssh/key.pub"), 0o600)
    builder.write("/etc/ssh/packer", "HostKey /etc/ssh/key\nUsePAM no\nStrictModes no\nPidFile none\nSubsystem sftp internal-sftp\n")
    builder.start(["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/packer"])
    world.network.instance.wait_until_listening(INSTANCE_ADDRESS, 22)
    (tmp_path / "key").write_text(builder.read("/etc/ssh/key"))
    (tmp_path / "bootwright.deb").write_bytes(package().read_bytes())
    build = PAGE.split("```hcl\n")[1].split("```")[0].replace("source.amazon-ebs.base", "source.null.base")
    source = f'source "null" "base" {{\n  ssh_host = "{INSTANCE_ADDRESS}"\n  ssh_username = "root"\n  ssh_private_key_file = "key"\n}}\n'
    (tmp_path / "image.pkr.hcl").write_text(source + build)
    done = subprocess.run(
        ["nsenter", f"--net={world.network.servers.path}", unpacked / "usr/bin/packer", "build", "-color=false", "image.pkr.hcl"],
        cwd=tmp_path, env={**environment_of(unpacked, tmp_path), "CHECKPOINT_DISABLE": "1"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    said = builder.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", "bootwright"], check=True).stdout
    assert said == "installed"
    assert builder.read("/etc/machine-id") == ""
    assert not builder.path("/etc/systemd/system/bootwright.service", follow=False).is_symlink(), "it is masked still"
    assert builder.path(f"/{_ENABLED}", follow=False).is_symlink()
    builder.destroy()
