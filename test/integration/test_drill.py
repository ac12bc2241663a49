"""The drill of a region that is lost (test/drill/run): its short form, and that it would notice."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import BINARY
from control_repo import EXAMPLE
from real_machine import REPOSITORY_ROOT

sys.path += [str(REPOSITORY_ROOT / "test" / name) for name in ("drill", "image", "boot")]

from comparison import Record, compare, differences  # noqa: E402
from drill import BLANKS  # noqa: E402
from launching import user_data_file  # noqa: E402
from places import PLACES, with_user_data  # noqa: E402
from platform_fixtures import FIXTURES, read_platform  # noqa: E402
from problem import Problem  # noqa: E402
from runbook import PAGE, Runbook, filled  # noqa: E402

DRILL = REPOSITORY_ROOT / "test/drill/run"


def drill(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DRILL, *arguments], env={**os.environ, "BOOTWRIGHT": str(BINARY)}, capture_output=True, text=True, timeout=400)


def test_the_same_role_comes_up_elsewhere() -> None:
    done = drill("ec2-ireland", "lxd", "bare")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {words[0]: words for line in done.stdout.split("PLACE")[1].splitlines() if (words := line.split())}
    lost = rows["ec2-frankfurt"]
    digest = lost[-6]  # before "the one that is lost"
    assert len(digest) == 12
    for place in ("ec2-ireland", "lxd", "bare"):
        assert digest in rows[place] and "WRONG:" not in rows[place], done.stdout
    assert "3 of 3 places came out as they have to" in done.stdout


@pytest.mark.skipif(
    "BOOTWRIGHT_DRILL" not in os.environ, reason="by name only: BOOTWRIGHT_DRILL=1 python3 -m pytest test/integration/test_drill.py"
)
def test_a_role_that_depends_on_more_than_the_platform_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "control"
    shutil.copytree(EXAMPLE, folder)
    (folder / "site-modules/role/manifests/tied.pp").write_text("class role::tied {\n  file { '/etc/tied': content => $facts['networking']['ip'] }\n}\n")
    done = drill("bare", "--control-repo", folder, "--role", "tied")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "WRONG: File[/etc/tied].content: by the facts networking" in done.stdout, done.stdout
    assert "0 of 1 places came out as they have to" in done.stdout


class Compiler:
    """A laptop whose catalog depends on the named facts alone."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def digest(self, facts: Mapping[str, Any]) -> str:
        return hashlib.sha256(json.dumps([facts["facts"].get(name) for name in self.names]).encode()).hexdigest()


FRANKFURT = {"clientcert": "i-1", "cloud": {"region": "eu-central-1"}, "networking": {"ip": "10.0.0.1"}, "uptime": 1, "virtual": "kvm"}
GOOGLE = {"clientcert": "1234", "cloud": {"region": "europe-west1"}, "networking": {"ip": "10.1.0.7"}, "uptime": 7, "virtual": "gce"}


def record(compiler: Compiler, facts: dict[str, Any], **other: Any) -> Record:
    catalog = {"resources": [{"type": "File", "title": "/etc/x", "parameters": {"content": compiler.digest({"facts": facts})}}]}
    values = {"digest": compiler.digest({"facts": facts}), "revision": "r", "role": "web", "outcome": "changed", "facts": {"facts": facts}}
    return Record(**{**values, "catalog": catalog, "places": [], **other})


@pytest.mark.parametrize(
    ("depends_on", "same", "said"),
    [
        (("kernel",), True, "nothing"),
        (("cloud",), True, "File[/etc/x].content"),
        (("cloud", "clientcert"), True, "File[/etc/x].content"),
        (("cloud", "networking"), False, "File[/etc/x].content: by the facts networking"),
        (("networking", "virtual"), False, "File[/etc/x].content: by the facts networking, virtual"),
        (("virtual",), False, "File[/etc/x].content: by the facts virtual"),
    ],
)
def test_what_differs_is_held_against_the_facts(depends_on: tuple[str, ...], same: bool, said: str) -> None:
    laptop = Compiler(*depends_on)
    verdict = compare(laptop, record(laptop, FRANKFURT), record(laptop, GOOGLE))
    assert (verdict.same, verdict.said) == (same, said)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"revision": "s"}, "revision s instead of r"),
        ({"role": "db"}, "role db instead of web"),
        ({"digest": "0"}, "the catalog that was applied is not the one that its facts give"),
    ],
)
def test_another_revision_role_or_catalog_is_told(other: dict[str, str], said: str) -> None:
    laptop = Compiler("cloud")
    verdict = compare(laptop, record(laptop, FRANKFURT), record(laptop, GOOGLE, **other))
    assert (verdict.same, verdict.said) == (False, said)


def test_what_is_no_fact_is_told_to_be_none() -> None:
    laptop = Compiler("cloud")
    made = record(laptop, FRANKFURT)
    another = Record(**{**made.__dict__, "digest": "0"})  # at another time, say
    verdict = compare(laptop, another, record(laptop, GOOGLE))
    assert not verdict.same and verdict.said.endswith("by something that is no fact")


def test_resources_that_only_one_has_are_named() -> None:
    one = {"resources": [{"type": "File", "title": "a", "parameters": {"mode": "1"}}, {"type": "Notify", "title": "b", "parameters": {}}]}
    other = {"resources": [{"type": "File", "title": "a", "parameters": {"mode": "2", "owner": "x"}}]}
    assert differences(one, other) == ["File[a].mode", "File[a].owner", "Notify[b]"]


def test_the_page_is_followed_word_for_word() -> None:
    book = Runbook(PAGE.read_text())
    command = book.take("5", "bootwright userdata ")
    assert command not in " ".join(book.left())
    with pytest.raises(Problem, match="step 5 has no command"):
        book.take("5", "bootwright userdata ")
    for line in book.left():
        filled(line.split(": ", 1)[1], {**BLANKS, "ADDRESS": "10.99.1.10"})
    with pytest.raises(Problem, match="nobody knows what BUCKET is"):
        filled("aws s3 ls BUCKET", BLANKS)


@pytest.mark.parametrize("program", ["aws", "gcloud", "az", "openstack", "incus"])
def test_each_launch_passes_what_userdata_printed(program: str) -> None:
    book = Runbook(PAGE.read_text())
    written = book.take("5", "bootwright userdata ").split(">")[1]
    assert user_data_file(book.take("6", f"{program} ")) == written


@pytest.mark.parametrize(
    "line",
    [
        "aws ec2 run-instances --user-data user-data",
        "az vm create --name x",
        "gcloud compute instances create x --metadata-from-file startup-script=user-data",
        "incus launch image x --config cloud-init.user-data=user-data",
    ],
)
def test_a_launch_without_the_file_is_refused(line: str) -> None:
    with pytest.raises(Problem, match="passes no file as user-data"):
        user_data_file(line)


def test_incus_without_an_image_is_refused(tmp_path: Path) -> None:
    done = drill("--incus", tmp_path, "lxd")
    assert (done.returncode, list(tmp_path.iterdir())) == (2, []), done.stderr


@pytest.mark.parametrize("platform", sorted({place.platform for place in PLACES} & {"gce", "azure", "openstack", "hetzner", "lxd"}))
def test_a_fixture_gets_the_drills_user_data(platform: str) -> None:
    fixture = read_platform(FIXTURES / platform / "fixture.json")
    text = json.dumps(with_user_data(fixture.answers, fixture.expected_user_data, "#cloud-config\n"))
    assert "git.example.com" not in text and ("#cloud-config" in text or "I2Nsb3VkLWNvbmZpZwo=" in text)
