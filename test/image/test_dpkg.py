"""What is read of dpkg's database: packages, their files, and the fixes that changelogs name."""

from __future__ import annotations

import gzip
from datetime import datetime, timezone
from pathlib import Path

import dpkg
from outside import files_outside_packages

STATUS = """Package: libssl3
Status: install ok installed
Architecture: amd64
Source: openssl
Version: 3.0.15-1

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: bash
Status: install ok installed
Architecture: amd64
Source: bash (5.2.15-2)
Version: 5.2.15-2+b7
Description: shell
 Package: not a field
"""
CHANGELOG = """openssl (3.0.15-1) bookworm-security; urgency=medium

  * CVE-2026-1111 and CVE-2026-0999
  * Again CVE-2026-1111

 -- Somebody <a@example.com>  Sun, 01 Nov 2026 10:00:00 +0100

openssl (3.0.14-1) bookworm; urgency=medium

  * Nothing of the kind

 -- Somebody <a@example.com>  Mon, 01 Jun 2026 10:00:00 +0000

openssl (3.0.13-1) bookworm; urgency=medium

  * CVE-2020-0001

 -- Somebody <a@example.com>  Wed, 01 Jan 2020 10:00:00 +0000
"""
SINCE = datetime(2026, 1, 1, tzinfo=timezone.utc)


def tree(folder: Path) -> Path:
    info = folder / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    (folder / "var/lib/dpkg/status").write_text(STATUS)
    (folder / "var/lib/dpkg/diversions").write_text("")
    return folder


def test_only_what_is_installed_counts_with_its_source() -> None:
    bash, libssl = dpkg.read_status(STATUS)
    assert bash == dpkg.Package("bash", "5.2.15-2+b7", "amd64", "bash", "5.2.15-2")
    assert libssl == dpkg.Package("libssl3", "3.0.15-1", "amd64", "openssl", "3.0.15-1")


def test_fixes_are_read_down_to_a_date() -> None:
    assert dpkg.fixes(CHANGELOG, SINCE) == {"3.0.15-1": ["CVE-2026-0999", "CVE-2026-1111"]}
    assert "3.0.13-1" in dpkg.fixes(CHANGELOG, datetime(2019, 1, 1, tzinfo=timezone.utc))


def test_a_date_that_nobody_can_read_ends_nothing() -> None:
    assert dpkg.fixes("a (1) x; urgency=low\n\n  * CVE-1999-0001\n\n -- Somebody\n\n" + CHANGELOG, SINCE) == {"3.0.15-1": ["CVE-2026-0999", "CVE-2026-1111"]}


def test_fixes_are_of_the_source_and_no_link_leads_out_of_the_tree(tmp_path: Path) -> None:
    root = tree(tmp_path / "tree")
    docs = root / "usr/share/doc"
    (docs / "libssl3").mkdir(parents=True)
    (docs / "libssl3/changelog.Debian.gz").write_bytes(gzip.compress(CHANGELOG.encode()))
    (tmp_path / "changelog.Debian.gz").write_bytes(gzip.compress(CHANGELOG.encode()))
    (docs / "bash").symlink_to(tmp_path)
    assert dpkg.security_fixes(root, SINCE) == {"openssl": {"3.0.15-1": ["CVE-2026-0999", "CVE-2026-1111"]}}


def test_files_of_no_package_are_told_with_what_they_are(tmp_path: Path) -> None:
    root = tree(tmp_path)
    (root / "usr/bin").mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    (root / "usr/bin/bash").write_text("")
    (root / "usr/bin/extra").write_text("x")
    (root / "usr/bin/link").symlink_to("/etc/alternatives/x")
    # bash knows nothing of the merged /usr
    (root / "var/lib/dpkg/info/bash.list").write_text("/.\n/bin\n/bin/bash\n")
    assert files_outside_packages(root) == [
        "/usr/bin/extra 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
        "/usr/bin/link -> /etc/alternatives/x",
    ]
