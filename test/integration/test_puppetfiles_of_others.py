"""Puppetfiles as public control repositories have them, in other words: each kind of declaration that is in theirs. What
`bootwright modules lock` and an instance make of them is what r10k makes of them.

Of nine repositories one, infrahouse's, has none: its modules are in its tree. alphagov's is one of librarian-puppet. Where they say
git:// for a branch or a tag it is https:// here: GitHub has ended the one, and bootwright follows nothing that nobody proves.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from forge import Forge
from forge_archives import module as release_of
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from module_locks import LOCK, WORK, control, lay_out, lock, locks, ready, releases  # noqa: F401  # two of them are fixtures
from on_disk import assert_sound, checkout, fails_with, runs
from roles import role_config
from servers import GitServer
from shapes import ShapedRepo, checkout_by_git, files_of, link, program
from world import World

#: The Forge's releases.
RELEASES = {
    "acme-one": ("0.9.0", "1.0.0", "1.2.0"),
    "acme-two": ("1.0.0", "6.1.0"),
    "other-with_underscore": ("0.2.0", "4.14.0"),
    "other-rare": ("2.1.0", "2.2.0-rc1"),
}

#: The tags of each module in git, the oldest first.
TAGS = ("v0.3.1", "0.32.1", "4.1.0")

#: Whose, the Puppetfile, and where its modules stand then. HTTPS, GIT and SCP before a name make a URL of its repository; FULL, SHORT
#: and OLD are commits of it.
OTHERS: dict[str, tuple[str, list[str]]] = {
    "puppetlabs": (
        """\
forge 'https://forge.puppet.com'

# Modules of the Forge
#mod 'acme/one', '0.9.0'
#mod 'acme/gone',  '6.0.0'

# Modules in git
#mod 'alpha',
#  git:    'HTTPS:alpha',
#  commit: 'FULL:alpha'

#mod 'alpha',
#  git:    'HTTPS:alpha',
#  branch: 'side'
# latest

mod 'acme/one','1.0.0'
mod 'acme/two','6.1.0'
""",
        ["modules/one", "modules/two"],
    ),
    "voxpupuli": (
        """\
mod 'acme-one', '1.2.0'
mod 'other-with_underscore', '4.14.0'
# waits for a release
mod 'acme-alpha',
  git: 'HTTPS:alpha',
  ref: 'FULL:alpha'
mod 'acme-two', '6.1.0'
# waits for a pull request
mod 'acme-beta',
 git: 'HTTPS:beta',
 branch: 'side'
mod 'acme-gamma_agent',
  git: 'HTTPS:gamma',
  ref: '0.32.1'
""",
        ["modules/one", "modules/with_underscore", "modules/alpha", "modules/two", "modules/beta", "modules/gamma_agent"],
    ),
    "bitfield": (
        """\
forge "http://forge.puppetlabs.com"

# Modules of the Forge
mod "acme/one",              '0.9.0'
mod 'other-with_underscore', '0.2.0'
mod "acme/two",              '1.0.0' # for one
""",
        ["modules/one", "modules/with_underscore", "modules/two"],
    ),
    "jenkins-infra": (
        """\
forge "http://forge.puppetlabs.com"

mod "acme/one", '1.0.0'

# Needed by one
# From git, since the Forge's own tool gets in the way
mod "alpha",
\t:git => 'SCP:alpha',
\t:ref => '4.1.0'

mod "other/rare", '2.2.0-rc1'
mod 'acme/two'
# Needed by `two`
mod 'other/with_underscore'

mod 'beta', :git => 'HTTPS:beta.git',
            :ref => 'SHORT:beta'

# Our fork
# <https://git.test/acme/gamma/pull/18>
mod 'gamma',
  :git => 'SCP:gamma',
  :ref => 'OLD:gamma'

mod 'acme-delta', :git => 'HTTPS:delta.git'

""",
        ["modules/one", "modules/alpha", "modules/rare", "modules/two", "modules/with_underscore", "modules/beta", "modules/gamma",
         "modules/delta"],
    ),
    "lsst-it": (
        """\
forge 'https://forgeapi.puppetlabs.com'

mod 'acme/alpha', git: 'HTTPS:alpha', ref: 'SHORT:alpha'  # https://git.test/acme/alpha/-/merge_requests/6
mod 'acme/one', '1.2.0'
mod 'acme/beta', git: 'HTTPS:beta', ref: 'OLD:beta' # https://git.test/beta/pull/29 https://git.test/beta/pull/34
mod 'acme/two', '6.1.0' # 2021-05-31 somebody: why it is here
mod 'acme/gamma', git: 'HTTPS:gamma', ref: '4.1.0'  # was tagged, and not released to the Forge
mod 'other/with_underscore',  '4.14.0'
""",
        ["modules/alpha", "modules/one", "modules/beta", "modules/two", "modules/gamma", "modules/with_underscore"],
    ),
    "alphagov": (
        """\
forge "https://forgeapi.puppetlabs.com"

mod 'acme/one'
mod 'acme-two', '1.0.0'

# From git because we need this revision,
# which will probably be released as 0.0.7
mod 'acme/alpha',
  :git => 'GIT:alpha',
  :ref => 'FULL:alpha'
mod 'acme/beta',
  :git => 'HTTPS:beta.git'
mod 'other/gamma',
  :git => 'HTTPS:gamma.git',
  :ref => 'v0.3.1'
mod 'other/delta',
  :git => 'HTTPS:delta.git',
  :ref => 'SHORT:delta'

# Ours
mod 'other/with_underscore', '0.2.0'
""",
        ["modules/one", "modules/two", "modules/alpha", "modules/beta", "modules/gamma", "modules/delta", "modules/with_underscore"],
    ),
    "ronin": (
        """\
moduledir 'r10k_modules'
forge "https://forgeapi.puppetlabs.com"

# tip: keep sorted
mod 'acme-one', '1.0.0'
mod 'acme-two', '6.1.0'

mod 'gamma_handler',
  :git => "HTTPS:gamma",
  :commit => 'FULL:gamma'
""",
        ["r10k_modules/one", "r10k_modules/two", "r10k_modules/gamma_handler"],
    ),
    "wikimedia": (
        """\
moduledir 'vendor_modules'

mod 'alpha',
    :git => 'HTTPS:alpha',
    :ref => 'v0.3.1'

mod 'base',
    # NOTE: not as it is upstream
    #
    # 1. FULL:beta:
    #    why
    #
    :local => true
    # :git => 'HTTPS:beta',
    # :ref => 'v0.3.1'

mod 'gamma',
    :git => 'HTTPS:gamma',
    :ref => '4.1.0'
""",
        ["vendor_modules/alpha", "vendor_modules/base", "vendor_modules/gamma"],
    ),
}  # fmt: skip

#: Versions that librarian-puppet reads, and r10k refuses.
RANGES = (">= 1.0.0", "~> 1.0.0")


@pytest.fixture(scope="module")
def words(_git: GitServer) -> Iterator[dict[str, str]]:
    """What stands in OTHERS for URLs and commits, and what it means: of modules with tags, a branch beside main, and newer commits."""
    meant: dict[str, str] = {}
    repos = [ShapedRepo(_git, f"others-{short}") for short in ("alpha", "beta", "gamma", "delta")]
    for repo in repos:
        short = repo.name.removeprefix("others-")
        files = {"run.sh": program(b"#!/bin/sh\n"), "link": link("run.sh"), "spec/x_spec.rb": b"# a test\n", ".fixtures.yml": b"x: y\n"}
        first = {"manifests/init.pp": f"class {short} {{ }}\n".encode(), **files}
        repo.import_commits([first, *({"version": b"%d\n" % number} for number in range(len(TAGS) + 1))])
        commits = repo.git("rev-list", "--reverse", "main").decode().split()
        named = dict(zip(("refs/heads/side", *(f"refs/tags/{tag}" for tag in TAGS)), commits, strict=False))
        named["refs/heads/master"] = commits[-1]  # what r10k takes where the Puppetfile says nothing; bootwright takes HEAD
        repo.git("update-ref", "--stdin", input="".join(f"create {name} {commit}\n" for name, commit in named.items()).encode())
        full, old = (named[f"refs/tags/{tag}"] for tag in ("4.1.0", "v0.3.1"))
        said = {
            "HTTPS": repo.url("https").removesuffix(".git"), "GIT": repo.url("git"), "SCP": f"git@git.test:{repo.name}.git",
            "FULL": full, "SHORT": full[:7], "OLD": old[:7],
        }  # fmt: skip
        meant |= {f"{word}:{short}": text for word, text in said.items()}
    yield meant
    for repo in repos:
        repo.remove()


@pytest.fixture
def published(releases: Forge) -> Forge:  # noqa: F811
    for name, versions in RELEASES.items():
        for version in versions:
            releases.add(release_of(name, version, files={"lib/x.rb": version}, executables={"files/run": "#!/bin/sh\n"}))
    return releases


def written(text: str, words: dict[str, str]) -> bytes:
    for word, meant in words.items():
        text = text.replace(word, meant)
    return text.encode()


def by_r10k(instance: Instance, world: World, repo: ShapedRepo) -> Path:
    """What r10k makes of the control repository's head."""
    clone = checkout_by_git(repo, repo.head, world.new_folder("theirs"))
    shutil.copytree(clone, instance.path("/srv/theirs"), symlinks=True)
    done = instance.run(
        ["sh", "-c", "cd /srv/theirs && exec r10k puppetfile install"], timeout=120,
        env={"HOME": "/root", "GIT_SSL_CAINFO": "/etc/bootwright/ca.pem", "SSL_CERT_FILE": "/etc/bootwright/ca.pem"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return instance.path("/srv/theirs")


@pytest.mark.parametrize("whose", OTHERS)
def test_what_stands_in_their_puppetfiles(
    ready: Instance, metadata: MetadataServer, shape: Callable[..., Any], words: dict[str, str], published: Forge,  # noqa: F811
    world: World, whose: str,
) -> None:  # fmt: skip
    text, places = OTHERS[whose]
    vendored = {"vendor_modules/base/manifests/init.pp": b"class base { }\n"} if "vendor_modules/base" in places else {}
    repo = control(shape, {"Puppetfile": written(text, words), **vendored})
    lay_out(ready, repo)
    for name, known_as in (("ssh_key", "id_ed25519"), ("known_hosts", "known_hosts")):  # where git and the command look
        ready.write(f"/root/.ssh/{known_as}", ready.path(f"/etc/bootwright/{name}").read_bytes(), 0o600)
    locks(ready)
    repo.commit({LOCK: ready.read(f"{WORK}/{LOCK}").encode()})
    metadata.service = Ec2(role_config(repo))
    runs(ready)
    ours = files_of(checkout(ready, repo.head))
    assert ours == files_of(by_r10k(ready, world, repo))
    for place in places:
        assert f"{place}/manifests/init.pp".encode() in ours
    assert_sound(ready)


@pytest.mark.parametrize("version", RANGES)
def test_a_range_of_versions_is_refused_with_its_line(
    ready: Instance, metadata: MetadataServer, shape: Callable[..., Any], published: Forge, version: str  # noqa: F811
) -> None:
    text = f"mod 'acme/two', '1.0.0'\nmod 'acme/one', '{version}'\n"
    repo = control(shape, {"Puppetfile": text.encode()})
    lay_out(ready, repo)
    done = lock(ready)
    assert "Puppetfile, line 2, modules/one is not locked: its version" in done.stderr, done.stdout + done.stderr
    refused = ready.run(["r10k", "puppetfile", "install", "--puppetfile", f"{WORK}/Puppetfile"], env={"HOME": "/root"})
    assert refused.returncode != 0, refused.stdout
    repo.commit({LOCK: ready.read(f"{WORK}/{LOCK}").encode()})
    metadata.service = Ec2(role_config(repo))
    said = fails_with(ready, "repository.puppetfile")
    assert "line 2, module acme/one: its version" in said and "two" not in said, said
