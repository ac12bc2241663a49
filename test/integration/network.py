"""The network of the tests: two network namespaces, which processes hold, and the cable between them."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

from kernel import CLONE_NEWNET, check, libc
from real_machine import command, hold, wait_for

METADATA_ADDRESS = "169.254.169.254"
SERVERS_ADDRESS = "10.99.0.1"
#: Names of the servers' address in each machine's /etc/hosts.
SERVERS_NAMES = ("git.test", "other.test", "static.test", "s3.test", "snapshots.s3.test")
INSTANCE_ADDRESS = "10.99.0.10"


class Namespace:
    """A network namespace, held by a sleeping process."""

    def __init__(self) -> None:
        self._holder = hold("unshare", "--net", "sleep", "infinity")
        self.pid = self._holder.pid
        ours = os.readlink("/proc/self/ns/net")
        wait_for(lambda: os.readlink(self.path) != ours, "a network namespace", every=0.001)

    @property
    def path(self) -> str:
        return f"/proc/{self.pid}/ns/net"

    def run(self, *argv: str, input: str | None = None) -> str:
        return command("nsenter", f"--net={self.path}", *argv, input=input)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Sockets that this thread makes meanwhile, and threads that it starts, belong to the namespace."""
        with open("/proc/thread-self/ns/net") as ours, open(self.path) as theirs:
            check(libc.setns(theirs.fileno(), CLONE_NEWNET), "setns")
            try:
                yield
            finally:
                check(libc.setns(ours.fileno(), CLONE_NEWNET), "setns")

    def listen(self, address: str, port: int, interface: str = "") -> socket.socket:
        """interface: that of an address of IPv6 that holds on one link only."""
        with self.entered():
            if ":" not in address:
                return socket.create_server((address, port), backlog=64)
            scope = socket.if_nametoindex(interface) if interface else 0
            return socket.create_server((address, port, 0, scope), family=socket.AF_INET6, backlog=64)

    def connect(self, address: str, port: int, timeout: float = 5) -> socket.socket:
        with self.entered():
            return socket.create_connection((address, port), timeout=timeout)

    def wait_until_listening(self, address: str, port: int, timeout: float = 20) -> None:
        def probe() -> bool:
            try:
                self.connect(address, port).close()
                return True
            except OSError:
                return False

        wait_for(probe, f"something that listens on {address}:{port}", timeout)

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()


class Network:
    """Two network namespaces and the cable between them. `servers` has the metadata service's true address and 10.99.0.1,
    `instance` has 10.99.0.10. There is no way out, and no name server."""

    def __init__(self) -> None:
        self.servers = Namespace()
        self.instance = Namespace()
        ends = f"v0 netns {self.servers.pid} type veth peer name eth0 netns {self.instance.pid}"
        command("ip", "-batch", "-", input=f"link add {ends}\n")
        self.servers.run(
            "ip", "-batch", "-",
            input=f"link set lo up\naddr add {SERVERS_ADDRESS}/24 dev v0\naddr add {METADATA_ADDRESS}/32 dev v0\nlink set v0 up\n",
        )  # fmt: skip
        self.plug_in()

    def plug_in(self) -> None:
        """Puts the instance's side in order, also after unplug()."""
        self.instance.run(
            "ip", "-batch", "-",
            input=f"link set lo up\naddr replace {INSTANCE_ADDRESS}/24 dev eth0\nlink set eth0 up\n"
            f"route replace {METADATA_ADDRESS} dev eth0\nroute replace default via {SERVERS_ADDRESS}\n",
        )  # fmt: skip

    def unplug(self) -> None:
        self.instance.run("ip", "link", "set", "eth0", "down")

    def filter(self, *rules: str) -> None:
        """Adds nftables rules to what reaches the servers, for example filter("tcp dport 80 drop")."""
        lines = ["add table inet fault", "add chain inet fault input { type filter hook input priority 0; }"]
        lines += [f"add rule inet fault input {rule}" for rule in rules]
        self.servers.run("nft", "-f", "-", input="\n".join(lines) + "\n")

    def reset(self) -> None:
        self.servers.run("nft", "flush", "ruleset")
        self.plug_in()

    def close(self) -> None:
        self.servers.close()
        self.instance.close()
