"""A real Incus, of Debian's packages, for one container: a host in namespaces of its own, on the machine's cable. Nothing is installed, and
nothing stays.

What is not real: the host has no lxcfs and no controllers of control groups, so that the container sees this machine's memory and has no limits."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from cables import Cable
from debian_programs import unpack
from image_machine import architecture_of
from machines import Launched
from metadata_services import Service
from nspawn import control_groups
from problem import Problem
from real_machine import CLEAN_ENVIRONMENT, command, hold, pid_when_ready
from world import World

#: What `incus admin init` asks for. The bridge has the cable in it.
_PRESEED = {
    "storage_pools": [{"name": "default", "driver": "dir"}],
    "profiles": [
        {
            "name": "default",
            "devices": {
                "root": {"type": "disk", "path": "/", "pool": "default"},
                "eth0": {"type": "nic", "name": "eth0", "nictype": "bridged", "parent": "incusbr0"},
            },
        }
    ],
}
#: As Debian's package gives them to root.
_IDS = "root:1000000:1000000000\n"

_ARCHITECTURES = {"amd64": "x86_64", "i386": "i686", "arm64": "aarch64"}
_SEED = "/var/lib/cloud/seed/nocloud-net"
#: The files that Incus makes in a new guest, as those images have them that are made for cloud-init. What a guest is told by its socket, the seed
#: says too, with the guest's name as its id. Source: the generators hostname and cloud-init of distrobuilder.
_TEMPLATES = {
    "/etc/hostname": "{{ container.name }}\n",
    f"{_SEED}/meta-data": 'instance-id: {{ container.name }}\nlocal-hostname: {{ container.name }}\n{{ config_get("user.meta-data", "") }}\n',
    f"{_SEED}/user-data": '{{ config_get("cloud-init.user-data", properties.default) }}\n',
    f"{_SEED}/vendor-data": '{{ config_get("cloud-init.vendor-data", properties.default) }}\n',
}


def unpacked(folder: Path) -> Path:
    """What stands for /. The folder is filled if it is not there: a dozen packages, 87 MB."""
    root = folder / "root"
    if not root.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unpack(folder, ("incus-base",))
    return root


class _Groups:
    """Control groups that are gone when they are closed, or when this process has ended, however it ended."""

    _REMOVE = """\
read -r nothing
for tries in $(seq 200); do
    left=
    for group; do
        [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
        [ ! -d "$group" ] || left=$group
    done
    [ -n "$left" ] || exit 0
    sleep 0.1
done
exit 1"""

    def __init__(self, groups: Sequence[Path]) -> None:
        for group in groups:
            group.mkdir()
        self._remover = subprocess.Popen(["sh", "-c", self._REMOVE, "sh", *groups], stdin=subprocess.PIPE, start_new_session=True, env=CLEAN_ENVIRONMENT)

    def close(self) -> None:
        assert self._remover.stdin is not None
        self._remover.stdin.close()
        if self._remover.wait() != 0:
            raise Problem("processes of Incus are left in its control groups")


class Incus:
    """The host, and its client: called on the host itself, by root."""

    def __init__(self, folder: Path, root: Path, cable: Cable) -> None:
        self._folder = folder
        (folder / "etc").mkdir(parents=True)
        for name in ("subuid", "subgid"):
            (folder / "etc" / name).write_text(_IDS)
        groups = [hierarchy / f"{folder.parent.name}-{folder.name}" for hierarchy in control_groups()]
        self._groups = _Groups(groups)
        enter = 'for group; do [ "$group" = -- ] && break; echo $$ >"$group/cgroup.procs"; shift; done; shift; exec "$@"'
        self._holder = hold(
            "sh", "-c", enter, "sh", *groups, "--",
            "nsenter", f"--net={cable.namespace.path}",
            "unshare", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child=KILL",
            "/bin/sh", Path(__file__).with_name("incus.sh"), folder, root,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        try:
            self._pid = pid_when_ready(self._holder, "the host of Incus")
        except RuntimeError as error:
            self.close()
            raise Problem(str(error)) from None
        try:
            self.run("incus admin waitready --timeout 60")
            self.run("incus admin init --preseed", input=json.dumps(_PRESEED))
        except Problem as problem:
            log = self.log()
            self.close()
            raise Problem(f"{problem}\n{log}") from None

    def run(self, line: str, *, folder: Path | None = None, input: str = "", deadline: float = 120) -> str:
        """A line for the host's shell. folder: in which it is typed. Returns its standard output."""
        try:
            done = subprocess.run(
                ["nsenter", f"--target={self._pid}", "--mount", "--uts", "--ipc", "--net", "--pid", f"--wdns={folder or self._folder}", "sh", "-c", line],
                input=input, capture_output=True, text=True, errors="replace", timeout=deadline,
                env={**CLEAN_ENVIRONMENT, "HOME": str(self._folder), "INCUS_DIR": f"{self._folder}/incus"},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Problem(f"after {deadline:g} s this had not ended: {line}\n{self.log()}") from None
        if done.returncode != 0:
            raise Problem(f"this ended with {done.returncode}: {line}\n{done.stdout}{done.stderr}")
        return done.stdout

    def log(self) -> str:
        return "\n".join(file.read_text(errors="replace")[-4000:] for file in (self._folder / "output", self._folder / "log") if file.exists())

    def close(self) -> None:
        """At once, with all guests."""
        self._holder.kill()
        self._holder.wait()
        assert self._holder.stdout is not None
        self._holder.stdout.close()
        self._groups.close()


class Guest(Launched):
    """The tree that packaging/image/build has made, as a container of a real Incus."""

    def __init__(self, world: World, image: Path, root: Path, cable: Cable) -> None:
        """root: what Incus's packages were unpacked into."""
        super().__init__(world.new_folder("scratch"), cable)
        self.kind = f"image of {architecture_of(image)}, Incus"
        self._image, self._root, self._folder = image, root, world.new_folder("incus")
        self._baked = self.scratch / "baked"
        self._host: Incus | None = None
        self._line, self._typed_in = "", Path()

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        self.place(path).write_text(text)
        self.place(path).chmod(mode)

    def place(self, path: str) -> Path:
        found = Path(f"{self._baked}{path}")
        found.parent.mkdir(parents=True, exist_ok=True)
        return found

    def serve_socket(self, path: str, service: Service) -> None:
        raise Problem("Incus makes the socket of its guests itself")

    def given(self, line: str, folder: Path) -> None:
        """A host of Incus that has the image, by the name that this line has for it. The line will be typed in the folder."""
        self._line, self._typed_in = line, folder
        self._host = Incus(self._folder, self._root, self.cable)
        self._import(shlex.split(line)[2])

    def _import(self, name: str) -> None:
        assert self._host is not None
        templates = self.scratch / "templates"
        templates.mkdir()
        known = {}
        for number, (path, text) in enumerate(_TEMPLATES.items()):
            (templates / f"{number}.tpl").write_text(text)
            known[path] = {"when": ["create", "copy"], "template": f"{number}.tpl", "properties": {"default": "#cloud-config\n{}"}}
        about = {
            "architecture": _ARCHITECTURES[architecture_of(self._image)], "creation_date": int(self._image.stat().st_mtime),
            "properties": {"description": self._image.stem}, "templates": known,
        }  # fmt: skip
        (self.scratch / "metadata.yaml").write_text(json.dumps(about))  # which is YAML, too
        metadata, rootfs = self.scratch / "metadata.tar", self.scratch / "rootfs.tar"
        command("tar", "-C", self.scratch, "-cf", metadata, "metadata.yaml", "templates")
        shutil.copyfile(self._image, rootfs)
        baked = sorted(str(file.relative_to(self._baked)) for file in self._baked.rglob("*") if not file.is_dir())
        command("tar", "-C", self._baked, "--append", "--owner=0", "--group=0", "--numeric-owner", "-f", rootfs, *baked)
        self._host.run(f"incus image import {metadata} {rootfs} --alias {name}")
        rootfs.unlink()

    def start(self) -> None:
        assert self._host is not None
        self.cable.serve_leases(str(self.scratch / "leases"))
        self._host.run(self._line, folder=self._typed_in)

    def describe(self) -> str:
        if self._host is None:
            return ""
        look = "for name in $(incus list -c n -f csv); do incus info $name --show-log | tail -n 50; incus exec $name -- journalctl -b -n300 --no-pager; done"
        try:
            return self._host.run(look) + self._host.log()
        except Problem as problem:
            return f"{problem}\n{self._host.log()}"

    def destroy(self) -> None:
        if self._host is not None:
            self._host.close()
            self._host = None
        shutil.rmtree(self._folder, ignore_errors=True)
