"""The Puppet Forge of the tests, with r10k, `puppet module` and puppet_forge as its clients."""

from __future__ import annotations

import json
import socket
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import forge
import forge_archives as archives
import metadata_faults as faults
import pytest
from client import Client, client
from forge import Forge, refuses
from forge_archives import Module, debian, module
from instance import Instance
from metadata_server import MetadataServer
from real_machine import command

TOKEN = "t0ken-of-the-forge"

VERSIONS = ("0.9.0", "1.0.0", "1.10.0", "1.2.0", "2.0.0", "3.0.0-rc1")
WEB = module(
    "acme-web",
    dependencies={"acme/base": ">= 1.0.0 < 2.0.0"},
    executables={"files/run.sh": "#!/bin/sh\n"},
    folders=["files/empty"],
)


class Here:
    """A Forge on this machine, at two addresses: `server`, and `other` for files that are moved."""

    def __init__(self) -> None:
        self.forge = Forge()
        self.server, self.url = self._serve("127.0.0.1")
        self.other, self.other_url = self._serve("127.0.0.2")

    def _serve(self, address: str) -> tuple[MetadataServer, str]:
        listener = socket.create_server((address, 0))
        return MetadataServer(listener, self.forge), f"http://{address}:{listener.getsockname()[1]}"

    def asked(self) -> list[str]:
        return [str(request) for request in self.server.requests]

    def get(self, path: str, **headers: str) -> Any:
        request = urllib.request.Request(self.url + path, headers=headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def refusal(self, path: str, **headers: str) -> tuple[int, Any, Any]:
        """Status, Retry-After and document."""
        with pytest.raises(urllib.error.HTTPError) as caught:
            self.get(path, **headers)
        with caught.value as answer:
            return answer.code, answer.headers["Retry-After"], json.load(answer)


@pytest.fixture
def here() -> Iterator[Here]:
    made = Here()
    for version in VERSIONS:
        made.forge.add(module("acme-base", version))
    made.forge.add(WEB)
    yield made
    made.server.close()
    made.other.close()


Install = Callable[..., dict[str, str]]


def versions(folder: Path) -> dict[str, str]:
    """The modules in a folder."""
    found = [json.loads(file.read_text()) for file in folder.glob("*/metadata.json")]
    return {document["name"]: document["version"] for document in found}


@pytest.fixture
def puppet(here: Here, tmp_path: Path) -> Install:
    """Installs a module: puppet("acme-web", version="1.0.0", token="Bearer …"), and says what is there then."""

    def install(name: str, *, version: str = "", token: str = "") -> dict[str, str]:
        modules = tmp_path / "puppet-modules"
        command("rm", "-rf", modules)
        own = [f"--{kind}={tmp_path / kind}" for kind in ("confdir", "vardir", "ssldir")]
        options = [f"--version={version}"] if version else []
        options += [f"--forge_authorization={token}"] if token else []
        command(
            "puppet", "module", "install", name, f"--module_repository={here.url}", f"--target-dir={modules}",
            f"--modulepath={modules}", "--color=false", *own, *options, env={"HOME": str(tmp_path)},
        )  # fmt: skip
        return versions(modules)

    return install


@pytest.fixture
def r10k(here: Here, tmp_path: Path) -> Install:
    """The same by r10k; without a version, the latest."""

    def install(name: str, *, version: str = "", token: str = "") -> dict[str, str]:
        modules = tmp_path / "r10k-modules"
        command("rm", "-rf", modules, tmp_path / "r10k-cache")
        settings = {"baseurl": here.url, **({"authorization_token": token} if token else {})}
        (tmp_path / "r10k.yaml").write_text(json.dumps({"cachedir": str(tmp_path / "r10k-cache"), "forge": settings}))
        wanted = f"'{version}'" if version else ":latest"
        (tmp_path / "Puppetfile").write_text(f"mod '{name}', {wanted}\n")
        command(
            "r10k", "puppetfile", "install", "-c", tmp_path / "r10k.yaml", "--puppetfile", tmp_path / "Puppetfile",
            "--moduledir", modules, env={"HOME": str(tmp_path)},
        )  # fmt: skip
        return versions(modules)

    return install


@pytest.fixture(params=["puppet", "r10k"])
def install(request: pytest.FixtureRequest) -> Install:
    """By each of the two."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


# What the clients install


def test_a_fixed_version_and_the_latest_one(install: Install) -> None:
    assert install("acme-base", version="1.0.0") == {"acme-base": "1.0.0"}
    # Neither the last one added nor the one whose name sorts last, and none before its release.
    assert install("acme-base") == {"acme-base": "2.0.0"}


def test_puppet_installs_what_a_module_depends_on(puppet: Install, here: Here) -> None:
    assert puppet("acme-web") == {"acme-web": "1.0.0", "acme-base": "1.10.0"}
    here.forge.add(module("acme-site", dependencies={"acme/base": ">= 4.0.0"}))
    with pytest.raises(RuntimeError, match="The requested version cannot satisfy all dependencies"):
        puppet("acme-site")


def test_what_r10k_asks_for(r10k: Install, here: Here) -> None:
    """It does not look at dependencies."""
    assert r10k("acme-web", version="1.0.0") == {"acme-web": "1.0.0"}
    paths = ["/v3/modules/acme-web", "/v3/releases/acme-web-1.0.0", "/v3/files/acme-web-1.0.0.tar.gz"]
    assert here.asked() == [f"GET {path}" for path in paths]
    assert all("PuppetForge.gem" in request.headers["user-agent"] for request in here.server.requests)


def test_modules_of_debian(puppet: Install, here: Here, tmp_path: Path) -> None:
    concat, stdlib = debian("concat"), debian("stdlib")
    here.forge.add(concat)
    here.forge.add(stdlib)
    installed = {"puppetlabs-concat": concat.version, "puppetlabs-stdlib": stdlib.version}
    assert puppet("puppetlabs-concat") == installed
    for source, name in ((concat, "concat"), (stdlib, "stdlib")):
        for info, content in source.entries:
            content.seek(0)
            assert (tmp_path / "puppet-modules" / name / info.name).read_bytes() == content.read(), info.name
        assert len(source.entries) > 3


def test_modes_and_empty_folders_arrive(install: Install, tmp_path: Path) -> None:
    install("acme-web", version="1.0.0")
    folder = next(tmp_path.glob("*-modules")) / "web/files"
    assert stat.S_IMODE((folder / "run.sh").stat().st_mode) & 0o700 == 0o700
    assert list((folder / "empty").iterdir()) == []


def test_pages_are_followed(puppet: Install, here: Here) -> None:
    here.forge.longest_page = 2
    assert puppet("acme-base", version="0.9.0") == {"acme-base": "0.9.0"}
    listed = [request for request in here.server.requests if request.path == "/v3/releases"]
    assert [request.query.partition("&limit=")[2] for request in listed] == ["", "2&offset=2", "2&offset=4"]
    script = "PuppetForge.host = ARGV[0].dup; puts PuppetForge::Release.where(module: 'acme-base').unpaginated.map(&:version)"
    said = command("ruby", "-rpuppet_forge", "-e", script, here.url)
    assert said.split() == ["3.0.0-rc1", "2.0.0", "1.10.0", "1.2.0", "1.0.0", "0.9.0"]


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_is_followed_without_the_token(puppet: Install, here: Here, status: int) -> None:
    here.forge.files_at, here.forge.moved_with, here.forge.token = here.other_url, status, TOKEN
    assert puppet("acme-base", token=f"Bearer {TOKEN}") == {"acme-base": "2.0.0"}
    assert [request.headers["authorization"] for request in here.server.requests] == [f"Bearer {TOKEN}"] * 2
    assert [request.path for request in here.other.requests] == ["/storage/acme-base-2.0.0.tar.gz"]
    assert "authorization" not in here.other.requests[0].headers


# What the clients say when it fails


def test_what_is_not_there(puppet: Install, r10k: Install, here: Here) -> None:
    with pytest.raises(RuntimeError, match="Does 'acme-none' have at least one published release"):
        puppet("acme-none")
    with pytest.raises(RuntimeError, match="The module acme-none does not exist"):
        r10k("acme-none")
    with pytest.raises(RuntimeError, match="No releases matching '7.0.0' are available"):
        puppet("acme-base", version="7.0.0")
    with pytest.raises(RuntimeError, match="The module release acme-base-7.0.0 does not exist"):
        r10k("acme-base", version="7.0.0")
    here.server.fault("/v3/files/*", refuses(404, "The requested resource could not be found"))
    with pytest.raises(RuntimeError, match="The HTTP response we received was '404 Not Found'"):
        puppet("acme-base")
    with pytest.raises(RuntimeError, match="The module release acme-base-2.0.0 does not exist"):
        r10k("acme-base")


MISMATCH = "did not match expected checksum|ChecksumMismatch"


def test_another_archive_than_was_promised(install: Install, here: Here) -> None:
    for fault in (faults.body(module("acme-base", "9.9.9").archive()), faults.truncated(200)):
        here.server.clear_faults()
        here.server.fault("/v3/files/*", fault)
        with pytest.raises(RuntimeError, match=MISMATCH):
            install("acme-base", version="1.0.0")
    here.server.clear_faults()
    assert install("acme-base", version="1.0.0") == {"acme-base": "1.0.0"}


@pytest.mark.parametrize("sha256", [None, forge.LEFT_OUT], ids=["null", "left out"])
def test_without_a_sha256_the_md5_counts(install: Install, here: Here, sha256: object) -> None:
    here.forge.add(module("acme-old"), file_sha256=sha256)
    assert install("acme-old", version="1.0.0") == {"acme-old": "1.0.0"}
    here.forge.add(module("acme-older"), file_sha256=sha256, file_md5="0" * 32)
    with pytest.raises(RuntimeError, match=MISMATCH):
        install("acme-older", version="1.0.0")


def test_a_token_is_wanted(install: Install, here: Here) -> None:
    here.forge.token = TOKEN
    for token, status in (("", "401"), ("Bearer wrong", "403")):
        with pytest.raises(RuntimeError, match=f"(status|was) '?{status}"):
            install("acme-base", version="1.0.0", token=token)
    assert install("acme-base", version="1.0.0", token=f"Bearer {TOKEN}") == {"acme-base": "1.0.0"}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (archives.climbing_path, r"Path contains '\.\.'"),
        (archives.absolute_path, "[Aa]ttempt(ed)? to install file into"),
        (archives.no_metadata, "No valid metadata.json found"),
        (archives.cut_off, "unexpected end of file"),
    ],
)
def test_hostile_archives_that_both_refuse(install: Install, here: Here, make: Callable[[Module], bytes], said: str) -> None:
    sound = module("acme-hostile")
    here.forge.add(sound, make(sound))
    with pytest.raises(RuntimeError, match=said):
        install("acme-hostile", version="1.0.0")


# What it answers


def test_documents(here: Here) -> None:
    here.forge.deprecated_at["acme-base"] = "2024-01-01 00:00:00 -0800"
    here.forge.releases[4].deleted_at = "2024-02-01 00:00:00 -0800"
    document = here.get("/v3/modules/acme-base")
    assert (document["slug"], document["owner"]["slug"]) == ("acme-base", "acme")
    assert document["deprecated_at"].startswith("2024-01-01")
    # 2.0.0 is deleted, and 3.0.0-rc1 is no release yet.
    assert document["current_release"]["version"] == "1.10.0"
    assert [release["version"] for release in document["releases"] if release["deleted_at"]] == ["2.0.0"]
    assert "2.0.0" not in [one["version"] for one in here.get("/v3/releases?module=acme-base")["results"]]
    gone = here.get("/v3/releases/acme-base-2.0.0?exclude_fields=readme%20file_md5")
    assert gone["deleted_at"] and gone["metadata"]["name"] == "acme-base" and gone["file_sha256"]
    assert "readme" not in gone and "file_md5" not in gone


def test_pages(here: Here) -> None:
    page = here.get("/v3/releases?module=acme-base&limit=4&offset=4")
    assert [one["version"] for one in page["results"]] == ["1.0.0", "0.9.0"]
    own = "/v3/releases?module=acme-base&limit=4&offset="
    assert page["pagination"] == {
        "limit": 4, "offset": 4, "first": f"{own}0", "previous": f"{own}0", "current": f"{own}4", "next": None, "total": 6,
    }  # fmt: skip
    assert here.get(page["pagination"]["first"])["pagination"]["next"] == f"{own}4"
    assert [one["slug"] for one in here.get("/v3/modules?query=we")["results"]] == ["acme-web"]
    assert here.get("/v3/releases?module=acme-none")["results"] == []
    assert here.refusal("/v3/releases?limit=101")[0] == 400


def test_errors(here: Here) -> None:
    code, _, said = here.refusal("/v3/modules/acme-none")
    assert (code, said) == (404, {"message": "404 Not Found", "errors": ["The requested resource could not be found"]})
    assert here.refusal("/v3/releases/acme-base1.0.0")[2]["errors"] == ["'acme-base1.0.0' is not a valid release slug"]
    assert here.refusal("/v3/modules/acme-base", **{"User-Agent": ""})[0] == 400
    for status in (429, 500, 503):
        here.server.clear_faults()
        here.server.fault("/v3/modules/*", refuses(status, retry_after=7), times=1)
        code, wait, said = here.refusal("/v3/modules/acme-base")
        assert (code, wait) == (status, "7") and said["message"].startswith(f"{status} ")
        assert here.get("/v3/modules/acme-base")["slug"] == "acme-base"


def test_a_slow_forge(here: Here) -> None:
    here.server.fault("/v3/modules/*", faults.late(0.3))
    began = time.monotonic()
    assert here.get("/v3/modules/acme-base")["slug"] == "acme-base"
    assert time.monotonic() - began >= 0.3


# In the harness


def test_an_instance_takes_it_for_the_true_forge(client: Client, instance: Instance, far: MetadataServer) -> None:
    service = Forge()
    service.add(WEB)
    service.token, service.files_at = TOKEN, "https://files.forge.test"
    far.reset(service)
    forge.lead_to(instance)
    header = f"Authorization: Bearer {TOKEN}"
    client.curl("-L", "-o", "/tmp/web.tar.gz", "-H", header, "https://forgeapi.puppet.com/v3/files/acme-web-1.0.0.tar.gz")
    assert instance.path("/tmp/web.tar.gz").read_bytes() == WEB.archive()
    sent = [(request.headers["host"], request.headers.get("authorization")) for request in far.requests]
    assert sent == [("forgeapi.puppet.com", f"Bearer {TOKEN}"), ("files.forge.test", None)]
    # Nothing but the Puppetfile tells r10k where to go.
    service.token = service.files_at = ""
    instance.write("/root/Puppetfile", "mod 'acme-web', '1.0.0'\n")
    arguments = ["--puppetfile", "/root/Puppetfile", "--moduledir", "/root/modules"]
    instance.run(["r10k", "puppetfile", "install", *arguments], env={"SSL_CERT_FILE": "/etc/ca.pem"}, check=True)
    assert versions(instance.path("/root/modules")) == {"acme-web": "1.0.0"}
