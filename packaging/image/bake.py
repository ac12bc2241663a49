"""What makes a machine for a cloud of Debian's packages: the files of files/, what is enabled, and what must not be in an image."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import sources
from architectures import Architecture
from definition import Definition
from problem import Problem, run

FILES = Path(__file__).with_name("files")
SEED = "usr/share/bootwright/seed.git"

#: Besides what the definition names. Of these the agent needs dbus for what Puppet does with systemd.
PACKAGES = ("systemd", "systemd-sysv", "systemd-resolved", "systemd-timesyncd", "dbus", "udev", "iproute2", "libpam-systemd", "openssh-server")
_PACKAGES_OF_A_DISK = ("initramfs-tools", "e2fsprogs", "zstd")
#: Part of the package systemd there; since Debian 13 a package of its own.
_HAS_REPART = {"bookworm"}

_ENABLED = ("systemd-networkd", "systemd-resolved", "systemd-timesyncd", "ssh-host-keys", "ssh", "bootwright")
#: Who applies is bootwright.
_DISABLED = ("puppet", "pxp-agent")

_UPGRADES = 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n'

#: Traces of the build, secrets, and what would be the same on each machine. The journal and apt make their folders anew.
_REMOVED = (
    "etc/ssh/ssh_host_*", "etc/hostname", "etc/resolv.conf", "etc/.resolv.conf.*", "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/apt/preferences.d/99pinned", "etc/apt/sources.list.d/*", "etc/dpkg/dpkg.cfg.d/99mmdebstrap", "var/lib/dpkg/*-old", "var/lib/dpkg/lock*",
    "var/cache/ldconfig/aux-cache", "var/cache/debconf/*", "var/cache/apt/*.bin", "var/cache/apt/archives/*", "var/lib/apt/lists/*",
    "var/lib/systemd/random-seed", "var/lib/systemd/credential.secret", "var/lib/dbus/machine-id", "var/lib/ucf/*.old", "var/lib/ucf/cache/*",
    "var/lib/bootwright/*", "run/*", "tmp/*", "var/tmp/*", "root/.*",
    "usr/share/man/*", "usr/share/locale/*", "usr/share/info/*",
)  # fmt: skip
_LEFT_BY_PASSWD = ("etc/.pwd.lock", "etc/*-")


def packages_of_a_disk(suite: str) -> list[str]:
    return [*_PACKAGES_OF_A_DISK, *([] if suite in _HAS_REPART else ["systemd-repart"])]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)  # it may be a link to somewhere outside
    file.write_text(text)
    file.chmod(0o644)


def _link(file: Path, target: str) -> None:
    file.unlink(missing_ok=True)
    file.symlink_to(target)


def _copy_files(tree: Path) -> None:
    for source in sorted(FILES.rglob("*")):
        if source.is_file():
            _write(tree / source.relative_to(FILES), source.read_text())


def _clean(tree: Path) -> None:
    for pattern in _REMOVED:
        for path in tree.glob(pattern):
            _remove(path)
    for file in (tree / "var/log").rglob("*"):
        if file.is_file():
            file.unlink()
    for file in (tree / "usr/share/doc").rglob("*"):
        if file.name != "copyright" and not file.is_dir():
            file.unlink()
    for cache in list(tree.rglob("__pycache__")):
        shutil.rmtree(cache)
    # Empty, not missing: without it systemd enables every service that there is.
    _write(tree / "etc/machine-id", "")


def bake(tree: Path, definition: Definition, row: Architecture, *, agent_config: Path | None, seed: Path | None, disk: bool) -> None:
    """Turns the tree of packages into that of the image. disk: a disk will be made of it, too."""
    _clean(tree)
    _copy_files(tree)
    # Debian 12 reads the one, Debian 13 the other, and makes this link at each boot.
    _link(tree / "etc/default/locale", "../locale.conf")
    _write(tree / "etc/apt/sources.list", "".join(f"{line}\n" for line in sources.of_the_image(definition.suite, definition.mirror)))
    _link(tree / "etc/resolv.conf", "/run/systemd/resolve/resolv.conf")
    _write(tree / "etc/hostname", "localhost\n")  # until DHCP or the agent names the machine
    _write(tree / "etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
    if definition.unattended_upgrades:
        _write(tree / "etc/apt/apt.conf.d/20auto-upgrades", _UPGRADES)
    units = [f"{name}.service" for name in _ENABLED]
    if disk:
        if row.efi:
            (tree / "boot/efi").mkdir(exist_ok=True)
        wants = tree / "etc/systemd/system/sysinit.target.wants"
        wants.mkdir(exist_ok=True)
        _link(wants / "systemd-repart.service", "/lib/systemd/system/systemd-repart.service")
    run("systemctl", f"--root={tree}", "--quiet", "enable", *units)
    there = [name for name in _DISABLED if (tree / f"lib/systemd/system/{name}.service").exists()]
    if there:
        run("systemctl", f"--root={tree}", "--quiet", "disable", *(f"{name}.service" for name in there))
    run("passwd", "--root", tree, "--lock", "root")
    if agent_config:
        _write(tree / "etc/bootwright/agent.json", agent_config.read_text())
    if seed:
        _bake_seed(tree / SEED, seed)
    for pattern in _LEFT_BY_PASSWD:
        for path in tree.glob(pattern):
            path.unlink()


def add_mounts(tree: Path, row: Architecture, ids: dict[str, str], epoch: int) -> None:
    """What the disk alone has: in a container systemd would want to mount these."""
    mounts = [f"UUID={ids['root']} / ext4 defaults,errors=remount-ro,x-systemd.growfs 0 1"]
    if row.efi:
        mounts.append(f"UUID={ids['efi']} /boot/efi vfat umask=0077,noauto 0 2")
    fstab = tree / "etc/fstab"
    _write(fstab, "".join(f"{mount}\n" for mount in mounts))
    for path in (fstab, fstab.parent):
        os.utime(path, (epoch, epoch))


_LIST = "puts CompiledRuby.open(ARGV[0]).instance_variable_get(:@index).keys"
_COMPILE = "GC.disable; CompiledRuby.write(ARGV[0], $stdin.read.split(?\\n))"


def compile_again(tree: Path) -> None:
    """What Puppet's Ruby is compiled to, in the same bytes for the same files. It names their times: these must be final.

    Where objects lie in memory decides how Ruby 3.1 writes 9 of 2,256 files. So this is a process that does nothing else,
    without random addresses, and without a garbage collection. Ruby 3.3 writes bytes that it has never set, too: malloc sets them."""
    compiled = "/var/cache/bootwright/puppet.compiled"
    if not Path(f"{tree}{compiled}").exists():
        raise Problem(f"bootwright's package has left no {compiled}: bootwright prepare, in such a tree, says why")
    ruby = ("setarch", "--addr-no-randomize", "chroot", tree, "/usr/bin/ruby", "--disable-gems", "-r/usr/lib/bootwright/ruby/compiled")
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                   "GLIBC_TUNABLES": "glibc.malloc.perturb=255:glibc.malloc.tcache_count=0"}  # fmt: skip
    # It looks there which Ruby it is.
    run("mount", "-t", "proc", "proc", tree / "proc")
    try:
        files = run(*ruby, "-e", _LIST, compiled, env=environment)
        run(*ruby, "-e", _COMPILE, compiled, env=environment, text=files)
    finally:
        run("umount", tree / "proc")


def _bake_seed(target: Path, seed: Path) -> None:
    """What its HEAD names and all branches and tags, in one pack. Its configuration and hooks stay behind."""
    if not (seed / "objects").is_dir():
        raise Problem(f"{seed} is no bare repository of git")
    run("git", "-c", "init.defaultBranch=main", "init", "--quiet", "--bare", "--template=", target)
    trusted = ("-c", f"safe.directory={seed.resolve()}")
    run("git", *trusted, "--git-dir", target, "fetch", "--quiet", seed.resolve(), "+refs/*:refs/*")
    run("git", "--git-dir", target, "symbolic-ref", "HEAD", run("git", *trusted, "--git-dir", seed, "symbolic-ref", "HEAD").strip())
    # One thread: how the work is shared out decides what is a difference from what.
    run("git", "--git-dir", target, "-c", "pack.threads=1", "repack", "--quiet", "-a", "-d", "-f")
    run("git", "--git-dir", target, "pack-refs", "--all")
    (target / "FETCH_HEAD").unlink(missing_ok=True)
