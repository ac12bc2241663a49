"""Whether two machines are the same but for what their platform is meant to change, by what bootwright itself says of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from desk import Desk
from problem import Problem

#: What is meant to differ from place to place: the fact `cloud`, and the name that Puppet has for the machine (the instance's id).
PLATFORM_FACTS = ("clientcert", "cloud")


@dataclass(frozen=True)
class Record:
    """What was read of a machine that is configured."""

    digest: str
    revision: str
    role: str
    outcome: str
    facts: dict[str, Any]
    catalog: dict[str, Any]
    #: Each place of the repository that was asked, and what it said.
    places: list[tuple[str, str]]


def read_record(desk: Desk, name: str) -> Record:
    line = json.loads(desk.on(name, "bootwright history --json"))[-1]
    status = json.loads(desk.on(name, "bootwright status --json"))
    desk.on(name, "rm -f /root/facts.json && bootwright capture --facts /root/facts.json")
    return Record(
        line["catalog_digest"], line["revision"], line["role"], line["outcome"],
        json.loads(desk.on(name, "cat /root/facts.json")), desk.catalog(name, line["run"]),
        [(one["place"], one["said"]) for one in status["run"]["places"]],
    )  # fmt: skip


def with_facts_of(here: Mapping[str, Any], there: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The facts file of one machine with these facts of another."""
    facts = {name: value for name, value in here["facts"].items() if name not in names}
    facts |= {name: value for name, value in there["facts"].items() if name in names}
    return {**here, "facts": facts}


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The parameters of resources in which two catalogs differ: "File[/etc/motd].content"."""
    named = [{f"{resource['type']}[{resource['title']}]": resource for resource in catalog["resources"]} for catalog in (one, other)]
    found = []
    for name in sorted(named[0].keys() | named[1].keys()):
        if name not in named[0] or name not in named[1]:
            found.append(name)
            continue
        before, after = (resources[name]["parameters"] for resources in named)
        found += [f"{name}.{key}" for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key)]
    return found


class Compiler(Protocol):
    """What gives the digest of the catalog of a file of facts."""

    def digest(self, facts: Mapping[str, Any]) -> str: ...


class Laptop:
    """Compiles catalogs from a working copy with facts of machines: `bootwright validate --facts`."""

    def __init__(self, desk: Desk, repository: str, role_file: str) -> None:
        self._desk, self._repository, self._role_file = desk, repository, role_file

    def digest(self, facts: Mapping[str, Any]) -> str:
        self._desk.write("facts.json", json.dumps(facts))
        said = self._desk.run(f"bootwright validate --repository {self._repository} --facts facts.json {self._role_file} --json")
        catalog = json.loads(said)["files"][0]["catalog"]
        if not catalog["good"]:
            raise Problem(f"the catalog does not compile: {catalog['error']}")
        return str(catalog["digest"])


@dataclass(frozen=True)
class Verdict:
    same: bool
    said: str
    #: Of the catalog with the other machine's name and fact `cloud`; "" where it was not asked for.
    digest: str = ""


def compare(laptop: Compiler, reference: Record, here: Record) -> Verdict:
    """The question is put to Puppet: with the other machine's name and fact `cloud`, is this machine's catalog the other one's?"""
    wrong = [
        f"{what} {mine} instead of {theirs}"
        for what, mine, theirs in (("revision", here.revision, reference.revision), ("role", here.role, reference.role))
        if mine != theirs
    ]
    if laptop.digest(here.facts) != here.digest:
        wrong.append("the catalog that was applied is not the one that its facts give")
    if wrong:
        return Verdict(False, "; ".join(wrong))
    if here.digest == reference.digest:
        return Verdict(True, "nothing", here.digest)
    changed = ", ".join(differences(reference.catalog, here.catalog))
    digest = laptop.digest(with_facts_of(here.facts, reference.facts, PLATFORM_FACTS))
    if digest == reference.digest:
        return Verdict(True, changed, digest)
    return Verdict(False, f"{changed}: by {_culprits(laptop, reference, here)}", digest)


def _culprits(laptop: Compiler, reference: Record, here: Record) -> str:
    """The facts that have a part in it besides those of the platform."""
    mine, theirs = here.facts["facts"], reference.facts["facts"]
    unlike = {name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)}

    def guilty(names: list[str]) -> list[str]:
        """Those without which the catalogs differ even with all others alike; by halves, as each question is a compile."""
        if laptop.digest(with_facts_of(here.facts, reference.facts, unlike - set(names))) == reference.digest:
            return []
        half = len(names) // 2
        return names if half == 0 else (guilty(names[:half]) + guilty(names[half:]) or names)

    if laptop.digest(with_facts_of(here.facts, reference.facts, unlike)) != reference.digest:
        return "something that is no fact"
    return "the facts " + ", ".join(guilty(sorted(unlike - set(PLATFORM_FACTS))))
