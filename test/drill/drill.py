"""A region is lost, and what ran there is launched elsewhere: docs/region-down.md, followed."""

from __future__ import annotations

import dataclasses
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import launching
from cables import Cable
from comparison import Laptop, Record, Verdict, compare, read_record
from desk import Desk
from image_machine import architecture_of
from machines import Launched, Namespaced, Spawned
from real_incus import Guest
from real_nova import Nova
from places import LOST, Place
from problem import Problem
from real_machine import wait_for
from regions import PREFIX, Regions, image_files
from runbook import PAGE, Runbook, filled
from world import World

#: What the page has in capitals, where it is the same for all machines. What only a cloud knows is made up.
BLANKS = {
    "INVENTORY": "inventory", "NEW": "new", "IRELAND": "ireland", "GOOGLE": "google", "USER": "root",
    "AMI": "ami-0abcdef0123456789", "TYPE": "t3.small", "GROUP": "sg-0123456789abcdef0", "SUBNET": "subnet-0123456789abcdef0", "KEY": "key",
    "NAME": "web-1", "PROJECT": "example-project", "ZONE": "europe-west1-b", "IMAGE": "base-amd64-2026-4", "REGION": "RegionOne",
    "FLAVOR": "m1.small", "NETWORK": "internal",
}  # fmt: skip
#: Places that are the base image where there is one.
_OF_IMAGE = ("ec2-ireland", "lxd")
#: Seconds until a machine is configured. What is dead costs up to half a minute each time that it is asked.
_DEADLINE = 300


@dataclass(frozen=True)
class Row:
    place: str
    machine: str
    lost: str
    seconds: float | None
    digest: str
    verdict: Verdict


class Drill:
    def __init__(
        self, binary: Path, images: Sequence[Path], debian: launching.Debian | None, incus: Path | None, control_repo: Path | None, role: str
    ) -> None:
        """incus: what real_incus.unpacked() returns."""
        self._binary, self._images, self._debian, self._incus = binary, images, debian, incus
        self._world = World()
        try:
            self._regions = Regions(self._world, control_repo, role)
            targets = {name: self._regions.store(lost=name == "frankfurt", prefix=name) for name in ("frankfurt", "ireland", "google")}
            self._book = Runbook(PAGE.read_text())
            self._validate = self._book.take("4", "bootwright validate ")
            self._role_file = shlex.split(self._validate)[-1]
            self._user_data = self._book.take("5", "bootwright userdata ")
            self._launches = {program: self._book.take("6", f"{program} ") for program in ("aws", "gcloud", "az", "openstack", "incus")}
            self._wait = self._book.take("7", "ssh ")
            self._desk = Desk(self._world, binary, self._regions.repo.work, targets, self._regions.role_config(), self._role_file)
        except BaseException:
            self._world.close()
            raise
        self._laptop = Laptop(self._desk, Desk.REPOSITORY, self._role_file)
        self._cables: list[Cable] = []
        self._machines: list[Launched] = []
        self._nova: Nova | None = None

    def run(self, places: Sequence[Place]) -> int:
        try:
            return self._run([each for place in places for each in self._of_images(place)])
        finally:
            for machine in self._machines:
                machine.destroy()
            for cable in self._cables:
                cable.close()
            if self._nova is not None:
                self._nova.close()
            self._regions.close()
            self._world.close()

    def _of_images(self, place: Place) -> list[Place]:
        """For each image one, of which the same metadata are told: their catalogs have to be the same."""
        images = self._images if place.name in _OF_IMAGE else []
        return [dataclasses.replace(place, name=f"{place.name}-{architecture_of(image)}", image=image) for image in images] or [place]

    def _run(self, places: Sequence[Place]) -> int:
        self._say("Before: the release is in two of three regions, the snapshot in the store, a machine in Frankfurt")
        self._prepare()
        lost, row = self._configure(LOST, None)
        if lost is None:
            return self._table([row])
        self._say("Frankfurt is lost: its machine, its git host, its stores, and of all metadata what nothing depends on")
        self._machines[0].destroy()
        cables = {place.name: self._cable() for place in places}
        self._regions.lose({cables[place.name].subnet: place.death for place in places})
        self._ask_what_is_gone()
        rows = [row]
        for place in places:
            rows.append(self._configure(place, lost, cables[place.name])[1])
        self._look_at_all([row.place for row in rows[1:] if row.seconds is not None])
        self._region_comes_back()
        if left := self._book.left():
            raise Problem(f"{PAGE.name} has commands that the drill does not follow: {'; '.join(left)}")
        return self._table(rows)

    def _prepare(self) -> None:
        repo = self._regions.repo
        self._desk.run(f"bootwright snapshot make --repository {repo.url()} --output snapshots")
        self._regions.swift.put(f"{PREFIX}/{repo.head}.bundle", (self._desk.folder / "snapshots" / f"{repo.head}.bundle").read_bytes())
        self._publish_command = self._book.take("2", "packaging/image/publish base-2026.4-amd64.manifest.json --to IRELAND GOOGLE")
        manifest = shlex.split(self._publish_command)[1]
        self._desk.run(f"packaging/image/publish {manifest} --to frankfurt google")

    def _ask_what_is_gone(self) -> None:
        """Steps 1 to 4."""
        self._desk.write(BLANKS["INVENTORY"], f"{LOST.name}\n")
        said = self._follow(self._book.take("1", "bootwright fleet "), expect=1)
        if "1 unreachable" not in said:
            raise Problem(f"the machine of the lost region is not said to be unreachable:\n{said}")
        self._follow(self._publish_command, expect=1)  # Ireland lacks it
        self._follow(self._book.take("2", "packaging/image/publish "))
        self._follow(self._publish_command)
        copies = self._follow(self._book.take("3", "jq "))
        if "ireland" not in copies:
            raise Problem(f"the record does not name the new copy:\n{copies}")
        self._follow(self._validate)

    def _configure(self, place: Place, reference: Record | None, cable: Cable | None = None) -> tuple[Record | None, Row]:
        """Steps 5 to 7, and how it came out."""
        self._say(f"{place}: " + (f"what is lost is {place.death}" if place.death else "while all is well"))
        machine = self._machine(place, cable or self._cable())
        try:
            seconds = self._launch(place, machine)
            record = read_record(self._desk, place.name)
            verdict = Verdict(True, "the one that is lost", record.digest) if reference is None else self._judge(place, reference, record)
        except (Problem, TimeoutError, RuntimeError) as problem:
            print(f"{problem}\n{machine.describe()}", flush=True)
            return None, Row(place.name, machine.kind, place.death, None, "", Verdict(False, "not configured: see above"))
        return record, Row(place.name, machine.kind, place.death, seconds, record.digest[:12], verdict)

    def _judge(self, place: Place, reference: Record, record: Record) -> Verdict:
        repository = self._regions.role_config()["repository"]
        *lost, alive = [repository["url"], *repository["mirrors"]]
        if place.seed:
            well = record.places == []
        else:
            # A network that is not up yet is told as well: the one that is alive may have had no answer at first.
            dead = {where for where, said in record.places if said != "gave it"}
            well = record.places[-1:] == [(alive, "gave it")] and dead | {alive} == {*lost, alive}
        if not well:
            return Verdict(False, f"its repository did not come as it has to: {record.places}")
        # Another one may say the same, as the seed that Incus makes of its image's templates.
        if (platform := record.facts["facts"]["cloud"]["platform"]) != place.platform:
            return Verdict(False, f"it was told by {platform} instead of {place.platform}")
        return compare(self._laptop, reference, record)

    def _launch(self, place: Place, machine: Launched) -> float:
        self._follow(self._user_data.replace("--for ec2", f"--for {place.platform}"))
        line, file = "", self._user_data.split(">")[1]
        if place.program:
            line = filled(self._launches[place.program], BLANKS)
            print(f"$ {line}", flush=True)
            file = launching.user_data_file(line)
            if self._debian is not None:
                launching.check(line, self._desk.folder, self._debian)
        if isinstance(machine, Guest):
            machine.given(line, self._desk.folder)
        elif self._debian is not None and place.platform == "openstack":
            machine.kind += ", Nova's metadata"
            self._nova = Nova(self._world.network.servers, self._world.new_folder("nova"), self._debian, self._desk.read(file))
            machine.cable.serve_metadata(self._nova)
        else:
            place.furnish(machine, self._desk.read(file))
        self._desk.host(place.name, machine.cable.address)
        began = time.monotonic()
        machine.start()
        wait_for(lambda: self._listens(machine.cable.address), f"ssh of {place}", timeout=120, every=0.1)
        self._follow(self._wait, {"ADDRESS": machine.cable.address}, deadline=_DEADLINE)
        return time.monotonic() - began

    def _look_at_all(self, names: Sequence[str]) -> None:
        """Step 8."""
        self._say("All that are configured")
        command = self._book.take("8", "bootwright fleet ")
        if not names:
            return
        self._desk.write(BLANKS["NEW"], "".join(f"{name}\n" for name in names))
        said = self._follow(command)
        if f"{len(names)} good" not in said:
            raise Problem(f"not all of the new machines are good:\n{said}")

    def _region_comes_back(self) -> None:
        self._say("The region is back")
        self._regions.come_back()
        self._follow(self._book.take("Afterwards", "packaging/image/publish "))

    def _machine(self, place: Place, cable: Cable) -> Launched:
        made: Launched
        if place.image is not None and place.program == "incus" and self._incus is not None:
            made = Guest(self._world, place.image, self._incus, cable)
        elif place.image is not None:
            made = Spawned(self._world, place.image, place.name, cable, place.hardware, place.platform)
        else:
            made = Namespaced(self._world, self._binary, place.name, cable, place.hardware)
        self._machines.append(made)
        made.bake(image_files(), self._desk.key, self._regions.repo.bare if place.seed else None)
        return made

    def _cable(self) -> Cable:
        self._cables.append(Cable(self._world.network.servers, len(self._cables) + 1))
        return self._cables[-1]

    def _listens(self, address: str) -> bool:
        try:
            self._world.network.servers.connect(address, 22, timeout=1).close()
        except OSError:
            return False
        return True

    def _follow(self, command: str, blanks: Mapping[str, str] = {}, *, expect: int = 0, deadline: float = 120) -> str:
        line = filled(command, {**BLANKS, **blanks})
        print(f"$ {line}", flush=True)
        return self._desk.run(line, expect=expect, deadline=deadline)

    @staticmethod
    def _say(text: str) -> None:
        print(f"\n== {text}", flush=True)

    def _table(self, rows: Sequence[Row]) -> int:
        """Prints it, and returns the exit status."""
        head = ("PLACE", "MACHINE", "WHAT IS LOST IS", "CONFIGURED", "DIGEST", "AS IN FRANKFURT", "WHAT DIFFERED")
        lines = [head] + [
            (
                row.place, row.machine, row.lost or "not yet lost", "never" if row.seconds is None else f"{row.seconds:.1f} s", row.digest,
                row.verdict.digest[:12],
                ("" if row.verdict.same else "WRONG: ") + row.verdict.said,
            )
            for row in rows
        ]  # fmt: skip
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        print()
        for line in lines:
            print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
        good = sum(row.verdict.same for row in rows[1:])
        print("\nAS IN FRANKFURT: the digest of its catalog with Frankfurt's id and fact `cloud`, the rest as it is")
        print(f"{good} of {len(rows) - 1} places came out as they have to, at {self._regions.repo.head[:12]}", flush=True)
        return 0 if all(row.verdict.same for row in rows) else 1
