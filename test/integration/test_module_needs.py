"""What `bootwright modules lock` says of modules that do not fit together: never more than a warning."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from forge import Forge
from forge_archives import debian, module as release_of
from instance import Instance
from module_locks import LOCK, WORK, control, lay_out, lock, ready, releases
from real_machine import REPOSITORY_ROOT, command
from servers import GitServer
from shapes import ShapedRepo

TABLE = REPOSITORY_ROOT / "test/fixtures/modules/version_ranges.json"

#: Prints what Puppet's library makes of the table. It fails by a mistake of its own, NoMethodError, at ranges that it takes for ones.
BY_PUPPET = """
require 'json'
require 'semantic_puppet'
table = JSON.parse(File.read(ARGV[0]))
puts JSON.generate(table['ranges'].keys.to_h { |text|
  begin
    range = SemanticPuppet::VersionRange.parse(text)
    [text, table['versions'].select { |version| range.include?(SemanticPuppet::Version.parse(version)) }]
  rescue ArgumentError
    [text, nil]
  end
})
"""


def test_ranges_mean_what_they_mean_to_puppet() -> None:
    """The unit tests hold our reader to this table."""
    assert json.loads(command("ruby", "-e", BY_PUPPET, TABLE)) == json.loads(TABLE.read_text())["ranges"]


def locked(instance: Instance, shape: Callable[..., Any], puppetfile: str, *arguments: str) -> list[str]:
    """The warnings of a lock that is made."""
    lay_out(instance, control(shape, {"Puppetfile": puppetfile.encode()}))
    done = lock(instance, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert instance.exists(f"{WORK}/{LOCK}")
    return [line for line in done.stderr.splitlines() if "Puppetfile, " in line]


def git_module(shape: Callable[..., Any], metadata: bytes) -> str:
    def made(server: GitServer, name: str) -> ShapedRepo:
        return ShapedRepo(server, name, {"manifests/init.pp": b"class extra { }\n", "metadata.json": metadata})

    url: str = shape(made).url("https")
    return url


def test_dependencies_that_are_missing_or_of_another_version_are_named(
    ready: Instance, shape: Callable[..., Any], releases: Forge
) -> None:
    needs = {"puppetlabs/stdlib": ">= 9.0.0 < 10.0.0", "acme/none": "2.x", "acme/profile": "", "acme/extra": ">= 1.0.0"}
    releases.add(release_of("acme-web", dependencies=needs))
    releases.add(release_of("puppetlabs-stdlib", "8.1.0"))
    url = git_module(shape, b'{"version": "0.9.0", "dependencies": [{"name": "acme-gone", "version_requirement": "~1.2"}]}')
    ready.path(f"{WORK}/site-modules/profile").mkdir(parents=True)
    puppetfile = f"mod 'acme/web', '1.0.0'\n\nmod 'puppetlabs/stdlib', '8.1.0'\nmod 'extra', git: '{url}'\n"
    said = locked(ready, shape, puppetfile)
    web = "Puppetfile, line 1, modules/web: it needs "
    assert [line[line.index("Puppetfile, ") :] for line in said] == [
        web + "puppetlabs-stdlib >= 9.0.0 < 10.0.0, and Puppetfile, line 3, modules/stdlib is 8.1.0",
        web + "acme-none 2.x, which the Puppetfile does not declare",
        web + "acme-extra >= 1.0.0, and Puppetfile, line 4, modules/extra is 0.9.0",
        "Puppetfile, line 4, modules/extra: it needs acme-gone ~1.2, which the Puppetfile does not declare",
    ]
    # What a lock names already counts, too.
    releases.add(release_of("acme-more", dependencies={"puppetlabs/stdlib": ">= 9.0.0"}))
    (ready.path(WORK) / "Puppetfile").write_text(puppetfile + "mod 'acme/more'\n")
    done = lock(ready)
    assert "line 5, modules/more: it needs puppetlabs-stdlib >= 9.0.0, and Puppetfile, line 3, modules/stdlib is 8.1.0" in done.stderr
    assert "modules/web" not in done.stderr  # it was not asked for again


def test_a_puppet_that_a_module_does_not_know_is_named(ready: Instance, shape: Callable[..., Any], releases: Forge) -> None:
    installed = ready.run(["puppet", "--version"]).stdout.strip()
    major = int(installed.partition(".")[0])
    releases.add(release_of("acme-web", requirements={"puppet": f">= {major + 1}.0.0 < {major + 2}.0.0"}))
    releases.add(release_of("acme-db", requirements={"puppet": f">= {major}.0.0 < {major + 2}.0.0", "openvox": ">= 99.0.0"}))
    puppetfile = "mod 'acme/web'\nmod 'acme/db'\n"
    (said,) = locked(ready, shape, puppetfile)
    assert said.endswith(f"line 1, modules/web: it is for puppet >= {major + 1}.0.0 < {major + 2}.0.0, and does not know {installed}")
    assert locked(ready, shape, puppetfile, "--update", "--puppet", f"{major + 1}.4.0") == []
    assert len(locked(ready, shape, puppetfile, "--update", "--puppet", f"{major + 2}.0.0")) == 2
    refused = lock(ready, "--puppet", "newest")
    assert refused.returncode == 2 and "--puppet" in refused.stderr
    ready.write("/usr/bin/puppet", "#!/bin/sh\nexit 1\n", 0o755)
    assert locked(ready, shape, puppetfile, "--update") == []


def test_real_modules_know_each_other(ready: Instance, shape: Callable[..., Any], releases: Forge) -> None:
    real = [debian(name) for name in ("stdlib", "concat", "apt", "inifile")]
    for one in real:
        releases.add(one)
    said = locked(ready, shape, "".join(f"mod '{one.name}', '{one.version}'\n" for one in real), "--puppet", "7.23.0")
    assert not [line for line in said if "damaged" in line or "which the Puppetfile does not declare" in line], said


DAMAGED = {
    "nothing": b"",
    "no JSON": b"{{",
    "a list": b"[]",
    "no UTF-8": b'{"version": "\xff"}',
    "deep": b"[" * 100_000,
    "large": b'{"version": "1.0.0", "x": "' + bytes(2 << 20) + b'"}',
    "no version": b"{}",
    "wrong types": b'{"version": 1, "dependencies": {"a": 1}, "requirements": "puppet"}',
    "escapes": b'{"version": "\\u001b[31m1.0.0\\nPuppetfile, line 9", "dependencies": []}',
    "many": b'{"version": "1.0.0", "dependencies": [' + b",".join([b'{"name": "a-b"}'] * 5000) + b"]}",
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_metadata_stops_nothing(ready: Instance, shape: Callable[..., Any], releases: Forge, kind: str) -> None:
    url = git_module(shape, DAMAGED[kind])
    (said,) = locked(ready, shape, f"mod 'extra', git: '{url}'\n")
    assert "line 1, modules/extra: its metadata.json is damaged: " in said and "\x1b" not in said


@pytest.mark.parametrize("metadata", [[], "x", 5, {"version": "1.0.0", "dependencies": 7}])
def test_a_damaged_metadata_of_the_forge_stops_nothing(
    ready: Instance, shape: Callable[..., Any], releases: Forge, metadata: Any
) -> None:
    releases.add(release_of("acme-web"), metadata=metadata)
    (said,) = locked(ready, shape, "mod 'acme/web', '1.0.0'\n")
    assert "line 1, modules/web: its metadata.json is damaged: " in said
