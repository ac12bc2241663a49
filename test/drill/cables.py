"""Networks of machines, each with a cable of its own to the servers: at its end the metadata service answers at the true address, to this
machine alone."""

from __future__ import annotations

import socket
import subprocess

from metadata_server import MetadataServer
from metadata_services import Service
from network import METADATA_ADDRESS, Namespace
from real_machine import command, hold


class Cable:
    def __init__(self, servers: Namespace, number: int) -> None:
        """number: from 1 on; the machine gets 10.99.NUMBER.10."""
        self._servers = servers
        self._device = f"v{number}"
        self.subnet = f"10.99.{number}.0/24"
        self.router, self.address = f"10.99.{number}.1", f"10.99.{number}.10"
        self.namespace = Namespace()
        ends = f"{self._device} netns {servers.pid} type veth peer name eth0 netns {self.namespace.pid}"
        command("ip", "-batch", "-", input=f"link add {ends}\n")
        servers.run("ip", "-batch", "-", input=f"addr add {self.router}/24 dev {self._device}\nlink set {self._device} up\n")
        self._metadata: MetadataServer | None = None
        self._dhcp: subprocess.Popen[str] | None = None

    def plug_in(self) -> None:
        """For a machine that asks for no lease."""
        self.namespace.run(
            "ip", "-batch", "-",
            input=f"link set lo up\naddr replace {self.address}/24 dev eth0\nlink set eth0 up\n"
            f"route replace {METADATA_ADDRESS} dev eth0\nroute replace default via {self.router}\n",
        )  # fmt: skip

    def cut(self) -> None:
        self.namespace.run("ip", "link", "set", "eth0", "down")

    def serve_metadata(self, service: Service) -> MetadataServer:
        with self._servers.entered():
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Several stand at this address: each answers what comes through its own cable.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self._device.encode())
            listener.bind((METADATA_ADDRESS, 80))
            listener.listen(64)
        self._metadata = MetadataServer(listener, service)
        return self._metadata

    def serve_leases(self, file: str) -> None:
        self._dhcp = hold(
            "nsenter", f"--net={self._servers.path}", "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=root", "--pid-file=",
            "--port=0", f"--interface={self._device}", "--except-interface=lo", "--bind-interfaces", f"--dhcp-leasefile={file}",
            "--dhcp-authoritative", f"--dhcp-range={self.address},{self.address},1h", f"--dhcp-option=option:router,{self.router}",
        )  # fmt: skip

    def close(self) -> None:
        if self._metadata is not None:
            self._metadata.close()
        if self._dhcp is not None:
            self._dhcp.kill()
            self._dhcp.wait()
        self.namespace.close()
