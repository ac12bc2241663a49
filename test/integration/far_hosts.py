"""Hosts of the internet that no test can reach: one server that stands for several of them, over https."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from authority import Authority
from machine import Machine
from metadata_server import MetadataServer
from metadata_services import Service
from world import World


def serve(world: World, authority: Authority, address: str, hosts: Sequence[str], service: Service) -> MetadataServer:
    """The server, at an address of its own. MetadataServer is what speaks HTTP: faults and requests are as there."""
    world.network.servers.run("ip", "addr", "replace", f"{address}/24", "dev", "v0")
    certificate = authority.certificate(hosts[0], [f"DNS:{host}" for host in hosts])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.pem, certificate.key)
    listener = world.network.servers.listen(address, 443)
    # Each connection's handshake is made by the thread that serves it.
    return MetadataServer(context.wrap_socket(listener, server_side=True, do_handshake_on_connect=False), service)


def lead_to(machine: Machine, address: str, hosts: Sequence[str]) -> None:
    """The machine takes the server for all of the hosts."""
    machine.write("/etc/hosts", machine.read("/etc/hosts") + f"{address} {' '.join(hosts)}\n")
