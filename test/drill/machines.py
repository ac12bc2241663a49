"""The machines of the drill: a namespace with a root overlay, as the integration tests have them, and the base image in systemd-nspawn."""

from __future__ import annotations

import abc
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from cables import Cable
from image_machine import architecture_of, personality
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Service
from nspawn import Container
from real_machine import command
from runs import SEED
from world import World

_SSHD = """\
ListenAddress ADDRESS
HostKey /etc/ssh/drill_host_key
AuthorizedKeysFile /root/.ssh/authorized_keys
StrictModes no
UsePAM no
PidFile none
"""


class Launched(abc.ABC):
    """A machine that was made, and does not run yet: what is written is in its image. It is reached by ssh as root."""

    #: For the table.
    kind: str

    def __init__(self, scratch: Path, cable: Cable) -> None:
        scratch.mkdir()
        #: A folder outside of the machine.
        self.scratch, self.cable = scratch, cable
        self._sockets: list[MetadataServer] = []

    @abc.abstractmethod
    def write(self, path: str, text: str, mode: int = 0o644) -> None: ...

    @abc.abstractmethod
    def place(self, path: str) -> Path:
        """Where a file of the machine is to be found from outside."""

    @abc.abstractmethod
    def start(self) -> None: ...

    @abc.abstractmethod
    def describe(self) -> str:
        """For the report of a failure."""

    @abc.abstractmethod
    def destroy(self) -> None:
        """At once, as with the region that it is in."""

    def bake(self, files: Mapping[str, tuple[str, int]], key: str, seed: Path | None) -> None:
        for path, (text, mode) in files.items():
            self.write(path, text, mode)
        # The base image takes no key from a cloud.
        self.write("/root/.ssh/authorized_keys", key, 0o600)
        if seed is not None:
            made = self.scratch / "seed.git"
            command("git", "init", "-q", "--bare", made)
            command("git", "-C", made, "fetch", "-q", "--depth", "1", f"file://{seed}", "+main:refs/heads/main")
            shutil.copytree(made, self.place(SEED))

    @abc.abstractmethod
    def serve_socket(self, path: str, service: Service) -> None: ...

    def _serve(self, file: Path, service: Service) -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(file))
        listener.listen(16)
        self._sockets.append(MetadataServer(listener, service))

    def _close(self) -> None:
        for server in self._sockets:
            server.close()
        self._sockets = []


class Namespaced(Launched):
    kind = "namespace"

    def __init__(self, world: World, binary: Path, name: str, cable: Cable, hardware: Mapping[str, str]) -> None:
        super().__init__(world.new_folder("scratch"), cable)
        self._instance: Instance = world.instance(binary=binary, name=name, namespace=cable.namespace, sys_files=hardware)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        self._instance.write(path, text, mode)

    def place(self, path: str) -> Path:
        found = self._instance.path(path)
        found.parent.mkdir(parents=True, exist_ok=True)
        return found

    def serve_socket(self, path: str, service: Service) -> None:
        self._serve(self.place(path), service)

    def start(self) -> None:
        self.cable.plug_in()
        self._instance.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/drill_host_key"], check=True)
        self.write("/etc/ssh/drill_sshd_config", _SSHD.replace("ADDRESS", self.cable.address))
        self._instance.path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self._instance.start(["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/drill_sshd_config"])
        self._daemon = self._instance.start_bootwright("daemon")
        self.cable.namespace.wait_until_listening(self.cable.address, 22)

    def describe(self) -> str:
        return self._instance.bootwright("status").stdout + self._daemon.output[-4000:]

    def destroy(self) -> None:
        self._close()
        self._instance.power_off()
        self.cable.cut()


class Spawned(Launched):
    """The tree that packaging/image/build has made, under its own systemd."""

    def __init__(self, world: World, image: Path, name: str, cable: Cable, hardware: Mapping[str, str], platform: str) -> None:
        super().__init__(world.new_folder("scratch"), cable)
        self.kind = f"image of {architecture_of(image)}, nspawn"
        root = world.new_folder(name)
        root.mkdir()
        command("tar", "-C", root, "--same-permissions", "--numeric-owner", "-xf", image)
        for path, content in hardware.items():
            file = self.scratch / "sys" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        #: Of the guest's socket.
        self._device = self.scratch / "socket"
        self._device.mkdir()
        options = [f"--overlay-ro=/sys/class:{self.scratch}/sys/class:/sys/class", *personality(image)]
        if platform == "lxd":
            options.append(f"--bind={self._device}:/dev/lxd")
        self._container = Container(root, name, cable.namespace, options=options)
        # It stands for a virtual machine, but is a container, which believes no hardware: this one has a service of its own.
        if platform == "ec2":
            self.write("/etc/bootwright/agent.d/platform.json", '{"platform": "ec2"}')

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        self._container.write(path, text)
        self._container.path(path).chmod(mode)

    def place(self, path: str) -> Path:
        found = self._container.path(path)
        found.parent.mkdir(parents=True, exist_ok=True)
        return found

    def serve_socket(self, path: str, service: Service) -> None:
        self._serve(self._device / Path(path).name, service)

    def start(self) -> None:
        self.cable.serve_leases(str(self.scratch / "leases"))
        self._container.boot()

    def describe(self) -> str:
        return self._container.describe()

    def destroy(self) -> None:
        self._close()
        self._container.destroy()
