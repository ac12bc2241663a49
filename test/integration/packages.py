"""Packages of Debian's, made for a test."""

from __future__ import annotations

from machine import Machine


def make_package(machine: Machine, name: str, version: str = "1.0", postinst: str = "") -> str:
    """A package without files; its path in the machine."""
    folder = f"/root/{name}"
    control = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: empty\n"
    machine.write(f"{folder}/DEBIAN/control", control)
    if postinst:
        machine.write(f"{folder}/DEBIAN/postinst", postinst, 0o755)
    machine.run(["dpkg-deb", "--build", folder, f"{folder}.deb"], check=True)
    return f"{folder}.deb"
