"""Whole machines with a real systemd as process 1, by systemd-nspawn, on the network of the integration tests."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from network import Namespace
from real_machine import CLEAN_ENVIRONMENT, command, wait_for

#: What the image has besides Debian's minimum and what the package depends on.
PACKAGES = ["systemd", "systemd-sysv", "dbus", "iproute2", "nginx"]

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def _sources() -> list[str]:
    """This machine's own sources of Debian packages, as lines for another machine."""
    targets = command("apt-get", "indextargets", "--format", "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)", "Created-By: Packages")
    fields = [line.split("|") for line in targets.splitlines()]
    lines = [f"deb [signed-by={_KEYRING}] {uri} {suite} {part}" for origin, uri, suite, part in fields if origin.startswith("Debian")]
    if not lines:
        raise RuntimeError("apt has no Debian source with an index on this machine: run apt-get update")
    return sorted(set(lines))


def dependencies(package: Path) -> list[str]:
    """The names that the package depends on: of alternatives the first."""
    field = command("dpkg-deb", "--field", package, "Depends")
    return [alternatives.split("|")[0].split("(")[0].strip() for alternatives in field.split(",")]


def base_image(cache: Path, packages: list[str]) -> Path:
    """A tar of a minimal Debian of this machine's release with these packages. Made once for each list of packages."""
    codename = next(line for line in Path("/etc/os-release").read_text().splitlines() if line.startswith("VERSION_CODENAME=")).split("=")[1]
    sources = "\n".join(_sources()) + "\n"
    wanted = ",".join(sorted({*PACKAGES, *packages}))
    name = hashlib.sha256(f"{codename}\n{wanted}\n{sources}".encode()).hexdigest()[:16]
    image = cache / f"{codename}-{name}.tar"
    if not image.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial = image.with_suffix(".partial.tar")
        print(f"making {image}")
        done = subprocess.run(
            [
                "mmdebstrap", "--variant=minbase", "--mode=root", f"--include={wanted}",
                '--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"', '--aptopt=Acquire::Retries "3"',
                "--dpkgopt=force-unsafe-io",
                *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("man", "locale", "info")),
                codename, partial, "-",
            ],
            input=sources, text=True, capture_output=True, timeout=600, env=CLEAN_ENVIRONMENT,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"mmdebstrap: exit {done.returncode}\n{done.stderr[-4000:]}")
        partial.rename(image)
    return image


def control_groups() -> list[Path]:
    """The hierarchies that systemd-nspawn works with: version 2, and on hybrid systems systemd's own of version 1."""
    found = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, options = line.split()[:4]
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            found.append(Path(place))
    return found


class Container:
    """A machine in a folder. It boots with a real systemd; its network interface eth0 is that of the namespace."""

    def __init__(self, root: Path, name: str, namespace: Namespace, *, options: list[str] = []) -> None:
        """options: further ones for systemd-nspawn, for example --set-credential."""
        self.root, self.namespace, self.options = root, namespace, options
        self.name = f"{name}-{os.getpid()}"
        self.console = root.with_name(root.name + ".console")
        self._groups = [hierarchy / self.name for hierarchy in control_groups()]
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._init = 0
        # A path that leads to the namespace wherever /proc is another one.
        self._network = root.with_name(root.name + ".network")
        self._network.touch()
        command("mount", "--bind", namespace.path, self._network)

    @classmethod
    def unpack(cls, image: Path, root: Path, name: str, namespace: Namespace, *, options: list[str] = []) -> Container:
        root.mkdir()
        command("tar", "-C", root, "-xf", image)
        made = cls(root, name, namespace, options=options)
        # Empty, not missing: that would be a first boot, at which systemd enables every service there is.
        made.write("/etc/machine-id", "")
        made.write("/etc/hostname", name + "\n")
        made.write("/etc/resolv.conf", "")
        made.write("/etc/systemd/network/80-dhcp.network", "[Match]\nName=eth0\n\n[Network]\nDHCP=ipv4\n")
        command("systemctl", f"--root={root}", "--quiet", "enable", "systemd-networkd.service")
        # Of an image's making: who applies is bootwright, and what runs is what the role says.
        command("systemctl", f"--root={root}", "--quiet", "disable", "puppet.service", "nginx.service")
        return made

    def _start(self, *options: str, stdout: int, stderr: int) -> subprocess.Popen[bytes]:
        for group in self._groups:
            group.mkdir(exist_ok=True)
        # nspawn manages the control group that it is in, so it gets one of its own. In a process namespace of its own it takes
        # the whole machine with it when it is killed, and it is killed when the tests end.
        enter = 'for group; do [ "$group" = -- ] && break; echo $$ >"$group/cgroup.procs"; shift; done; shift; exec "$@"'
        return subprocess.Popen(
            [
                "setpriv", "--pdeathsig", "KILL", "sh", "-c", enter, "sh", *map(str, self._groups), "--",
                "unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc",
                "systemd-nspawn", "--quiet", f"--directory={self.root}", f"--machine={self.name}",
                # No systemd of the host is asked for anything.
                "--register=no", "--keep-unit",
                f"--network-namespace-path={self._network}", "--capability=CAP_NET_ADMIN",
                *self.options, *options,
            ],
            stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True,
            env={**CLEAN_ENVIRONMENT, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        )  # fmt: skip

    def run_in_image(self, *argv: str) -> str:
        """Runs a command in the tree while no systemd runs in it: as when an image is built."""
        process = self._start("--console=pipe", *argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        output, errors = (text.decode(errors="replace") for text in process.communicate(timeout=300))
        self._remove_groups()
        if process.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)}: exit {process.returncode}\n{output}{errors}")
        return output

    def boot(self) -> None:
        """Returns when the file systems are in place and the first services start."""
        # A lease of an earlier boot would make DHCP superfluous.
        self.namespace.run("ip", "address", "flush", "dev", "eth0")
        self.namespace.run("ip", "link", "set", "eth0", "down")
        with self.console.open("wb") as console:
            self._nspawn = self._start(
                "--boot", "--console=read-only", "systemd.log_target=console", stdout=console.fileno(), stderr=console.fileno()
            )
        # In version 1's hierarchy there is none: the machine uses version 2.
        candidates = [group / "payload/init.scope/cgroup.procs" for group in self._groups]

        def started() -> int:
            assert self._nspawn is not None
            if self._nspawn.poll() is not None:
                raise RuntimeError(f"systemd-nspawn cannot run here: exit {self._nspawn.returncode}\n{self.console_text()}")
            for file in candidates:
                if file.exists() and (pids := file.read_text().split()):
                    return int(pids[0])
            return 0

        try:
            self._init = wait_for(started, "systemd-nspawn's process 1", timeout=30)
            wait_for(lambda: self.run("systemctl", "is-active", "sysinit.target").returncode == 0, "sysinit.target", timeout=60)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the console says:\n{self.console_text()}") from None

    def wait_for_reboot(self) -> None:
        """Returns when the machine has rebooted by itself, as far as boot() waits for it."""
        assert self._nspawn is not None
        # That systemd-nspawn is to be started again, it says to its own unit by this status.
        status = self._nspawn.wait(120)
        assert status == 133, f"the machine did not reboot: {status}\n{self.console_text()}"
        self._nspawn, self._init = None, 0
        self._remove_groups()
        self.boot()

    def console_text(self) -> str:
        return self.console.read_text(errors="replace") if self.console.exists() else ""

    def run(self, *argv: str, check: bool = False, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Runs a command in the booted machine."""
        done = subprocess.run(
            ["nsenter", f"--target={self._init}", "--all", "--", *argv],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=timeout, env=CLEAN_ENVIRONMENT,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def property(self, unit: str, name: str) -> str:
        return self.run("systemctl", "show", "--property", name, "--value", unit, check=True).stdout.strip()

    def describe(self) -> str:
        """For the report of a failure."""
        if not self._init:
            return f"not running; the console said:\n{self.console_text()}"
        commands = (["cat", "/run/bootwright/status.json"], ["systemctl", "list-jobs"], ["networkctl"], ["journalctl", "-b", "-n300", "--no-pager"])
        return "\n".join(f"$ {' '.join(argv)}\n{done.stdout}{done.stderr}" for argv in commands for done in [self.run(*argv)])

    def path(self, path: str) -> Path:
        """In the folder; while the machine runs, with what it has mounted (/run). No link on the way may be absolute."""
        if self._init:
            return Path(f"/proc/{self._init}/root{path}")
        return Path(f"{self.root}{path}")

    def write(self, path: str, text: str) -> None:
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).unlink(missing_ok=True)  # it may be a link to somewhere outside
        self.path(path).write_text(text)

    def power_off(self) -> None:
        """In good order, as systemctl halt does it."""
        assert self._nspawn is not None
        os.kill(self._init, signal.SIGRTMIN + 3)
        try:
            self._nspawn.wait(90)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"the machine does not halt; the console says:\n{self.console_text()}") from None
        self._nspawn, self._init = None, 0
        self._remove_groups()

    def leave(self) -> None:
        """Ends it as it is. Its folder stays."""
        if self._nspawn is not None:
            self._nspawn.kill()
            self._nspawn.wait()
            self._nspawn, self._init = None, 0
        self._remove_groups()
        command("umount", self._network)

    def destroy(self) -> None:
        self.leave()
        shutil.rmtree(self.root, ignore_errors=True)

    def _remove_groups(self) -> None:
        for group in self._groups:
            folders = [Path(folder) for folder, _, _ in os.walk(group)] if group.exists() else []
            for folder in reversed(folders):
                wait_for(lambda folder=folder: _removed(folder), f"the end of what is in {folder}")


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except FileNotFoundError:
        pass
    except OSError:  # a process is still there
        return False
    return True
