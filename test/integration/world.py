"""Throwaway machines and the network between them.

Nothing made here has a name on the real machine: namespaces are held by processes, mounts live in a mount namespace of this
process, and each process dies with its parent. So nothing stays behind whatever way the tests end, but for one empty folder
in /tmp when they are killed.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

METADATA_ADDRESS = "169.254.169.254"
SERVERS_ADDRESS = "10.99.0.1"
#: Names of the servers' address in each machine's /etc/hosts.
SERVERS_NAMES = ("git.test", "other.test", "static.test", "s3.test", "snapshots.s3.test")
INSTANCE_ADDRESS = "10.99.0.10"
INSTANCE_ID = "i-0123456789abcdef0"

# The shell that runs the tests may name certificates, proxies or a Ruby of its own; a machine that boots has none of that.
CLEAN_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}

# Files under /sys by which a machine knows its cloud, as EC2's Nitro instances show them.
EC2_SYS = {
    "class/dmi/id/bios_vendor": "Amazon EC2\n",
    "class/dmi/id/sys_vendor": "Amazon EC2\n",
    "class/dmi/id/product_name": "t3.small\n",
    "class/dmi/id/product_uuid": "ec2c1b2a-6f1d-4a0e-9c37-0123456789ab\n",
    "class/dmi/id/product_serial": "ec2c1b2a-6f1d-4a0e-9c37-0123456789ab\n",
    "class/dmi/id/board_asset_tag": INSTANCE_ID + "\n",
}
PLAIN_SYS = {"class/dmi/id/sys_vendor": "QEMU\n", "class/dmi/id/product_name": "Standard PC (Q35 + ICH9, 2009)\n"}

_CLONE_NEWNS = 0x00020000
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

T = TypeVar("T")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def command(*argv: str | Path, input: str | None = None, env: Mapping[str, str] = {}, cwd: Path | None = None) -> str:
    """Runs a command on the real machine, in a clean environment, and returns what it printed."""
    words = [str(word) for word in argv]
    done = subprocess.run(
        words, input=input, text=True, capture_output=True, timeout=120, env={**CLEAN_ENVIRONMENT, **env}, cwd=cwd
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def wait_for(probe: Callable[[], T], what: str, timeout: float = 20, every: float = 0.02) -> T:
    """The first true value that the probe returns."""
    end = time.monotonic() + timeout
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout:g} s for {what}; the last value was {value!r}")
        time.sleep(every)


def make_read_only(mount_point: Path) -> None:
    """Remounts a file system read-only. The kernel refuses while a file there is open for writing, or is removed and not yet
    closed: a process that has just ended may need a moment for that."""
    end = time.monotonic() + 20
    while True:
        try:
            command("mount", "-o", "remount,ro", mount_point)
            return
        except RuntimeError as error:
            if "busy" not in str(error) or time.monotonic() > end:
                users = subprocess.run(["fuser", "-vm", mount_point], capture_output=True, text=True, timeout=20)
                raise RuntimeError(f"{error}in use by:\n{users.stdout}{users.stderr}") from error
        time.sleep(0.05)


def _hold(*argv: str | Path, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    """Starts a process that is killed when this one ends, however it ends, and that Ctrl-C does not reach."""
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *map(str, argv)],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        text=True,
        env=CLEAN_ENVIRONMENT,
        start_new_session=True,
    )


class Namespace:
    """A network namespace, held by a sleeping process."""

    def __init__(self) -> None:
        self._holder = _hold("unshare", "--net", "sleep", "infinity")
        self.pid = self._holder.pid
        ours = os.readlink("/proc/self/ns/net")
        wait_for(lambda: os.readlink(self.path) != ours, "a network namespace", every=0.001)

    @property
    def path(self) -> str:
        return f"/proc/{self.pid}/ns/net"

    def run(self, *argv: str, input: str | None = None) -> str:
        return command("nsenter", f"--net={self.path}", *argv, input=input)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Sockets that this thread makes meanwhile, and threads that it starts, belong to the namespace."""
        with open("/proc/thread-self/ns/net") as ours, open(self.path) as theirs:
            _check(_libc.setns(theirs.fileno(), _CLONE_NEWNET), "setns")
            try:
                yield
            finally:
                _check(_libc.setns(ours.fileno(), _CLONE_NEWNET), "setns")

    def listen(self, address: str, port: int) -> socket.socket:
        with self.entered():
            return socket.create_server((address, port), backlog=64)

    def connect(self, address: str, port: int, timeout: float = 5) -> socket.socket:
        with self.entered():
            return socket.create_connection((address, port), timeout=timeout)

    def wait_until_listening(self, address: str, port: int) -> None:
        def probe() -> bool:
            try:
                self.connect(address, port).close()
                return True
            except OSError:
                return False

        wait_for(probe, f"something that listens on {address}:{port}")

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()


class Network:
    """Two network namespaces and the cable between them. `servers` has the metadata service's true address and 10.99.0.1,
    `instance` has 10.99.0.10. There is no way out, and no name server."""

    def __init__(self) -> None:
        self.servers = Namespace()
        self.instance = Namespace()
        ends = f"v0 netns {self.servers.pid} type veth peer name eth0 netns {self.instance.pid}"
        command("ip", "-batch", "-", input=f"link add {ends}\n")
        self.servers.run(
            "ip", "-batch", "-",
            input=f"link set lo up\naddr add {SERVERS_ADDRESS}/24 dev v0\naddr add {METADATA_ADDRESS}/32 dev v0\nlink set v0 up\n",
        )  # fmt: skip
        self.plug_in()

    def plug_in(self) -> None:
        """Puts the instance's side in order, also after unplug()."""
        self.instance.run(
            "ip", "-batch", "-",
            input=f"link set lo up\naddr replace {INSTANCE_ADDRESS}/24 dev eth0\nlink set eth0 up\n"
            f"route replace {METADATA_ADDRESS} dev eth0\nroute replace default via {SERVERS_ADDRESS}\n",
        )  # fmt: skip

    def unplug(self) -> None:
        self.instance.run("ip", "link", "set", "eth0", "down")

    def filter(self, *rules: str) -> None:
        """Adds nftables rules to what reaches the servers, for example filter("tcp dport 80 drop")."""
        lines = ["add table inet fault", "add chain inet fault input { type filter hook input priority 0; }"]
        lines += [f"add rule inet fault input {rule}" for rule in rules]
        self.servers.run("nft", "-f", "-", input="\n".join(lines) + "\n")

    def reset(self) -> None:
        self.servers.run("nft", "flush", "ruleset")
        self.plug_in()

    def close(self) -> None:
        self.servers.close()
        self.instance.close()


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
        self._holder = _hold(
            "nsenter", f"--net={self.namespace.path}",
            "unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child=KILL",
            "/bin/sh", Path(__file__).with_name("machine.sh"), base, self.name,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._holder.stdout is not None
        printed = ""
        for line in self._holder.stdout:
            if line.startswith("ready "):
                self.pid = int(line.split()[1])
                return
            printed += line
        self.power_off()
        raise RuntimeError(f"the machine {self.name} does not start: {printed}")

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


class Instance(Machine):
    """A machine with the agent installed."""

    BINARY = "/usr/bin/bootwright"
    FETCH = "/usr/lib/bootwright/bootwright-fetch"
    DOWNLOAD = "/usr/lib/bootwright/bootwright-download"
    KEEPER = "/usr/lib/bootwright/bootwright-keeper"
    TRUSTED_FACTS = "/usr/lib/bootwright/trusted-facts"
    RUBY = "/usr/lib/bootwright/ruby"

    def install(self, binary: Path) -> None:
        """The program, and those that it starts, which were built beside it."""
        programs = (self.BINARY, self.FETCH, self.DOWNLOAD, self.KEEPER, self.TRUSTED_FACTS)
        for source, name in ((binary.with_name(Path(name).name), name) for name in programs):
            target = self.path(name, follow=False)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755)
        for source in binary.with_name("ruby").iterdir():
            self.write(f"{self.RUBY}/{source.name}", source.read_bytes())
        # The user that the package makes.
        accounts = self.path("/etc/passwd").read_text()
        if "\nbootwright:" not in accounts:
            self.write("/etc/passwd", accounts + "bootwright:x:999:999::/nonexistent:/usr/sbin/nologin\n")

    def configure(self, configuration: Mapping[str, Any], file: str = "agent.json") -> None:
        """The image's configuration: agent.json or agent.d/NAME.json."""
        self.write(f"/etc/bootwright/{file}", json.dumps(configuration, indent=2) + "\n")

    def bootwright(
        self, *arguments: str, timeout: float = 120, env: Mapping[str, str] = {}, input: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return self.run([self.BINARY, *arguments], timeout=timeout, env=env, input=input)

    def start_bootwright(self, *arguments: str, env: Mapping[str, str] = {}) -> Process:
        return self.start([self.BINARY, *arguments], env=env)

    def status(self) -> dict[str, Any]:
        """The status file. That it parses at any moment is part of what is tested."""
        document = json.loads(self.read("/run/bootwright/status.json"))
        assert isinstance(document, dict)
        return document

    def wait_for_status(
        self, probe: Callable[[dict[str, Any]], Any], what: str, timeout: float = 60, every: float = 0.02
    ) -> dict[str, Any]:
        """The first status for which the probe is true; a file that is not there yet counts as not true."""

        def found() -> dict[str, Any] | None:
            try:
                document = self.status()
            except FileNotFoundError:
                return None
            return document if probe(document) else None

        status = wait_for(found, what, timeout, every)
        assert status is not None
        return status


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

    def instance(self, *, binary: Path | None = None, name: str = "instance", **options: Any) -> Instance:
        """A fresh instance, an EC2 one unless sys_files says otherwise."""
        options.setdefault("sys_files", EC2_SYS)
        instance = Instance(self.new_folder(name), self.network.instance, name=name, **options)
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
        _check(_libc.unshare(_CLONE_NEWNS), "unshare")
        command("mount", "--make-rslave", "/")
        _mounts_are_private = True
