"""Throwaway machines and the network between them.

Nothing made here has a name on the real machine: namespaces are held by processes, mounts live in a mount namespace of this
process, and each process dies with its parent. So nothing stays behind whatever way the tests end, but for one empty folder
in /tmp when they are killed.
"""

from __future__ import annotations

import atexit
import itertools
import os
import tempfile
from pathlib import Path
from typing import Any

from instance import EC2_SYS, Instance
from kernel import CLONE_NEWNS, check, libc
from machine import Machine
from network import Namespace, Network
from real_machine import command


class World:
    """A folder in memory, the network, and the machines on it."""

    def __init__(self) -> None:
        if os.geteuid() != 0:
            raise PermissionError("these tests make namespaces and mounts: run them as root")
        _private_mounts()
        self.folder = Path(tempfile.mkdtemp(prefix=f"bootwright-{os.getpid()}-"))
        atexit.register(self.close)
        command("mount", "-t", "tmpfs", "-o", "mode=755", "bootwright-tests", self.folder)
        self._numbers = itertools.count(1)
        self._machines: list[Machine] = []
        self.network = Network()

    def new_folder(self, name: str) -> Path:
        return self.folder / f"{name}-{next(self._numbers)}"

    def machine(self, name: str, namespace: Namespace, **options: Any) -> Machine:
        machine = Machine(self.new_folder(name), namespace, name=name, **options)
        self._machines.append(machine)
        return machine

    def instance(
        self, *, binary: Path | None = None, name: str = "instance", disk: Path | None = None, namespace: Namespace | None = None, **options: Any
    ) -> Instance:
        """A fresh instance, an EC2 one unless sys_files says otherwise. disk: the folder that it is in, instead of memory. namespace:
        instead of the network's own for an instance."""
        options.setdefault("sys_files", EC2_SYS)
        folder = self.new_folder(name)
        instance = Instance(folder if disk is None else disk / folder.name, namespace or self.network.instance, name=name, **options)
        self._machines.append(instance)
        # The real machine may have the agent, too.
        for path in ("/etc/bootwright", "/var/lib/bootwright"):
            if instance.exists(path) and path not in options.get("tmpfs", {}):
                instance.remove(path)
        if binary is not None:
            instance.install(binary)
        return instance

    def close(self) -> None:
        atexit.unregister(self.close)
        for machine in self._machines:
            if machine.base.exists():
                machine.destroy()
        self._machines.clear()
        self.network.close()
        command("umount", "-l", self.folder)
        self.folder.rmdir()


_mounts_are_private = False


def _private_mounts() -> None:
    """What this thread, and those that it starts, mount from now on is seen by nobody else and goes away with them."""
    global _mounts_are_private
    if not _mounts_are_private:
        check(libc.unshare(CLONE_NEWNS), "unshare")
        command("mount", "--make-rslave", "/")
        _mounts_are_private = True
