"""Throwaway machines, and the processes in them."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from network import SERVERS_ADDRESS, SERVERS_NAMES, Namespace
from real_machine import CLEAN_ENVIRONMENT, hold, command, pid_when_ready, wait_for

PLAIN_SYS = {"class/dmi/id/sys_vendor": "QEMU\n", "class/dmi/id/product_name": "Standard PC (Q35 + ICH9, 2009)\n"}


def _child(entry: subprocess.Popen[bytes]) -> int:
    """The process that nsenter started in a machine; 0 when it has ended. nsenter itself stays outside as its parent, and ends
    as it does: with the same exit status or the same signal."""
    children = Path(f"/proc/{entry.pid}/task/{entry.pid}/children")

    def child() -> str:
        try:
            return children.read_text() or ("0" if entry.poll() is not None else "")
        except (FileNotFoundError, ProcessLookupError):
            return "0"

    return int(wait_for(child, "the process that nsenter starts", every=0.001).split()[0])


class Process:
    """A process that runs in a machine. Its output goes to a file, so that it never waits for a reader."""

    def __init__(self, entry: subprocess.Popen[bytes], output: Path) -> None:
        self._entry = entry
        self._output = output
        #: The process id as the tests see it, and as the machine itself sees it; 0 when it ended at once.
        self.pid = _child(entry)
        self.inner_pid = 0
        if self.pid:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                status = Path(f"/proc/{self.pid}/status").read_text()
                self.inner_pid = int(status.split("NSpid:")[1].splitlines()[0].split()[-1])

    @property
    def output(self) -> str:
        """Standard output and error so far."""
        return self._output.read_text(errors="replace")

    @property
    def running(self) -> bool:
        return self._entry.poll() is None

    def signal(self, number: int) -> None:
        if self.pid and self.running:
            os.kill(self.pid, number)

    def wait(self, timeout: float = 60) -> int:
        """The exit status, negative for a signal."""
        return self._entry.wait(timeout)

    def stop(self, timeout: float = 20) -> int:
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self) -> int:
        """Kills this one process, not its children."""
        self.signal(signal.SIGKILL)
        return self.wait(10)

    def kill_group(self) -> int:
        """Kills it and those of its descendants that made no session or group of their own."""
        if self.pid and self.running:
            os.killpg(self.pid, signal.SIGKILL)
        return self.wait(10)


class Machine:
    """A throwaway machine: the root of the real one as the lower layer of an overlay whose upper layer is in memory, in mount,
    process, UTS and IPC namespaces of its own, with private /dev, /run, /tmp, and /sys and /proc with chosen files."""

    def __init__(
        self,
        base: Path,
        namespace: Namespace,
        *,
        name: str = "machine",
        sys_files: Mapping[str, str] = PLAIN_SYS,
        cmdline: str = "root=/dev/vda1 ro quiet",
        tmpfs: Mapping[str, str] = {},
        shared: Mapping[str, Path] = {},
    ) -> None:
        """sys_files: paths under /sys and what is in them. tmpfs: paths, and the options of a file system of their own that
        outlives a reboot, for example {"/var/lib/bootwright": "size=64k,nr_inodes=20"}. shared: paths, and the folders outside
        that appear there."""
        self.base, self.namespace, self.name = base, namespace, name
        #: Both may be changed before a reboot.
        self.sys_files = dict(sys_files)
        self.cmdline = cmdline
        self.pid = 0
        self._numbers = itertools.count(1)
        self._holder: subprocess.Popen[str] | None = None
        for folder in ("upper", "work", "root", "sysfs", "sys", "proc", "output"):
            (base / folder).mkdir(parents=True)
        (base / "upper").chmod(0o755)
        self._tmpfs: list[Path] = []
        self._volumes = [(folder, place) for place, folder in shared.items()]
        for number, (place, options) in enumerate(tmpfs.items()):
            volume = base / f"volume-{number}"
            volume.mkdir()
            command("mount", "-t", "tmpfs", "-o", options, "tmpfs", volume)
            self._tmpfs.append(volume)
            self._volumes.append((volume, place))
        self.boot()
        self.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        self.write("/etc/hostname", name + "\n")
        self.write("/etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {name}\n{SERVERS_ADDRESS} {' '.join(SERVERS_NAMES)}\n")
        # An empty one: the real machine's name servers cannot be reached, and each look-up would wait for them.
        self.write("/etc/resolv.conf", "")

    def boot(self) -> None:
        base = self.base
        shutil.rmtree(base / "sys")
        for name, content in self.sys_files.items():
            file = base / "sys" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        (base / "sys").mkdir(exist_ok=True)
        (base / "proc/cmdline").write_text(self.cmdline + "\n")
        (base / "proc/boot_id").write_text(f"{uuid.uuid4()}\n")
        (base / "volumes").write_text("".join(f"{folder} {path}\n" for folder, path in self._volumes))
        self._holder = hold(
            "nsenter", f"--net={self.namespace.path}",
            "unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child=KILL",
            "/bin/sh", Path(__file__).with_name("machine.sh"), base, self.name,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        try:
            self.pid = pid_when_ready(self._holder, f"the machine {self.name}")
        except RuntimeError:
            self.power_off()
            raise

    def power_off(self) -> None:
        """At once, as by a power cut: every process is killed. The disk keeps what was written."""
        if self._holder is not None:
            if self.pid and self._holder.poll() is None:
                os.kill(self.pid, signal.SIGKILL)
            self._holder.wait()
            if self._holder.stdout is not None:
                self._holder.stdout.close()
        self._holder, self.pid = None, 0

    def reboot(self) -> None:
        """New processes, a new boot id, an empty /run and /tmp; the same disk."""
        self.power_off()
        self.boot()

    def destroy(self) -> None:
        self.power_off()
        for volume in self._tmpfs:
            command("umount", "-l", volume)
        shutil.rmtree(self.base)

    # Files

    def path(self, path: str, *, follow: bool = True) -> Path:
        """Where a file of the machine is to be found from outside. Symbolic links are followed inside the machine: an
        absolute one would lead to the real machine's files otherwise. follow=False: the last part is taken as it is."""
        root = Path(f"/proc/{self.pid}/root")
        done: list[str] = []
        todo = path.split("/")
        links = 0
        while todo:
            part = todo.pop(0)
            if part in ("", "."):
                continue
            if part == "..":
                done = done[:-1]
                continue
            here = root.joinpath(*done, part)
            if here.is_symlink() and (todo or follow):
                links += 1
                if links > 40:
                    raise OSError(f"{path}: too many symbolic links")
                target = os.readlink(here)
                if target.startswith("/"):
                    done = []
                todo = target.split("/") + todo
            else:
                done.append(part)
        return root.joinpath(*done)

    def read(self, path: str) -> str:
        return self.path(path).read_text()

    def write(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Replaces a file (a symbolic link is replaced, not followed); missing folders are made."""
        file = self.path(path, follow=False)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(mode)

    def exists(self, path: str) -> bool:
        return self.path(path).exists()

    def remove(self, path: str) -> None:
        command("rm", "-rf", "--one-file-system", "--", self.path(path, follow=False))

    # Processes

    def entry(self, argv: Sequence[str]) -> list[str]:
        """The command that runs another one in the machine."""
        if not self.pid:
            raise RuntimeError(f"{self.name} is off")
        return ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "--", *argv]

    def _enter(self, argv: Sequence[str], env: Mapping[str, str], **streams: Any) -> subprocess.Popen[bytes]:
        # In a session of its own, so that it can be killed with its children while nsenter waits for it: without a parent that
        # waits, its remains would go to process 1 of the real machine.
        return subprocess.Popen(
            self.entry(["setsid", *argv]), env={**CLEAN_ENVIRONMENT, **env}, start_new_session=True, **streams
        )

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 60,
        env: Mapping[str, str] = {},
        input: str | bytes = b"",
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command in the machine and waits for it, not for daemons that it leaves behind. After the timeout the whole
        process group is killed. check: a status that is not 0 raises, with the output in the message."""
        # Files, not pipes: a daemon that keeps a pipe open would look like a command that never ends.
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write(input.encode() if isinstance(input, str) else input)
            given.seek(0)
            entry = self._enter(argv, env, stdin=given, stdout=out, stderr=err)

            def texts() -> tuple[str, str]:
                out.seek(0)
                err.seek(0)
                return out.read().decode(errors="replace"), err.read().decode(errors="replace")

            try:
                status = entry.wait(timeout)
            except subprocess.TimeoutExpired:
                stdout, stderr = texts()
                raise subprocess.TimeoutExpired(list(argv), timeout, stdout, stderr) from None
            finally:
                if entry.poll() is None and (child := _child(entry)):
                    os.killpg(child, signal.SIGKILL)
                entry.wait()
            stdout, stderr = texts()
        if check and status != 0:
            raise RuntimeError(f"{' '.join(argv)}: exit {status}\n{stdout}{stderr}")
        return subprocess.CompletedProcess(list(argv), status, stdout, stderr)

    def start(self, argv: Sequence[str], *, env: Mapping[str, str] = {}) -> Process:
        """Starts a command in the machine, in the background. It ends with the machine at the latest."""
        output = self.base / "output" / f"{next(self._numbers)}-{Path(argv[0]).name}"
        with output.open("wb") as file:
            entry = self._enter(argv, env, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
        return Process(entry, output)

    def processes(self, pattern: str = "") -> list[int]:
        """Process ids (the machine's) of what runs in it but for process 1, with the pattern in the command line."""
        found = []
        for folder in self.path("/proc").iterdir():
            if folder.name.isdigit() and folder.name != "1":
                with contextlib.suppress(OSError):
                    line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if line and pattern in line:
                        found.append(int(folder.name))
        return sorted(found)
