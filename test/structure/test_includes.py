"""Reads every #include of agent/ and common/ and fails on an arrow that the design forbids.

Run by test/run and ctest.
"""

import re
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# The floors of the house, from the top. An include points downwards, or stays on its floor.
FLOORS = [
    (11, r"agent/((fetch|download)_)?main\.cpp"),
    (10, r"agent/commands/.*|agent/daemon\..*"),
    (9, r"agent/(run(_worker)?|metadata_watch|boot_wait|stages)\..*|agent/announce/.*"),
    (8, r"agent/record/.*"),
    (7, r"agent/health/.*"),
    (6, r"agent/puppet/.*"),
    (5, r"agent/repository/.*"),
    (4, r"agent/role/.*"),
    (3, r"agent/platform/.*"),
    (2, r"agent/(config|role_keys|system)\..*"),
    (1, r"common/.*"),
]
STAGES = range(3, 9)

# All that a stage may know of an earlier one: the type that it hands on.
HANDED_ON = {
    "agent/platform/cloud_identity.hpp",
    "agent/platform/instance_metadata.hpp",
    "agent/role/role_config.hpp",
    "agent/repository/checkout.hpp",
    "agent/puppet/puppet_result.hpp",
    "agent/health/health_result.hpp",
}

# What the clouds share. Everything else in agent/platform/ belongs to one cloud, and no other cloud knows of it.
SHARED_BY_CLOUDS = {
    "agent/platform/cloud_identity.hpp",
    "agent/platform/instance_metadata.hpp",
    "agent/platform/ec2_style.hpp",
    "agent/platform/metadata_service.hpp",
    "agent/platform/openstack_document.hpp",
    "agent/platform/platform.hpp",
}

# Each library is known to one file. nlohmann-json is used directly everywhere.
LIBRARIES = {
    r"boost/(asio|beast)/.*": "common/http.cpp",
    r"git2(\.h|/.*)": r"common/git(_[a-z]+)?\.cpp|common/git_handles\.hpp",
    r"yaml-cpp/.*": "common/yaml.cpp",
    r"curl/.*": "common/web.cpp",
    r"zlib\.h": "common/encoding.cpp",
    r"seccomp\.h": "common/sandbox.cpp",
    r"CLI/.*": "agent/main.cpp",
    r"boost/(?!asio/|beast/).*|(asio|fmt|systemd|openssl|archive)/.*|archive\.h": "no file",
    r"catch2/.*|test/.*": "no file",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def floor_of(path):
    return next((floor for floor, pattern in FLOORS if re.fullmatch(pattern, path)), None)


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


def why_forbidden(source, target):
    """What is wrong with this arrow between two of our own files, or None."""
    above, below = floor_of(source), floor_of(target)
    if below > above:
        return f"points upwards, from floor {above} to floor {below}"
    if above in STAGES and below in STAGES and below < above and target not in HANDED_ON:
        return "a stage knows of an earlier stage only the type that is handed on"
    clouds = folder_of(source) == folder_of(target) == "agent/platform"
    own = Path(source).stem == Path(target).stem
    if clouds and not own and source not in SHARED_BY_CLOUDS and target not in SHARED_BY_CLOUDS:
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
        if floor_of(source) is None:
            found.append(f"{source}: stands on no floor of the design")
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
                elif floor_of(target) is not None and (why := why_forbidden(source, target)):
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
    "agent/main.cpp": '#include "agent/run.hpp"\n#include <CLI/CLI.hpp>\n',
    "agent/run.hpp": '#include "agent/platform/platform.hpp"\n',
    "agent/role/role_config.hpp": '#include "agent/platform/instance_metadata.hpp"\n#include <nlohmann/json.hpp>\n',
    "agent/repository/fetch.cpp": '#include "agent/role/role_config.hpp"\n',
    "agent/repository/fetch.hpp": "",
    "agent/config.hpp": '#include "common/error.hpp"\n',
    "agent/platform/platform.hpp": '#include "agent/platform/instance_metadata.hpp"\n#include "agent/config.hpp"\n',
    "agent/platform/instance_metadata.hpp": "#include <string>\n",
    "agent/platform/ec2.cpp": '#include "agent/platform/ec2.hpp"\n#include "agent/platform/platform.hpp"\n',
    "agent/platform/ec2.hpp": "",
    "common/error.hpp": '#include "common/version.hpp"\n',
    "common/version.hpp.in": "",
    "common/http.cpp": "#include <boost/asio/io_context.hpp>\n",
}
FORBIDDEN = [
    ("common/error.hpp", "agent/config.hpp", "upwards"),
    ("agent/config.hpp", "agent/platform/platform.hpp", "upwards"),
    ("agent/role/role_config.hpp", "agent/repository/fetch.hpp", "upwards"),
    ("agent/repository/fetch.cpp", "agent/platform/platform.hpp", "handed on"),
    ("agent/platform/platform.hpp", "agent/run.hpp", "upwards"),
    ("agent/platform/gce.cpp", "agent/platform/ec2.hpp", "another"),
    ("common/error.hpp", "common/error.hpp", "ring"),
    ("agent/platform/instance_metadata.hpp", "agent/platform/platform.hpp", "ring"),
    ("common/error.hpp", "common/missing.hpp", "no such file"),
    ("agent/run.hpp", "agent/platform/ec2.cpp", "only headers"),
    ("agent/other.hpp", "common/error.hpp", "no floor"),
    ("agent/run.hpp", "boost/asio/io_context.hpp", "library"),
    ("common/git.hpp", "git2.h", "library"),
    ("common/http.cpp", "yaml-cpp/yaml.h", "library"),
    ("common/http.cpp", "zlib.h", "library"),
    ("common/http.cpp", "seccomp.h", "library"),
    ("agent/run.hpp", "CLI/App.hpp", "library"),
    ("common/http.cpp", "boost/process.hpp", "library"),
    ("agent/run.hpp", "run.hpp", "root"),
]


def violations_of(tree):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in tree.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return violations(Path(folder))[0]


def test_allowed_arrows_pass():
    assert violations_of(ALLOWED) == []


def test_forbidden_arrows_are_caught():
    for source, target, reason in FORBIDDEN:
        line = f'#include "{target}"\n' if target.startswith(("agent/", "common/", "run")) else f"#include <{target}>\n"
        found = violations_of({**ALLOWED, source: ALLOWED.get(source, "") + line})
        assert any(reason in text and source in text for text in found), f"{source} → {target} was not caught: {found}"
