"""Where the drill launches the same role: for each place its metadata, and how the user-data gets there."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import metadata_faults as faults
from cables import Cable
from instance import EC2_SYS
from machine import PLAIN_SYS
from machines import Launched
from metadata_services import Ec2, Service, Tree
from platform_fixtures import FIXTURES, fixture_files, read_platform
from problem import Problem
from real_machine import command


@dataclass(frozen=True)
class Place:
    name: str
    #: What `bootwright userdata --for` is told.
    platform: str
    #: Whose command line of the page's step 6 launches it; "": the page has none.
    program: str
    #: How what was in the lost region looks from there.
    death: str
    #: Gives the machine, which is not running, its metadata and this user-data.
    furnish: Callable[[Launched, str], None]
    #: Whether the image has the repository's seed, so that no place is asked.
    seed: bool = False
    #: Files under /sys by which a machine knows its cloud.
    hardware: Mapping[str, str] = field(default_factory=dict)
    #: The tree that the machine is made of; None: it is a namespace.
    image: Path | None = None

    def __str__(self) -> str:
        return self.name


#: Of the metadata, what no configuration depends on: elsewhere it is as dead as the lost region. Patterns of paths, and how they fail.
_EXTRAS = (
    ("*/spot/*", faults.silence()),
    ("*/autoscaling/*", faults.silence()),
    ("*/iam/*", faults.reset()),
    ("*/service-accounts/*", faults.silence()),
    ("*/preempted", faults.silence()),
    ("*/maintenance-event", faults.status(503)),
    ("/metadata/scheduledevents", faults.silence()),
    ("/metadata/identity/*", faults.status(503)),
)


def _serve(cable: Cable, service: Service) -> None:
    server = cable.serve_metadata(service)
    for pattern, act in _EXTRAS:
        server.fault(pattern, act)


def ec2(region: str, instance_id: str, *, whole: bool = False) -> Callable[[Launched, str], None]:
    """whole: nothing of it is dead."""

    def furnish(machine: Launched, user_data: str) -> None:
        service = Ec2(user_data.encode(), instance_id=instance_id, region=region, zone=f"{region}a")
        if whole:
            machine.cable.serve_metadata(service)
        else:
            _serve(machine.cable, service)

    return furnish


def with_user_data(entries: Sequence[Mapping[str, Any]], old: str, new: str) -> list[dict[str, Any]]:
    """What a service answers, with other user-data; in base64 where the old is."""
    known = {old: new, base64.b64encode(old.encode()).decode(): base64.b64encode(new.encode()).decode()}
    found = 0

    def changed(value: Any) -> Any:
        nonlocal found
        if isinstance(value, str) and value in known:
            found += 1
            return known[value]
        if isinstance(value, dict):
            return {key: changed(inner) for key, inner in value.items()}
        return [changed(inner) for inner in value] if isinstance(value, list) else value

    made = [dict(changed(entry)) for entry in entries]
    if found != 1:
        raise Problem(f"the fixture has its user-data {found} times")
    return made


def _answers(platform: str, user_data: str) -> Tree:
    fixture = read_platform(FIXTURES / platform / "fixture.json")
    return Tree(with_user_data(fixture.answers, fixture.expected_user_data, user_data))


def replayed(platform: str) -> Callable[[Launched, str], None]:
    """The vendor's pages, as test/fixtures has them."""
    return lambda machine, user_data: _serve(machine.cable, _answers(platform, user_data))


def _disk(machine: Launched, user_data: str) -> None:
    """The disk that Debian's cloud-localds makes. No kernel is here that mounts one beside others: what stands in it is unpacked into the
    seed folder. (The volume itself is read by a kernel of Debian's in test/boot/test_cidata.py.)"""
    folder = machine.scratch
    (folder / "user-data").write_text(user_data)
    (folder / "meta-data").write_text("instance-id: drill-nocloud\nlocal-hostname: nocloud\n")
    command("cloud-localds", folder / "disk", folder / "user-data", folder / "meta-data")
    for name in ("user-data", "meta-data"):
        out = folder / f"{name}-read"
        command("xorriso", "-osirrox", "on", "-indev", folder / "disk", "-extract", f"/{name}", out)
        machine.write(f"/var/lib/cloud/seed/nocloud/{name}", out.read_text())


def _guest_socket(machine: Launched, user_data: str) -> None:
    """LXD's, as its documentation says it. A real Incus makes its own (real_incus.py)."""
    machine.serve_socket("/dev/lxd/sock", _answers("lxd", user_data))


def _role_file(machine: Launched, user_data: str) -> None:
    machine.write("/etc/bootwright/role.json", user_data, 0o600)


#: The one that gets lost: it is configured before.
LOST = Place("ec2-frankfurt", "ec2", "aws", "", ec2("eu-central-1", "i-0f00000000000001a", whole=True), hardware=EC2_SYS)

PLACES = [
    Place("ec2-ireland", "ec2", "aws", "refused", ec2("eu-west-1", "i-0e00000000000002b"), hardware=EC2_SYS),
    Place("gce", "gce", "gcloud", "silent", replayed("gce"), hardware=fixture_files("gce", "sys")),
    Place("azure", "azure", "az", "refused", replayed("azure"), hardware=fixture_files("azure", "sys")),
    Place("openstack", "openstack", "openstack", "silent", replayed("openstack"), hardware=fixture_files("openstack", "sys")),
    Place("hetzner", "hetzner", "", "refused", replayed("hetzner"), hardware=fixture_files("hetzner", "sys")),
    Place("nocloud", "nocloud", "", "silent", _disk, hardware=PLAIN_SYS),
    Place("lxd", "lxd", "incus", "refused", _guest_socket, hardware=PLAIN_SYS),
    Place("bare", "file", "", "silent", _role_file, seed=True, hardware=PLAIN_SYS),
]
