"""The network as machines find it when they boot: without IPv4, with two cards, late, or in somebody else's hands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import names
import pytest
import snapshots
from control_repo import ControlRepo
from instance import Instance
from machine import Process
from metadata_faults import body
from metadata_server import MetadataServer
from metadata_services import Ec2
from network import METADATA_ADDRESS, SERVERS_ADDRESS
from roles import role_config
from runs import places, prepare, run_once
from servers import GitServer
from static_server import StaticServer
from world import World

METADATA_IPV6 = "fd00:ec2::254"
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


def knows_no_names(instance: Instance, *servers: str) -> None:
    """Its names come from these name servers alone."""
    instance.write("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    instance.write("/etc/resolv.conf", "".join(f"nameserver {server}\n" for server in servers))


# A network without IPv4


@pytest.fixture
def without_ipv4(instance: Instance, git: GitServer, world: World) -> Iterator[Instance]:
    """An instance on such a network; nothing that it talks to but the metadata service has an address of IPv6."""
    prepare(instance, git)
    knows_no_names(instance, names.ROUTER_IPV6)
    with names.without_ipv4(world):
        yield instance


@pytest.fixture
def metadata_ipv6(world: World) -> Iterator[MetadataServer]:
    servers = world.network.servers
    servers.run("ip", "addr", "replace", f"{METADATA_IPV6}/128", "dev", "v0", "nodad")
    server = MetadataServer(servers.listen(METADATA_IPV6, 80), Ec2())
    yield server
    server.close()
    servers.run("ip", "addr", "del", f"{METADATA_IPV6}/128", "dev", "v0")


@pytest.mark.parametrize("way", ["http", "https", "ssh", "git", "snapshot"])
def test_without_ipv4(
    way: str, without_ipv4: Instance, metadata_ipv6: MetadataServer, repo: ControlRepo, static: StaticServer, world: World
) -> None:
    url = repo.url(way, host="git.test") if way != "snapshot" else static.url(snapshots.snapshot_name(), host="static.test")
    static.put(f"snapshots/{repo.head}.bundle", snapshots.make_by_git(world, repo.bare, repo.head))
    metadata_ipv6.service = Ec2(role_config(repo, url=url))
    run = run_once(without_ipv4, "unchanged")
    assert run["instance"]["platform"] == "ec2" and run["revision"]["resolved"] == repo.head
    assert not without_ipv4.run(["ip", "-4", "addr", "show", "scope", "global"]).stdout
    assert [said for _, said in places(without_ipv4)] == ["gave it"]


# Two cards


@pytest.fixture
def second_card(instance: Instance, world: World) -> Iterator[Instance]:
    """eth0 has an address, and leads nowhere; the way to all servers is the default route, by eth1."""
    network = world.network
    network.instance.run(
        "ip", "-batch", "-",
        input="link set eth0 down\nlink set eth0 name eth1\nlink add eth0 type veth peer name nowhere\naddr add 10.98.0.10/24 dev eth0\nlink set eth0 up\nlink set eth1 up\n"
        f"addr flush dev eth1\naddr add 10.99.0.10/32 dev eth1\nroute add {SERVERS_ADDRESS} dev eth1\n"
        f"route replace default via {SERVERS_ADDRESS}\n",
    )  # fmt: skip
    yield instance
    network.instance.run("ip", "-batch", "-", input="link del eth0\nlink set eth1 down\nlink set eth1 name eth0\naddr flush dev eth0\n")


def test_the_second_card_has_the_default_route(
    second_card: Instance, git: GitServer, metadata: MetadataServer, repo: ControlRepo
) -> None:
    prepare(second_card, git)
    metadata.service = Ec2(role_config(repo))
    run_once(second_card, "unchanged")
    found = json.loads(second_card.bootwright("doctor", "--json").stdout)["findings"]
    assert [each for each in found if each["examination"] == "network" and each["state"] == "bad"] == []


# What comes late


def fails_and_waits(instance: Instance, daemon: Process, code: str, *said: str) -> None:
    """The daemon's first run ends with this error, and the daemon goes on."""
    status = instance.wait_for_status(lambda status: (status["run"] or {}).get("error"), f"a run that ends with {code}", timeout=90)
    error = status["run"]["error"]
    assert error["code"] == code and error["kind"] == "transient", error
    for words in said:
        assert words in error["message"] + error["advice"], error
    assert daemon.running


def becomes_configured(instance: Instance, daemon: Process, repo: ControlRepo) -> None:
    instance.wait_for_status(lambda status: (status["configured"] or {}).get("revision") == repo.head, "a good run", timeout=90)
    assert daemon.running and daemon.stop() == 0


def test_a_metadata_service_that_comes_late(
    impatient: Instance, git: GitServer, metadata: MetadataServer, repo: ControlRepo, world: World
) -> None:
    """Nothing answers at first, as where the service is started after the machines."""
    prepare(impatient, git)
    metadata.service = Ec2(role_config(repo))
    world.network.filter(f"ip daddr {METADATA_ADDRESS} drop")
    daemon = impatient.start_bootwright("daemon")
    fails_and_waits(impatient, daemon, "http.timeout", METADATA_ADDRESS)
    world.network.reset()
    becomes_configured(impatient, daemon, repo)


def test_a_resolv_conf_that_comes_late(
    instance: Instance, git: GitServer, metadata: MetadataServer, repo: ControlRepo, world: World
) -> None:
    prepare(instance, git)
    knows_no_names(instance)
    instance.remove("/etc/resolv.conf")
    metadata.service = Ec2(role_config(repo, url=repo.url("http", host="git.test")))
    with names.name_server(world.network.servers):
        daemon = instance.start_bootwright("daemon")
        fails_and_waits(instance, daemon, "server.unreachable", "/etc/resolv.conf names no name server", "git.test")
        instance.write("/etc/resolv.conf", f"nameserver {SERVERS_ADDRESS}\n")
        becomes_configured(instance, daemon, repo)


@pytest.mark.parametrize("way", ["http", "ssh"])
def test_a_dead_name_server_before_a_good_one_is_named(
    way: str, instance: Instance, git: GitServer, metadata: MetadataServer, repo: ControlRepo, world: World
) -> None:
    dead = "10.99.0.77"
    world.network.servers.run("ip", "addr", "replace", f"{dead}/32", "dev", "v0")
    world.network.filter(f"ip daddr {dead} udp dport 53 drop")
    prepare(instance, git, stall="10s", timeout="60s")
    knows_no_names(instance, dead, SERVERS_ADDRESS)
    metadata.service = Ec2(role_config(repo, url=repo.url(way, host="git.test")))
    try:
        with names.name_server(world.network.servers):
            run = run_once(instance, "unchanged")
    finally:
        world.network.servers.run("ip", "addr", "del", f"{dead}/32", "dev", "v0")
    assert any(f"name server {dead} of /etc/resolv.conf" in warning for warning in run["warnings"]), run["warnings"]
    assert not any(f"name server {SERVERS_ADDRESS}" in warning for warning in run["warnings"]), run["warnings"]


# In mid-run


@pytest.mark.parametrize(("pattern", "names"), [(None, ["i-0123456789abcdef0"] * 2), ("%{hostname}", ["instance", "renamed"])])
def test_dhcp_gives_another_host_name_in_mid_run(
    pattern: str | None, names: list[str], instance: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    """Whatever the run has called the node by then stays its name until the run's end; the next one takes the new host name."""
    repo.commit_class(
        "renames",
        "exec { '/usr/bin/hostname renamed': unless => '/usr/bin/test \"$(/usr/bin/hostname)\" = renamed', provider => shell }\n"
        "-> file { '/etc/called': content => $trusted['certname'] }",
    )
    more = {} if pattern is None else {"puppet": {"certname": pattern}}
    metadata.service = Ec2(role_config(repo, classes=["role::renames"], **more))
    run_once(instance, "changed")
    assert instance.run(["hostname"]).stdout == "renamed\n"
    assert instance.read("/etc/called") == names[0]
    run_once(instance, "unchanged" if names[0] == names[1] else "changed")
    assert instance.read("/etc/called") == names[1]


# In somebody else's hands


@pytest.fixture
def captive(world: World) -> Iterator[Callable[[], None]]:
    """Whatever is asked of whatever web server, a page answers. The yielded function sets that up for the servers' address
    alone; the metadata service is left in peace."""
    servers = world.network.servers
    portal = MetadataServer(servers.listen("0.0.0.0", 8999), Ec2())
    portal.fault("*", body(PAGE, "text/html"))

    def catch(address: str) -> None:
        servers.run("nft", "-f", "-", input=(
            "add table ip captive\nadd chain ip captive catch { type nat hook prerouting priority -100; }\n"
            f"add rule ip captive catch ip daddr {address} tcp dport {{ 80, 9100 }} redirect to :8999\n"
        ))  # fmt: skip

    yield catch
    portal.close()
    world.network.reset()


def test_a_page_in_place_of_the_metadata_service(
    impatient: Instance, git: GitServer, metadata: MetadataServer, repo: ControlRepo, captive: Callable[[str], None], world: World
) -> None:
    prepare(impatient, git)
    metadata.service = Ec2(role_config(repo))
    captive(METADATA_ADDRESS)
    daemon = impatient.start_bootwright("daemon")
    fails_and_waits(impatient, daemon, "platform.unexpected_answer", "an HTML page, which no metadata service answers")
    world.network.reset()
    becomes_configured(impatient, daemon, repo)


@pytest.mark.parametrize("way", ["git", "snapshot"])
def test_a_page_in_place_of_the_repository(
    way: str, instance: Instance, git: GitServer, metadata: MetadataServer, repo: ControlRepo, captive: Callable[[str], None],
    static: StaticServer, world: World,
) -> None:  # fmt: skip
    prepare(instance, git)
    url = repo.url("http") if way == "git" else static.url(snapshots.snapshot_name())
    static.put(f"snapshots/{repo.head}.bundle", snapshots.make_by_git(world, repo.bare, repo.head))
    metadata.service = Ec2(role_config(repo, url=url))
    captive(SERVERS_ADDRESS)
    daemon = instance.start_bootwright("daemon")
    fails_and_waits(instance, daemon, "server.protocol", "portal")
    world.network.reset()
    becomes_configured(instance, daemon, repo)
