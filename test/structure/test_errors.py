"""docs/operations.md lists exactly the codes that the sources make, with their kinds, and some test provokes each."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE = re.compile(r'(?:\b(transient|permanent)_error\(|ErrorKind::(stopped),)\s*"([a-z]+(?:\.[a-z0-9_]+)?)"')
#: Made in other ways: by the configuration's and the role config's documents, and for every failed request.
MADE_BY_DOCUMENTS = {"config.invalid": {"permanent"}, "role.invalid": {"permanent"}}


def codes_in_sources(root: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {code: set(kinds) for code, kinds in MADE_BY_DOCUMENTS.items()}
    for file in [*root.glob("agent/**/*.cpp"), *root.glob("agent/servers/credentials.hpp"), *root.glob("common/**/*.cpp")]:
        text = file.read_text()
        for kind, stopped, code in MADE.findall(text):
            found.setdefault(code, set()).add(kind or stopped)
        for code in re.findall(r'\? "([a-z]+\.[a-z_]+)" : "([a-z]+\.[a-z_]+)"', text):
            for one in code:
                found.setdefault(one, set())
        # Those of SecretFileErrors: what is wrong with the file of a secret.
        for code in re.findall(r'\b(?:missing|exposed) = "([a-z]+\.[a-z_]+)"', text):
            found.setdefault(code, {"permanent"})
    found["stopped"] = {"stopped"}
    return found


def codes_in_document(text: str) -> dict[str, str]:
    """Code and kind of each entry: "#### `git.corrupt`", and below it "*Transient.* What it means."."""
    found = {}
    for heading, kind in re.findall(r"^#### (.*)\n\*([^*]*)\.\*", text, re.M):
        found.update({code: kind.lower() for code in re.findall(r"`([^`]+)`", heading)})
    return found


#: Where a code is only written about, and nothing provokes it.
NO_TESTS = {"structure", "fuzz", "fixtures"}


def codes_in_tests(root: Path) -> set[str]:
    files = [file for end in ("cpp", "hpp", "py") for file in root.glob(f"test/**/*.{end}")]
    texts = (file.read_text() for file in files if not NO_TESTS & set(file.relative_to(root).parts))
    return {code for text in texts for code in re.findall(r'"([a-z]+(?:\.[a-z0-9_]+)?)"', text)}


def test_each_code_is_listed_and_each_listed_code_exists() -> None:
    listed = codes_in_document((ROOT / "docs/operations.md").read_text())
    made = codes_in_sources(ROOT)
    missing = {code: "/".join(sorted(kinds)) for code, kinds in made.items() if code not in listed}
    assert not missing, "write an entry in docs/operations.md, as its neighbours are, for each of these"
    assert set(listed) == set(made), "no source makes these any more"


def test_each_code_was_provoked_by_some_test() -> None:
    assert not set(codes_in_sources(ROOT)) - codes_in_tests(ROOT), "no test names these"


def test_what_the_download_program_may_say_is_on_the_list_of_what_is_believed() -> None:
    spoken = ["agent/servers/program.cpp", "agent/servers/r10k_install.cpp", "common/net/url.cpp"]
    files = [ROOT / file for file in spoken] + [*ROOT.glob("agent/servers/git/*.cpp")] + [*ROOT.glob("common/net/web*.cpp"), *ROOT.glob("common/net/http_header.cpp")]
    made = {(code, kind) for file in files for kind, _, code in MADE.findall(file.read_text())}
    rows = re.findall(r'Code\{"([a-z0-9_.]+)", (true|false), (true|false)\}', (ROOT / "agent/servers/event.cpp").read_text())
    believed = {(code, "transient") for code, transient, _ in rows if transient == "true"}
    believed |= {(code, "permanent") for code, _, permanent in rows if permanent == "true"}
    assert len(made) > 10 and made <= believed, made - believed
    listed = codes_in_document((ROOT / "docs/operations.md").read_text())
    assert all(kind in listed[code] for code, kind in believed), "a kind that docs/operations.md does not have"


def test_the_kinds_are_those_of_the_sources() -> None:
    listed = codes_in_document((ROOT / "docs/operations.md").read_text())
    for code, kinds in codes_in_sources(ROOT).items():
        for kind in kinds:
            assert kind in listed[code], f"{code} is {kind}, but docs/operations.md says: {listed[code]}"


WITHOUT_ADVICE = re.compile(r'_error\(\s*"([a-z_.]+)",[^;]*?,\s*""\)')
OF_THE_AGENT = re.compile(r'"(?:repository|role|puppet|announce|platform|health)\.[a-z_]+"|agent\.json|role config')


def test_what_to_do_about_an_error_of_common_stands_in_one_table() -> None:
    without = {code for file in (ROOT / "common").rglob("*.cpp") for code in WITHOUT_ADVICE.findall(file.read_text())}
    table = re.findall(r'Advice\{"([a-z_.]+)"', (ROOT / "agent/servers/advice.cpp").read_text())
    assert without and without == set(table)


def test_common_knows_nothing_of_the_agent() -> None:
    found = {
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for file in (ROOT / "common").rglob("*.[ch]pp")
        for line in file.read_text().splitlines()
        if OF_THE_AGENT.search(line.split("//")[0])
    }
    assert not found, "below, an error says what happened (server.*, git.*); whoever calls says what to do"


def test_the_check_can_fail(tmp_path: Path) -> None:
    (tmp_path / "common").mkdir()
    (tmp_path / "common/x.cpp").write_text('throw permanent_error(\n    "area.new_reason", "…");')
    assert codes_in_sources(tmp_path)["area.new_reason"] == {"permanent"}
    assert WITHOUT_ADVICE.findall('permanent_error("a.b", f(x) + ", ",\n   "")') == ["a.b"]
    assert OF_THE_AGENT.search('"repository.x"') and OF_THE_AGENT.search("in agent.json")
    assert codes_in_document("#### `a.b`, `a.c`\n*Transient; or not.* x\n") == dict.fromkeys(("a.b", "a.c"), "transient; or not")
    (tmp_path / "test/structure").mkdir(parents=True)
    (tmp_path / "test/x_test.cpp").write_text('CHECK(error.code == "area.new_reason");')
    (tmp_path / "test/structure/x.py").write_text('"area.other"')
    assert codes_in_tests(tmp_path) == {"area.new_reason"}
