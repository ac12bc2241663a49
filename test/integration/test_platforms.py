"""Every platform against a metadata service that speaks real HTTP at the cloud's own address, in good health and in bad.

A fixture is a folder in test/fixtures with a fixture.json: a captured machine, what its service answers, and what is to come of
it. A new platform is tested here as soon as its folder is there."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import metadata_faults as faults
import pytest
from conftest import BINARY
from metadata_faults import Fault
from metadata_server import MetadataServer
from metadata_services import Maas, Reply, Request, Service, Tree
from network import METADATA_ADDRESS
from platform_fixtures import FIXTURES, Platform, read_platform
from real_machine import REPOSITORY_ROOT
from world import World

PLATFORMS = [read_platform(file) for file in sorted(FIXTURES.glob("*/fixture.json"))]
SERVICES = [platform for platform in PLATFORMS if platform.identity]
WITH_USER_DATA_PATH = [platform for platform in SERVICES if platform.user_data]

each_platform = pytest.mark.parametrize("platform", SERVICES, ids=str)


#: What test/fixtures/maas/root/etc/cloud/cloud.cfg.d/90_dpkg_maas.cfg says.
MAAS_KEYS = _, MAAS_TOKEN, MAAS_SECRET = ("8fKExampleConsumer1", "tKExampleToken2", "sEXAMPLEsecretOfOneMachine3")


class Scaleway:
    """Gives user-data to privileged ports only."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def answer(self, request: Request) -> Reply:
        if request.path.startswith("/user_data") and request.port >= 1024:
            return Reply(403, b"Forbidden")
        return self.tree.answer(request)


def service_of(platform: Platform) -> Service:
    tree = Tree.of(platform.root / "metadata-answers.json")
    return Scaleway(tree) if platform.name == "scaleway" else Maas(tree, *MAAS_KEYS) if platform.name == "maas" else tree


class Clouds:
    """The services of all clouds on one network, each at its own address; and the instance, which is a tree."""

    def __init__(self, world: World, at_home: MetadataServer) -> None:
        self.world = world
        self.servers = {METADATA_ADDRESS: at_home}

    def server(self, address: str) -> MetadataServer:
        if address not in self.servers:
            self.world.network.servers.run("ip", "addr", "add", f"{address}/32", "dev", "v0")
            self.servers[address] = MetadataServer(self.world.network.servers.listen(address, 80), Tree([]))
        return self.servers[address]

    def machine(self, platform: Platform) -> tuple[Path, MetadataServer]:
        """The captured machine, with the live service in the place of its recorded answers."""
        tree = self.world.new_folder("tree") / "t"
        shutil.copytree(platform.root, tree, ignore=shutil.ignore_patterns("metadata-answers.json"))
        (tree / "etc/bootwright").mkdir(parents=True)
        patience = {"attempts": 2, "base": "1ms", "cap": "1ms"}
        configuration = {"metadata": {"timeout": "300ms"}, "retry": {"platform": patience}}
        (tree / "etc/bootwright/agent.json").write_text(json.dumps(configuration))
        if not platform.listen.startswith("/"):
            server = self.server(platform.listen)
            server.reset(service_of(platform))
            return tree, server
        path = tree / platform.listen.lstrip("/")
        path.unlink()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(16)
        self.servers[str(path)] = MetadataServer(listener, service_of(platform))
        return tree, self.servers[str(path)]

    def metadata(self, tree: Path, *, env: dict[str, str] = {}) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["nsenter", f"--net={self.world.network.instance.path}", BINARY, "--root", tree, "metadata", "--json"],
            text=True, capture_output=True, timeout=60, env={"PATH": "/usr/bin:/bin", **env},
        )  # fmt: skip


@pytest.fixture(scope="session")
def _clouds(world: World, _metadata: MetadataServer) -> Iterator[Clouds]:
    made = Clouds(world, _metadata)
    yield made
    for address, server in made.servers.items():
        if address != METADATA_ADDRESS:
            server.close()


@pytest.fixture
def clouds(_clouds: Clouds, world: World) -> Iterator[Clouds]:
    yield _clouds
    for server in _clouds.servers.values():
        server.reset(Tree([]))  # no cloud answers in the next test but its own
    world.network.reset()


def check_well(done: subprocess.CompletedProcess[str], platform: Platform) -> None:
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document.pop("user_data")["bytes"] >= len(platform.expected_user_data.rstrip())
    assert document == platform.expected


def check_refused(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    assert "bootwright: " in done.stderr and "(" in done.stderr


def test_every_platform_of_the_program_has_a_fixture() -> None:
    names = {file.stem for file in (REPOSITORY_ROOT / "agent/platform").glob("*.cpp")}
    shared = {"container", "context_variables", "detection", "document", "ec2_style", "instance_metadata", "machine", "metadata_service", "openstack_document", "ovf_environment", "platform", "stop_notice"}
    without_service = {"credential", "file"}
    assert {platform.name for platform in PLATFORMS} == names - shared - without_service


@each_platform
def test_the_instance_is_told_whole(platform: Platform, clouds: Clouds) -> None:
    tree, _ = clouds.machine(platform)
    check_well(clouds.metadata(tree), platform)


@pytest.mark.parametrize("absence", [faults.status(404), faults.no_content()], ids=["404", "204"])
@pytest.mark.parametrize("platform", WITH_USER_DATA_PATH, ids=str)
def test_user_data_that_is_proven_absent_is_null(platform: Platform, absence: Fault, clouds: Clouds) -> None:
    tree, server = clouds.machine(platform)
    server.fault(str(platform.user_data), absence)
    done = clouds.metadata(tree)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["user_data"] is None


@pytest.mark.parametrize("platform", WITH_USER_DATA_PATH, ids=str)
def test_empty_user_data_is_there_and_empty(platform: Platform, clouds: Clouds) -> None:
    tree, server = clouds.machine(platform)
    server.fault(str(platform.user_data), faults.empty())
    done = clouds.metadata(tree)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["user_data"]["bytes"] == 0


#: What is neither an answer nor the proof that there is none.
UNKNOWN: dict[str, Fault] = {
    "500": faults.status(500),
    "503": faults.status(503),
    "400": faults.status(400),
    "401": faults.status(401),
    "403": faults.status(403),
    "429": faults.status(429),
    "redirect": faults.redirect(f"http://{METADATA_ADDRESS}/elsewhere"),
    "silence": faults.silence(),
    "reset": faults.reset(),
    "truncated": faults.truncated(1),
    "oversized": faults.oversized(2 * 1024 * 1024),
    "page": faults.body(b"<!DOCTYPE html><html><body>Sign in</body></html>"),
    "not-http": faults.not_http(),
}


@pytest.mark.parametrize("fault", UNKNOWN)
@pytest.mark.parametrize("place", ["identity", "user_data"])
@each_platform
def test_what_is_unknown_never_ends_as_no_user_data(platform: Platform, place: str, fault: str, clouds: Clouds) -> None:
    path = platform.identity if place == "identity" else platform.user_data
    if path is None:
        path = platform.identity  # the user-data stands there
    tree, server = clouds.machine(platform)
    server.fault(f"GET {path}", UNKNOWN[fault])
    check_refused(clouds.metadata(tree))
    assert server.count("/elsewhere") == 0


@each_platform
def test_a_document_of_garbage_is_refused(platform: Platform, clouds: Clouds) -> None:
    tree, server = clouds.machine(platform)
    assert platform.identity
    server.fault(f"GET {platform.identity}", faults.garbage())
    done = clouds.metadata(tree)
    if done.returncode == 0:  # a service of bare values: garbage is what the id is then, and the user-data is still there
        assert json.loads(done.stdout)["user_data"] is not None
        assert platform.identity.endswith("/instance-id")
    else:
        check_refused(done)


@each_platform
def test_a_wrong_content_type_does_not_matter(platform: Platform, clouds: Clouds) -> None:
    tree, server = clouds.machine(platform)
    server.fault("GET *", faults.content_type("text/html"))
    check_well(clouds.metadata(tree), platform)


@each_platform
def test_one_failure_is_got_over(platform: Platform, clouds: Clouds) -> None:
    tree, server = clouds.machine(platform)
    server.fault(f"GET {platform.user_data or platform.identity}", faults.status(500), times=1)
    check_well(clouds.metadata(tree), platform)


@each_platform
def test_a_service_that_asks_for_patience_gets_it(platform: Platform, clouds: Clouds) -> None:
    tree, server = clouds.machine(platform)
    path = platform.user_data or platform.identity
    server.fault(f"GET {path}", faults.status(503, retry_after=1), times=1)
    check_well(clouds.metadata(tree), platform)
    asked = [request.at for request in server.requests if request.path == path]
    assert len(asked) >= 2 and asked[1] - asked[0] >= 1


@each_platform
def test_no_proxy_is_used(platform: Platform, clouds: Clouds) -> None:
    tree, _ = clouds.machine(platform)
    proxy = "http://10.99.0.1:9/"
    check_well(clouds.metadata(tree, env={"http_proxy": proxy, "HTTP_PROXY": proxy, "all_proxy": proxy}), platform)


def named(name: str) -> Platform:
    return next(platform for platform in PLATFORMS if platform.name == name)


@pytest.mark.parametrize("code", [404, 410, 429])
def test_azure_is_asked_again_whatever_it_says(code: int, clouds: Clouds) -> None:
    tree, server = clouds.machine(named("azure"))
    server.fault("/metadata/instance", faults.status(code), times=1 if code != 404 else 2)
    check_well(clouds.metadata(tree), named("azure"))


@pytest.mark.parametrize("name", ["ec2", "akamai"])
def test_a_token_that_has_expired_is_renewed(name: str, clouds: Clouds) -> None:
    platform = named(name)
    tree, server = clouds.machine(platform)
    server.fault(f"GET {platform.user_data}", faults.status(401), times=1)
    check_well(clouds.metadata(tree), platform)
    assert sum(request.method == "PUT" for request in server.requests) == 2


@pytest.mark.parametrize("name", ["ec2", "akamai", "alibaba"])
def test_a_service_that_refuses_tokens_is_switched_off(name: str, clouds: Clouds) -> None:
    tree, server = clouds.machine(named(name))
    server.fault("PUT *", faults.status(403))
    done = clouds.metadata(tree)
    check_refused(done)
    assert "platform.metadata_disabled" in done.stderr


@pytest.mark.parametrize("ahead", [-18000, 18000])
def test_maas_is_asked_at_its_own_time_where_a_clock_is_wrong(ahead: int, clouds: Clouds) -> None:
    platform = named("maas")
    tree, server = clouds.machine(platform)
    server.service = Maas(Tree.of(platform.root / "metadata-answers.json"), *MAAS_KEYS, ahead=ahead)
    check_well(clouds.metadata(tree), platform)
    assert server.count("GET */meta-data/instance-id") == 2 and server.count("GET */user-data") == 1


def test_maas_refuses_another_machine_s_credentials_which_nobody_is_shown(clouds: Clouds) -> None:
    tree, _ = clouds.machine(named("maas"))
    file = tree / "etc/cloud/cloud.cfg.d/90_dpkg_maas.cfg"
    file.write_text(file.read_text().replace(MAAS_SECRET, "of-another-machine"))
    done = clouds.metadata(tree)
    check_refused(done)
    assert "platform.token_refused" in done.stderr
    for word in (MAAS_TOKEN, "of-another-machine", "OAuth"):
        assert word not in done.stderr


def test_maas_is_found_by_the_kernel_command_line_of_a_machine_that_runs_from_memory(clouds: Clouds) -> None:
    platform = named("maas")
    tree, server = clouds.machine(platform)
    preseed = "/MAAS/metadata/latest/by-id/4y3h7r/"
    file = tree / "etc/cloud/cloud.cfg.d/90_dpkg_maas.cfg"
    document = "#cloud-config\n" + file.read_text()
    file.unlink()
    (tree / "proc/cmdline").write_text(f"ro cloud-config-url=http://{platform.listen}{preseed}?op=get_preseed quiet\n")

    class Region(Maas):
        """Gives a machine its credentials, as it does while the machine boots from the network."""

        def answer(self, request: Request) -> Reply:
            is_preseed = request.path == preseed and request.query == "op=get_preseed"
            return Reply(200, document.encode()) if is_preseed else super().answer(request)

    server.service = Region(Tree.of(platform.root / "metadata-answers.json"), *MAAS_KEYS)
    check_well(clouds.metadata(tree), platform)
    assert server.count(preseed) == 1


def test_an_answer_without_google_s_header_is_not_google_s(clouds: Clouds) -> None:
    tree, server = clouds.machine(named("gce"))
    for entry in server.service.entries:  # type: ignore[attr-defined]
        entry["headers"].pop("Metadata-Flavor")
    done = clouds.metadata(tree)
    check_refused(done)
    assert "metadata-flavor" in done.stderr


@pytest.mark.parametrize(
    ("name", "address", "interface"),
    [("ec2", "fd00:ec2::254", ""), ("oracle", "fd00:c1::a9fe:a9fe", ""), ("akamai", "fd00:a9fe:a9fe::1", ""),
     ("openstack", "fe80::a9fe:a9fe", "v0"), ("scaleway", "fd00:42::42", "")],
    ids=lambda value: value if value.isalnum() else "",
)  # fmt: skip
@pytest.mark.parametrize("ipv4", ["drop", "reject"])
def test_where_ipv4_is_dead_ipv6_is_used(
    name: str, address: str, interface: str, ipv4: str, clouds: Clouds, world: World
) -> None:
    platform = named(name)
    tree, _ = clouds.machine(platform)
    (tree / "sys/class/net/eth0").mkdir(parents=True, exist_ok=True)
    network = world.network
    network.servers.run("ip", "addr", "replace", f"{address}/64", "dev", "v0", "nodad")
    own = "fe80::10" if interface else address.split("::")[0] + "::10"
    network.instance.run("ip", "addr", "replace", f"{own}/64", "dev", "eth0", "nodad")
    network.filter(f"ip daddr {platform.listen} tcp dport 80 {ipv4}")
    server = MetadataServer(network.servers.listen(address, 80, interface), service_of(platform))
    try:
        check_well(clouds.metadata(tree), platform)
        assert server.requests
    finally:
        server.close()


@pytest.fixture
def vmware(clouds: Clouds) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Reads the metadata of a VMware machine whose tools are these shell scripts: vmware-rpctool, and perhaps vmtoolsd."""

    def read(script: str, vmtoolsd: str = "") -> subprocess.CompletedProcess[str]:
        tree = clouds.world.new_folder("tree") / "t"
        shutil.copytree(named("vmware").root, tree, ignore=shutil.ignore_patterns("metadata-answers.json"))
        for name, text in {"vmware-rpctool": script, "vmtoolsd": vmtoolsd}.items():
            if text:
                tool = tree / "usr/bin" / name
                tool.write_text(f"#!/bin/sh\n{text}\n")
                tool.chmod(0o755)
        (tree / "etc/bootwright").mkdir(parents=True)
        (tree / "etc/bootwright/agent.json").write_text(
            '{"metadata": {"timeout": "300ms"}, "retry": {"platform": {"attempts": 2, "base": "1ms", "cap": "1ms"}}}'
        )
        return clouds.metadata(tree)

    return read


NOT_SET = "echo 'No value found' >&2; exit 1"


def guestinfo(question: str) -> str:
    """A script that answers what VMware's fixture answers. @param question the word of the shell that holds it"""
    cases = "".join(
        f"'{entry['path']}') printf %s '{entry['body'].strip()}';;\n" for entry in named("vmware").answers
    )
    return f'case "{question}" in\n{cases}*) {NOT_SET};;\nesac'


def test_vmware_s_variables_are_read_by_its_tool(vmware: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    check_well(vmware(guestinfo("$1")), named("vmware"))
    done = vmware(NOT_SET)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["user_data"] is None


# As vmware-rpctool says it where the virtual machine demands secure RPC: cloud-init's documentation, "OVF".
REFUSED = "echo 'Permission denied' >&2; exit 1"


def test_where_secure_rpc_is_demanded_vmtoolsd_is_asked(vmware: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    asked_as_it_wants = '[ "$#" = 2 ] && [ "$1" = --cmd ] || exit 64\n'
    check_well(vmware(REFUSED, asked_as_it_wants + guestinfo("$2")), named("vmware"))
    done = vmware(REFUSED, "echo 'no channel' >&2; exit 1")
    check_refused(done)
    assert "/usr/bin/vmware-rpctool: Permission denied; /usr/bin/vmtoolsd: no channel" in done.stderr
    assert "/usr/bin/vmtoolsd: not installed" in vmware(REFUSED).stderr


def test_a_vapp_s_volume_is_read(clouds: Clouds) -> None:
    tree = clouds.world.new_folder("tree") / "t"
    shutil.copytree(FIXTURES / "vmware/root-ovf-volume", tree, ignore=shutil.ignore_patterns("metadata-answers.json"))
    done = clouds.metadata(tree)
    assert done.returncode == 0, done.stderr
    metadata = json.loads(done.stdout)
    assert (metadata["platform"], metadata["id"], metadata["hostname"]) == ("vmware", "vapp-web-2", "web-2")
    assert metadata["tags"] == {"bootwright.role": "web"}
    assert metadata["user_data"]["origin"] == "vApp property user-data"


def test_azure_s_custom_data_counts_where_there_is_no_user_data(clouds: Clouds) -> None:
    azure = named("azure")
    tree, server = clouds.machine(azure)
    shutil.copytree(FIXTURES / "azure/root-custom-data/var", tree / "var")
    origin = json.loads(clouds.metadata(tree).stdout)["user_data"]["origin"]
    assert origin == "userData"
    server.reset(Tree.of(FIXTURES / "azure/root-custom-data/metadata-answers.json"))
    check_well(clouds.metadata(tree), azure)
    (tree / "var/lib/waagent").chmod(0o777)
    done = clouds.metadata(tree)
    check_refused(done)
    assert "platform.bad_document" in done.stderr and "by others than root" in done.stderr


@pytest.mark.parametrize(
    "script",
    [
        'case "$1" in *userdata) echo broken >&2; exit 1;; *) ' + NOT_SET + ";; esac",
        'case "$1" in *userdata) sleep 60;; *) ' + NOT_SET + ";; esac",
        'case "$1" in *userdata) kill -9 $$;; *) ' + NOT_SET + ";; esac",
        'case "$1" in *userdata) head -c 100000 /dev/zero | tr "\\0" x;; *) ' + NOT_SET + ";; esac",
        'case "$1" in *encoding) echo base64;; *) echo %%%;; esac',
    ],
    ids=["fails", "hangs", "killed", "too-long", "not-base64"],
)
def test_a_tool_of_vmware_that_fails_proves_nothing(
    script: str, vmware: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    check_refused(vmware(script))


def test_a_machine_that_no_rule_recognises_is_recognised_by_the_answer(clouds: Clouds) -> None:
    platform = named("gce")
    tree, _ = clouds.machine(platform)
    shutil.rmtree(tree / "sys")
    check_well(clouds.metadata(tree), platform)


def test_a_machine_that_nobody_recognises_is_told_with_all_that_was_tried(clouds: Clouds) -> None:
    tree, server = clouds.machine(named("gce"))
    shutil.rmtree(tree / "sys")
    server.service = Tree([])
    done = clouds.metadata(tree)
    check_refused(done)
    assert "platform.not_recognised" in done.stderr
    assert "hetzner: sys_vendor is Hetzner, but saw (no such file)" in done.stderr
    assert f"vultr: GET http://{METADATA_ADDRESS}/v1.json: HTTP status 404" in done.stderr
