"""The .deb by lintian; what is in the .rpm and what its scripts do, by rpm's own tools; and what systemd's say of the units.

The .rpm is installed without asking for what it requires, which dpkg has brought. What the .deb does is in test/boot/test_boot.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BINARY
from instance import Instance
from real_machine import command

WANTED = "/etc/systemd/system/multi-user.target.wants/bootwright.service"
CONFIG = "/etc/bootwright/agent.json"
SECURITY = Path(__file__).parents[2] / "SECURITY.md"
#: Files and folders that no other package has. A folder of two packages is a conflict to RPM.
OWN = re.compile(
    r"/etc/(bootwright(/.*)?|update-motd\.d/60-bootwright)"
    r"|/usr/(lib/bootwright|share/bootwright|share/doc/bootwright)(/.*)?"
    r"|/usr/.*/_?bootwright[\w.-]*"
)


def made(kind: str, folder: Path, *options: str) -> Path:
    """As a user makes it, of what is built beside the program."""
    command("cpack", "-G", kind, "--config", BINARY.with_name("CPackConfig.cmake"), "-B", folder, *options)
    return next(folder.glob(f"bootwright*.{kind.lower()}"))


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two releases of the same .rpm."""
    return [made("RPM", tmp_path_factory.mktemp("rpm"), "-D", f"CPACK_RPM_PACKAGE_RELEASE={release}") for release in ("1", "2")]


def asked(package: Path, *question: str) -> list[str]:
    return command("rpm", "-qp", "--nosignature", *question, package).splitlines()


@pytest.fixture
def machine(new_instance: Callable[..., Instance], packages: list[Path]) -> Instance:
    """One without the agent, and without its user."""
    machine = new_instance(shared={"/packages-1": packages[0].parent, "/packages-2": packages[1].parent})
    machine.run(["rm", "-rf", Instance.BINARY, "/usr/lib/bootwright"], check=True)
    machine.run(["sed", "-i", "/^bootwright:/d", "/etc/passwd", "/etc/group"], check=True)
    machine.run(["rpm", "--initdb"], check=True)
    return machine


def installed(machine: Instance, how: str, package: Path, number: int) -> None:
    done = machine.run(["rpm", how, "--nodeps", "--nosignature", f"/packages-{number}/{package.name}"], timeout=120, check=True)
    assert "failed" not in done.stderr and "warning" not in done.stderr.replace("saved as", ""), done.stderr


def test_lintian_finds_nothing_in_the_deb(tmp_path: Path) -> None:
    said = command("lintian", "--fail-on", "error,warning", "--allow-root", made("DEB", tmp_path))
    assert "W: " not in said and "E: " not in said


def test_an_rpm_holds_what_is_installed_and_owns_nothing_of_others(packages: list[Path], tmp_path: Path) -> None:
    command("cmake", "--install", BINARY.parent, "--prefix", "/usr", env={"DESTDIR": str(tmp_path)})
    installed_files = {f"/{path.relative_to(tmp_path)}" for path in tmp_path.rglob("*") if not path.is_dir()}
    names = asked(packages[0], "--list")
    missing = {name.replace("vendor-completions", "site-functions") for name in installed_files} - set(names)
    assert missing == {"/usr/share/lintian/overrides/bootwright"}
    assert [name for name in names if not OWN.fullmatch(name)] == []
    assert asked(packages[0], "--configfiles") == [CONFIG, "/etc/update-motd.d/60-bootwright"]
    rights = asked(packages[0], "--queryformat", r"[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME}\n]")
    assert set(rights) <= {f"{mode} root root" for mode in ("drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--")}
    assert asked(packages[0], "--queryformat", "%{NAME} %{LICENSE} [%{PREFIXES}]\n") == ["bootwright Apache-2.0 "]


def test_an_rpm_requires_puppet_and_the_libraries_of_the_system_that_builds(packages: list[Path]) -> None:
    required = asked(packages[0], "--requires")
    assert {"(puppet-agent >= 7 or puppet >= 7 or openvox-agent)", "ca-certificates"} <= set(required)
    assert any(name.startswith("libgit2.so.1.") for name in required)


def called_so(machine: Instance) -> set[str]:
    folders = ["/etc", "/usr/bin", "/usr/lib", "/usr/share", "/var/lib"]
    return set(machine.run(["find", *folders, "-xdev", "-name", "*bootwright*"], check=True).stdout.split())


def test_an_rpm_is_installed_upgraded_and_erased(machine: Instance, packages: list[Path]) -> None:
    before = called_so(machine)
    installed(machine, "--install", packages[0], 1)
    assert "bootwright 0." in machine.bootwright("version").stdout
    assert machine.exists(WANTED)
    assert re.search(r"^bootwright:.*:/usr/sbin/nologin$", machine.read("/etc/passwd"), re.MULTILINE)
    assert not machine.status()["ready"]
    assert machine.run(["rpm", "--verify", "--nodeps", "bootwright"]).stdout == ""

    machine.configure({"role": "web"})
    machine.run(["systemctl", "disable", "bootwright.service"], check=True)
    installed(machine, "--upgrade", packages[1], 2)
    assert machine.run(["rpm", "-q", "--queryformat", "%{RELEASE}", "bootwright"]).stdout == "2"
    assert '"web"' in machine.read(CONFIG)
    assert not machine.exists(WANTED)
    machine.run(["systemctl", "enable", "bootwright.service"], check=True)

    machine.write("/var/lib/bootwright/instance.json", "{}")
    machine.run(["rpm", "--erase", "bootwright"], check=True)
    assert called_so(machine) - before == {"/etc/bootwright", "/var/lib/bootwright"}
    assert os.listdir(machine.path("/etc/bootwright")) == ["agent.json.rpmsave"]


def test_the_units_are_well_formed_and_as_exposed_as_is_written(machine: Instance, packages: list[Path]) -> None:
    installed(machine, "--install", packages[0], 1)
    units = [f"/usr/lib/systemd/system/bootwright{unit}" for unit in (".service", "-ready.target")]
    verified = machine.run(["systemd-analyze", "verify", "--man=no", *units])
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    said = machine.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", units[0]], check=True).stdout
    exposure = re.search(r"Overall exposure level for bootwright\.service: (\d+\.\d)", said)
    assert exposure and f"exposure of {exposure[1]} to `systemd-analyze security`" in SECURITY.read_text()
