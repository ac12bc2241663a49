"""Real name servers for the machines: Debian's dnsmasq; and what a network without IPv4 has, unbound with DNS64 and tayga with NAT64."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from network import SERVERS_ADDRESS, SERVERS_NAMES, Namespace
from real_machine import hold, wait_for
from world import World

#: Of a network without IPv4: of the machine, of its router, and what stands before each address of IPv4.
INSTANCE_IPV6, ROUTER_IPV6, PREFIX_IPV4 = "fd00:99::10", "fd00:99::1", "fd00:64::"

_UNBOUND = """\
server:
    interface: ROUTER
    access-control: fd00:99::/64 allow
    username: ""
    chroot: ""
    directory: "FOLDER"
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    do-ip4: yes
    module-config: "dns64 iterator"
    dns64-prefix: PREFIX/96
    local-zone: "test." nodefault
forward-zone:
    name: "."
    forward-addr: SERVER
remote-control:
    control-enable: no
"""

_TAYGA = """\
tun-device nat64
ipv4-addr 192.168.255.1
prefix PREFIX/96
dynamic-pool 192.168.255.0/24
data-dir FOLDER
"""


@contextlib.contextmanager
def _running(server: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


@contextlib.contextmanager
def name_server(namespace: Namespace) -> Iterator[None]:
    """dnsmasq, which knows the servers' names and no other."""
    names = [f"--address=/{name}/{SERVERS_ADDRESS}" for name in SERVERS_NAMES]
    server = hold(
        "nsenter", f"--net={namespace.path}", "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=root", "--pid-file=",
        "--no-resolv", "--no-hosts", "--bind-interfaces", f"--listen-address={SERVERS_ADDRESS}", *names,
    )  # fmt: skip
    with _running(server):
        namespace.wait_until_listening(SERVERS_ADDRESS, 53)
        yield


def _translator(servers: Namespace, folder: Path) -> subprocess.Popen[str]:
    """tayga, and the routes that lead to it."""
    file = folder / "tayga.conf"
    file.write_text(_TAYGA.replace("PREFIX", PREFIX_IPV4).replace("FOLDER", str(folder)))
    enter = ("nsenter", f"--net={servers.path}")
    servers.run("tayga", "--config", str(file), "--mktun")
    servers.run(
        "ip", "-batch", "-",
        input=f"link set nat64 up\naddr replace 192.168.255.254/32 dev nat64\nroute replace 192.168.255.0/24 dev nat64\n"
        f"route replace {PREFIX_IPV4}/96 dev nat64\n",
    )  # fmt: skip
    for name in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        servers.run("sysctl", "-q", "-w", f"{name}=1")
    return hold(*enter, "tayga", "--config", file, "--nodetach")


def _dns64(servers: Namespace, folder: Path) -> subprocess.Popen[str]:
    """unbound, which asks name_server() and makes addresses of IPv6 of what it says."""
    file = folder / "unbound.conf"
    text = _UNBOUND.replace("ROUTER", ROUTER_IPV6).replace("PREFIX", PREFIX_IPV4).replace("FOLDER", str(folder))
    file.write_text(text.replace("SERVER", SERVERS_ADDRESS))
    return hold("nsenter", f"--net={servers.path}", "unbound", "-d", "-c", file)


@contextlib.contextmanager
def without_ipv4(world: World) -> Iterator[None]:
    """The instances' network has no IPv4, and a router that translates: the servers have only IPv4, as much of the world has.
    Afterwards world.network.reset() puts the instances' side in order."""
    network = world.network
    folder = world.new_folder("ipv6")
    folder.mkdir()
    network.servers.run("ip", "addr", "replace", f"{ROUTER_IPV6}/64", "dev", "v0", "nodad")
    network.instance.run(
        "ip", "-batch", "-",
        input="addr flush dev eth0 scope global\naddr flush dev lo\n"
        f"addr replace ::1/128 dev lo\naddr replace {INSTANCE_IPV6}/64 dev eth0 nodad\nroute replace default via {ROUTER_IPV6}\n",
    )  # fmt: skip
    try:
        with name_server(network.servers), _running(_translator(network.servers, folder)), _running(_dns64(network.servers, folder)):
            network.servers.wait_until_listening(ROUTER_IPV6, 53)
            yield
    finally:
        network.instance.run("ip", "addr", "replace", "127.0.0.1/8", "dev", "lo")
        network.instance.run("ip", "-6", "addr", "flush", "dev", "eth0", "scope", "global")
        network.servers.run("ip", "-batch", "-", input=f"link del nat64\naddr del {ROUTER_IPV6}/64 dev v0\n")
