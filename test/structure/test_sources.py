"""Each cloud's file names the page that its protocol was read from."""

from __future__ import annotations

from pathlib import Path

PLATFORMS = Path(__file__).resolve().parents[2] / "agent/platform"
#: These speak to no vendor: what they read is the image's, or systemd's.
NOBODYS = {"credential.cpp", "file.cpp"}


def without_source(files: dict[str, str]) -> list[str]:
    clouds = {name for name, text in files.items() if "const Registered<Platform> registered" in text} - NOBODYS
    return sorted(name for name in clouds if "\n// https://" not in files[name].split("#include")[0])


def test_each_cloud_names_its_source() -> None:
    files = {file.name: file.read_text() for file in PLATFORMS.glob("*.cpp")}
    assert not without_source(files)


def test_the_check_can_fail() -> None:
    cloud = "// A cloud.\n{}\n#include <string>\nconst Registered<Platform> registered(cloud);\n"
    files = {"a.cpp": cloud.format(""), "b.cpp": cloud.format("// https://example.com"), "c.cpp": "// shared", "file.cpp": cloud.format("")}
    assert without_source(files) == ["a.cpp"]
