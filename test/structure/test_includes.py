"""Reads every #include of agent/ and common/ and fails on an arrow that the design forbids.

Run by test/run and ctest.
"""

import re
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Which room may include which, besides itself. No circle is possible: each room names only rooms that stand below it here.
ROOMS = {
    "agent": "agent/pages agent/commands/support agent/commands agent/config agent/repository/fetch agent/servers common",
    "agent/pages": "agent/commands agent/help common",
    "agent/fleet": "agent/commands/past agent/commands agent/config common",
    "agent/commands/launch": "agent/commands agent/puppet agent/role agent/role/keys agent/platform agent/config common",
    "agent/commands/past": "agent/commands/repository agent/commands/runs agent/commands agent/timeline agent/doctor agent/run agent/record agent/repository agent/config common",
    "agent/commands/repository": "agent/commands agent/puppet agent/repository agent/repository/modules agent/servers agent/config common",
    "agent/commands/runs": "agent/commands/status agent/commands agent/daemon agent/run agent/record agent/config common",
    "agent/commands/status": "agent/commands agent/record common",
    "agent/commands/support": "agent/commands agent/doctor agent/record agent/role agent/role/keys agent/platform agent/servers agent/config common",
    "agent/commands": "agent/help agent/daemon agent/run agent/record agent/puppet agent/platform agent/config common",
    "agent/help": "common",
    "agent/doctor": "agent/run agent/record agent/puppet agent/repository agent/repository/proof agent/role agent/role/keys agent/platform agent/servers agent/servers/objects agent/config common",
    "agent/daemon": "agent/run agent/record agent/platform agent/config common",
    "agent/run": "agent/announce agent/hooks agent/trace agent/record agent/health agent/puppet agent/repository agent/role agent/role/keys agent/platform agent/config common",
    "agent/announce": "agent/record agent/role/keys agent/servers agent/platform agent/config common",
    "agent/hooks": "agent/record agent/config common",
    "agent/trace": "agent/timeline agent/record agent/servers agent/config common",
    "agent/timeline": "agent/record agent/config common",
    "agent/record": "agent/health agent/puppet/result agent/repository agent/role agent/role/keys agent/platform agent/config common",
    "agent/health": "agent/role agent/role/keys agent/config common",
    "agent/puppet": "agent/puppet/result agent/repository agent/role agent/role/keys agent/servers agent/servers/secrets agent/platform agent/config common",
    "agent/puppet/result": "agent/repository common",
    "agent/repository/fetch": (
        "agent/repository/modules agent/repository/sources agent/repository agent/repository/proof"
        " agent/servers/objects agent/servers common"
    ),
    "agent/repository/modules": "agent/repository/sources agent/repository agent/servers/objects common",
    "agent/repository/sources": (
        "agent/repository agent/servers/objects agent/servers/secrets agent/servers agent/servers/git agent/config common"
    ),
    "agent/repository": (
        "agent/repository/proof agent/servers/objects agent/servers/secrets agent/servers agent/platform agent/config common"
    ),
    "agent/repository/proof": "common",
    "agent/role": "agent/platform agent/config agent/role/keys common",
    "agent/servers/objects": "agent/servers agent/platform common",
    "agent/servers/secrets": "agent/servers agent/platform agent/config common",
    "agent/servers": "agent/servers/git agent/platform agent/config common",
    "agent/servers/git": "common",
    "agent/platform": "agent/config common",
    "agent/config": "agent/role/keys common",
    "agent/role/keys": "common",
    "common/git": "common/files common/base",
    "common/net": "common/documents common/files common/base",
    "common/processes": "common/files common/base",
    "common/sandbox": "common/files common/base",
    "common/documents": "common/base",
    "common/files": "common/base",
    "common/base": "",
}
# The stages of a run. Each knows of an earlier one only the type that is handed on.
STAGES = ["agent/platform", "agent/role", "agent/repository", "agent/puppet", "agent/health", "agent/record"]

# All that a stage may know of an earlier one: the type that it hands on.
HANDED_ON = {
    "agent/platform/cloud_identity.hpp",
    "agent/platform/container.hpp",
    "agent/platform/instance_metadata.hpp",
    "agent/role/shown_role.hpp",
    "agent/role/keys/certname_template.hpp",  # how a value of the role config is meant
    "agent/role/keys/announce_config.hpp",
    "agent/role/keys/health_config.hpp",
    "agent/role/keys/role_config.hpp",
    "agent/repository/checkout.hpp",
    "agent/puppet/result/puppet_result.hpp",
    "agent/health/health_result.hpp",
}

# What the clouds share. Everything else in agent/platform/ belongs to one cloud, and no other cloud knows of it.
SHARED_BY_CLOUDS = {
    "agent/platform/cloud_identity.hpp",
    "agent/platform/container.hpp",
    "agent/platform/context_variables.hpp",  # the reader of OpenNebula's document, which a capture needs, too
    "agent/platform/document.hpp",
    "agent/platform/instance_metadata.hpp",
    "agent/platform/ec2_style.hpp",
    "agent/platform/machine.hpp",
    "agent/platform/metadata_service.hpp",
    "agent/platform/openstack_document.hpp",
    "agent/platform/ovf_environment.hpp",
    "agent/platform/platform.hpp",
}

# Each library is known to one file. nlohmann-json is used directly everywhere.
LIBRARIES = {
    r"boost/(asio|beast)/.*": "common/net/http.cpp",
    r"git2(\.h|/.*)": r"common/git/.*\.cpp|common/git/handles\.hpp",
    r"yaml-cpp/.*": "common/documents/yaml.cpp",
    r"curl/.*": r"common/net/web(_certificate|_look_up)?\.cpp",
    r"expat\.h": "common/documents/xml.cpp",
    r"zlib\.h": "common/base/encoding.cpp",
    r"seccomp\.h": "common/sandbox/seccomp.cpp",
    r"CLI/.*": "agent/commands/command_line.cpp",
    r"archive(_entry)?\.h": "common/files/archive.cpp",
    r"boost/(?!asio/|beast/).*|(asio|fmt|systemd|openssl)/.*": "no file",
    r"catch2/.*|test/.*": "no file",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def stage_of(path):
    return next((stage for stage in STAGES if path.startswith(stage + "/")), None)


def folder_of(path):
    return path.rsplit("/", 1)[0]


def read_includes(root):
    """{file: [(line number, bracket, what is included)]}, paths from the root."""
    files = {}
    for folder in ("agent", "common"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".cpp", ".hpp", ".h", ".in"):
                continue
            text = path.read_text(encoding="utf-8")
            name = path.relative_to(root).as_posix().removesuffix(".in")
            files[name] = [(text.count("\n", 0, found.start(2)) + 1, found[1], found[2]) for found in INCLUDE.finditer(text)]
    return files


def may_include(room, other):
    allowed = ROOMS[room].split()
    return other == room or other in allowed or ("common" in allowed and other.startswith("common/"))


def why_forbidden(source, target):
    """What is wrong with this arrow between two of our own files, or None."""
    room, other = folder_of(source), folder_of(target)
    if not may_include(room, other):
        return f"{room} may not know {other}"
    if stage_of(source) and stage_of(target) and stage_of(source) != stage_of(target) and target not in HANDED_ON:
        return "a stage knows of an earlier stage only the type that is handed on"
    own = Path(source).stem == Path(target).stem
    if room == other == "agent/platform" and not own and source not in SHARED_BY_CLOUDS and target not in SHARED_BY_CLOUDS:
        return "one cloud knows of another"
    return None


def find_cycle(graph):
    """A list of files that include each other in a ring, or None."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        path.append(node)
        for following in graph.get(node, ()):
            if cycle := visit(following):
                return cycle
        path.pop()
        done.add(node)
        return None

    return next(filter(None, map(visit, graph)), None)


def violations(root):
    files = read_includes(root)
    found, graph = [], {}
    for source, includes in files.items():
        if folder_of(source) not in ROOMS:
            found.append(f"{source}: stands in no room of the design")
            continue
        for line, bracket, target in includes:
            where = f"{source}:{line}: {target}"
            if target.startswith(("agent/", "common/")):
                graph.setdefault(source, []).append(target)
                if bracket == "<":
                    found.append(f'{where}: our own files are included in ""')
                elif target not in files:
                    found.append(f"{where}: no such file")
                elif target.endswith(".cpp"):
                    found.append(f"{where}: only headers are included")
                elif folder_of(target) in ROOMS and (why := why_forbidden(source, target)):
                    found.append(f"{where}: {why}")
                continue
            if bracket == '"':
                found.append(f"{where}: our own files are named from the repository's root")
            for pattern, owner in LIBRARIES.items():
                if re.fullmatch(pattern, target) and not re.fullmatch(owner, source):
                    found.append(f"{where}: only {owner} may include this library")
    if cycle := find_cycle(graph):
        found.append("a ring of includes: " + " → ".join(cycle))
    return found, sum(map(len, files.values()))


def test_includes_follow_the_design():
    found, count = violations(ROOT)
    assert not found, "\n" + "\n".join(found)
    assert count > 0, "no #include was found: this test looks at the wrong folder"


# --- The check itself: each forbidden arrow, alone in a tree of its own, must be seen.

ALLOWED = {
    "agent/main.cpp": '#include "agent/commands/command_line.hpp"\n',
    "agent/commands/command_line.hpp": '#include "agent/commands/command.hpp"\n',
    "agent/commands/command_line.cpp": "#include <CLI/CLI.hpp>\n",
    "agent/commands/command.hpp": '#include "agent/run/run.hpp"\n',
    "agent/run/run.hpp": '#include "agent/platform/platform.hpp"\n#include "agent/puppet/puppet.hpp"\n',
    "agent/puppet/puppet.hpp": '#include "agent/puppet/result/puppet_result.hpp"\n',
    "agent/puppet/result/puppet_result.hpp": '#include "agent/repository/checkout.hpp"\n',
    "agent/role/role_layers.hpp": '#include "agent/platform/instance_metadata.hpp"\n#include "agent/role/keys/role_config.hpp"\n',
    "agent/role/keys/role_config.hpp": "#include <nlohmann/json.hpp>\n",
    "agent/repository/checkout.hpp": "",
    "agent/repository/repository.cpp": '#include "agent/repository/checkout.hpp"\n#include "agent/servers/ask.hpp"\n',
    "agent/repository/fetch/fetch.cpp": '#include "agent/repository/checkout.hpp"\n',
    "agent/servers/ask.hpp": '#include "agent/platform/cloud_identity.hpp"\n',
    "agent/platform/cloud_identity.hpp": "",
    "agent/config/config.hpp": '#include "common/base/error.hpp"\n',
    "agent/platform/platform.hpp": '#include "agent/platform/instance_metadata.hpp"\n#include "agent/config/config.hpp"\n',
    "agent/platform/instance_metadata.hpp": "#include <string>\n",
    "agent/platform/ec2.cpp": '#include "agent/platform/ec2.hpp"\n#include "agent/platform/platform.hpp"\n',
    "agent/platform/ec2.hpp": "",
    "common/base/error.hpp": '#include "common/base/version.hpp"\n',
    "common/base/version.hpp.in": "",
    "common/net/http.cpp": "#include <boost/asio/io_context.hpp>\n",
}
FORBIDDEN = [
    ("common/base/error.hpp", "agent/config/config.hpp", "may not know"),
    ("common/base/error.hpp", "common/net/http.hpp", "no such file"),
    ("common/net/http.hpp", "agent/config/config.hpp", "may not know"),
    ("agent/config/config.hpp", "agent/platform/platform.hpp", "may not know"),
    ("agent/role/role_layers.hpp", "agent/repository/checkout.hpp", "may not know"),
    ("agent/servers/ask.hpp", "agent/repository/checkout.hpp", "may not know"),
    ("agent/repository/checkout.hpp", "agent/repository/fetch/fetch.hpp", "no such file"),
    ("agent/repository/repository.cpp", "agent/platform/platform.hpp", "handed on"),
    ("agent/platform/platform.hpp", "agent/run/run.hpp", "may not know"),
    ("agent/platform/gce.cpp", "agent/platform/ec2.hpp", "another"),
    ("common/base/error.hpp", "common/base/error.hpp", "ring"),
    ("agent/platform/instance_metadata.hpp", "agent/platform/platform.hpp", "ring"),
    ("common/base/error.hpp", "common/base/missing.hpp", "no such file"),
    ("agent/run/run.hpp", "agent/platform/ec2.cpp", "only headers"),
    ("agent/other/other.hpp", "common/base/error.hpp", "no room"),
    ("common/other.hpp", "common/base/error.hpp", "no room"),
    ("agent/run/run.hpp", "boost/asio/io_context.hpp", "library"),
    ("common/git/git.hpp", "git2.h", "library"),
    ("common/net/http.cpp", "yaml-cpp/yaml.h", "library"),
    ("common/net/http.cpp", "zlib.h", "library"),
    ("common/net/http.cpp", "seccomp.h", "library"),
    ("agent/run/run.hpp", "CLI/App.hpp", "library"),
    ("common/net/http.cpp", "boost/process.hpp", "library"),
    ("agent/run/run.hpp", "run.hpp", "root"),
]


def violations_of(tree):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in tree.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return violations(Path(folder))[0]


def test_rooms_name_only_rooms_below_them():
    rooms = list(ROOMS)
    for number, room in enumerate(rooms):
        for other in ROOMS[room].split():
            assert other == "common" or other in rooms[number + 1 :], f"{room} names {other}, which stands above it"


def test_no_room_may_include_more_than_it_does():
    known = {(folder_of(source), folder_of(target)) for source, found in read_includes(ROOT).items() for _, _, target in found if "/" in target}
    spare = [(room, other) for room in ROOMS for other in ROOMS[room].split() if other != "common" and (room, other) not in known]
    assert not spare, spare


def test_allowed_arrows_pass():
    assert violations_of(ALLOWED) == []


def test_forbidden_arrows_are_caught():
    for source, target, reason in FORBIDDEN:
        line = f'#include "{target}"\n' if target.startswith(("agent/", "common/", "run")) else f"#include <{target}>\n"
        found = violations_of({**ALLOWED, source: ALLOWED.get(source, "") + line})
        assert any(reason in text and source in text for text in found), f"{source} → {target} was not caught: {found}"


# Who limits a transfer, or a process of its own: all else takes time from Clock.
READS_THE_STEADY_CLOCK = {
    "agent/keeper_main.cpp",
    "agent/puppet/warm.cpp",
    "agent/repository/sources/downloader.cpp",
    "agent/repository/sources/mirrors.cpp",
    "agent/servers/child_protocol.hpp",
    "agent/servers/git/rate_watch.hpp",
    "common/base/clock.cpp",
    "common/net/http.cpp",
    "common/net/name_server.cpp",
    "common/net/tcp.cpp",
    "common/net/web.cpp",
    "common/processes/process.cpp",
    "common/processes/process_tree.cpp",
}


def test_time_comes_from_the_clock():
    asks = re.compile(r"(?:steady|system)_clock::now|sleep_for|sleep_until\(|clock_gettime|nanosleep")
    files = [file for folder in ("agent", "common") for file in (ROOT / folder).rglob("*.[ch]pp")]
    found = {file.relative_to(ROOT).as_posix() for file in files if asks.search(file.read_text())}
    assert found == READS_THE_STEADY_CLOCK, "take the time from System::clock, as tests do not wait"
