"""Every platform against a metadata service that speaks real HTTP at the cloud's own address, in good health and in bad.

A fixture is a folder in test/fixtures with a fixture.json: a captured machine, what its service answers, and what is to come of
it. A new platform is tested here as soon as its folder is there."""

from __future__ import annotations

import json
import shutil

import metadata_faults as faults
import pytest
from metadata_faults import Fault
from metadata_server import MetadataServer
from metadata_services import Tree
from network import METADATA_ADDRESS
from platform_fixtures import Platform
from platform_services import PLATFORMS, PlatformServices, check_refused, check_well, named, service_of
from real_machine import REPOSITORY_ROOT
from world import World

SERVICES = [platform for platform in PLATFORMS if platform.identity]
WITH_USER_DATA_PATH = [platform for platform in SERVICES if platform.user_data]

each_platform = pytest.mark.parametrize("platform", SERVICES, ids=str)


def test_every_platform_of_the_program_has_a_fixture() -> None:
    names = {file.stem for file in (REPOSITORY_ROOT / "agent/platform").glob("*.cpp")}
    shared = {"container", "context_variables", "detection", "document", "ec2_style", "instance_metadata", "machine", "metadata_service", "openstack_document", "ovf_environment", "platform", "stop_notice"}
    without_service = {"credential", "file"}
    assert {platform.name for platform in PLATFORMS} == names - shared - without_service


@each_platform
def test_the_instance_is_told_whole(platform: Platform, services: PlatformServices) -> None:
    tree, _ = services.machine(platform)
    check_well(services.metadata(tree), platform)


@pytest.mark.parametrize("absence", [faults.status(404), faults.no_content()], ids=["404", "204"])
@pytest.mark.parametrize("platform", WITH_USER_DATA_PATH, ids=str)
def test_user_data_that_is_proven_absent_is_null(platform: Platform, absence: Fault, services: PlatformServices) -> None:
    tree, server = services.machine(platform)
    server.fault(str(platform.user_data), absence)
    done = services.metadata(tree)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["user_data"] is None


@pytest.mark.parametrize("platform", WITH_USER_DATA_PATH, ids=str)
def test_empty_user_data_is_there_and_empty(platform: Platform, services: PlatformServices) -> None:
    tree, server = services.machine(platform)
    server.fault(str(platform.user_data), faults.empty())
    done = services.metadata(tree)
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
def test_what_is_unknown_never_ends_as_no_user_data(platform: Platform, place: str, fault: str, services: PlatformServices) -> None:
    path = platform.identity if place == "identity" else platform.user_data
    if path is None:
        path = platform.identity  # the user-data stands there
    tree, server = services.machine(platform)
    server.fault(f"GET {path}", UNKNOWN[fault])
    check_refused(services.metadata(tree))
    assert server.count("/elsewhere") == 0


@each_platform
def test_a_document_of_garbage_is_refused(platform: Platform, services: PlatformServices) -> None:
    tree, server = services.machine(platform)
    assert platform.identity
    server.fault(f"GET {platform.identity}", faults.garbage())
    done = services.metadata(tree)
    if done.returncode == 0:  # a service of bare values: garbage is what the id is then, and the user-data is still there
        assert json.loads(done.stdout)["user_data"] is not None
        assert platform.identity.endswith("/instance-id")
    else:
        check_refused(done)


@each_platform
def test_a_wrong_content_type_does_not_matter(platform: Platform, services: PlatformServices) -> None:
    tree, server = services.machine(platform)
    server.fault("GET *", faults.content_type("text/html"))
    check_well(services.metadata(tree), platform)


@each_platform
def test_one_failure_is_got_over(platform: Platform, services: PlatformServices) -> None:
    tree, server = services.machine(platform)
    server.fault(f"GET {platform.user_data or platform.identity}", faults.status(500), times=1)
    check_well(services.metadata(tree), platform)


@each_platform
def test_a_service_that_asks_for_patience_gets_it(platform: Platform, services: PlatformServices) -> None:
    tree, server = services.machine(platform)
    path = platform.user_data or platform.identity
    server.fault(f"GET {path}", faults.status(503, retry_after=1), times=1)
    check_well(services.metadata(tree), platform)
    asked = [request.at for request in server.requests if request.path == path]
    assert len(asked) >= 2 and asked[1] - asked[0] >= 1


@each_platform
def test_no_proxy_is_used(platform: Platform, services: PlatformServices) -> None:
    tree, _ = services.machine(platform)
    proxy = "http://10.99.0.1:9/"
    check_well(services.metadata(tree, env={"http_proxy": proxy, "HTTP_PROXY": proxy, "all_proxy": proxy}), platform)


@pytest.mark.parametrize("code", [404, 410, 429])
def test_azure_is_asked_again_whatever_it_says(code: int, services: PlatformServices) -> None:
    tree, server = services.machine(named("azure"))
    server.fault("/metadata/instance", faults.status(code), times=1 if code != 404 else 2)
    check_well(services.metadata(tree), named("azure"))


@pytest.mark.parametrize("name", ["ec2", "akamai"])
def test_a_token_that_has_expired_is_renewed(name: str, services: PlatformServices) -> None:
    platform = named(name)
    tree, server = services.machine(platform)
    server.fault(f"GET {platform.user_data}", faults.status(401), times=1)
    check_well(services.metadata(tree), platform)
    assert sum(request.method == "PUT" for request in server.requests) == 2


@pytest.mark.parametrize("name", ["ec2", "akamai", "alibaba"])
def test_a_service_that_refuses_tokens_is_switched_off(name: str, services: PlatformServices) -> None:
    tree, server = services.machine(named(name))
    server.fault("PUT *", faults.status(403))
    done = services.metadata(tree)
    check_refused(done)
    assert "platform.metadata_disabled" in done.stderr


def test_an_answer_without_google_s_header_is_not_google_s(services: PlatformServices) -> None:
    tree, server = services.machine(named("gce"))
    for entry in server.service.entries:  # type: ignore[attr-defined]
        entry["headers"].pop("Metadata-Flavor")
    done = services.metadata(tree)
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
    name: str, address: str, interface: str, ipv4: str, services: PlatformServices, world: World
) -> None:
    platform = named(name)
    tree, _ = services.machine(platform)
    (tree / "sys/class/net/eth0").mkdir(parents=True, exist_ok=True)
    network = world.network
    network.servers.run("ip", "addr", "replace", f"{address}/64", "dev", "v0", "nodad")
    own = "fe80::10" if interface else address.split("::")[0] + "::10"
    network.instance.run("ip", "addr", "replace", f"{own}/64", "dev", "eth0", "nodad")
    network.filter(f"ip daddr {platform.listen} tcp dport 80 {ipv4}")
    server = MetadataServer(network.servers.listen(address, 80, interface), service_of(platform))
    try:
        check_well(services.metadata(tree), platform)
        assert server.requests
    finally:
        server.close()


def test_a_machine_that_no_rule_recognises_is_recognised_by_the_answer(services: PlatformServices) -> None:
    platform = named("gce")
    tree, _ = services.machine(platform)
    shutil.rmtree(tree / "sys")
    check_well(services.metadata(tree), platform)


def test_a_machine_that_nobody_recognises_is_told_with_all_that_was_tried(services: PlatformServices) -> None:
    tree, server = services.machine(named("gce"))
    shutil.rmtree(tree / "sys")
    server.service = Tree([])
    done = services.metadata(tree)
    check_refused(done)
    assert "platform.not_recognised" in done.stderr
    assert "hetzner: sys_vendor is Hetzner, but saw (no such file)" in done.stderr
    assert f"vultr: GET http://{METADATA_ADDRESS}/v1.json: HTTP status 404" in done.stderr
