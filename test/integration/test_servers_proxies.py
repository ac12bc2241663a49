"""The proxies themselves: the one that fails, and that of a company."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

import pytest
from client import Client, client
from control_repo import ControlRepo
from fault_proxy import FaultProxy
from forward_proxy import INSIDE, ForwardProxy
from static_server import StaticServer
from world import World


# The proxy that fails


def test_a_transfer_is_counted_and_cut_at_each_tenth(
    client: Client, static: StaticServer, proxies: dict[str, FaultProxy]
) -> None:
    proxy = proxies["static"]
    static.put("file", bytes(range(256)) * 4000)
    url = static.url("file", port=proxy.port)
    client.curl("-o", "/tmp/file", url)
    total = proxy.bytes_down
    assert 1_024_000 < total < 1_025_000 and 50 < proxy.bytes_up < 500 and proxy.connections == 1
    for tenth in range(10):
        proxy.cut(after=total * tenth // 10, how="reset")
        done = client.instance.run(["curl", "-s", "-o", "/tmp/part", "-w", "%{size_download}", url])
        assert done.returncode in (52, 56) and abs(int(done.stdout) - total * tenth // 10) < 1000
    proxy.cut(after=total // 2, how="close")
    assert client.code(url) == 18  # fewer bytes than announced
    proxy.heal()
    client.curl("-o", "/tmp/file", url)
    assert client.instance.path("/tmp/file").read_bytes() == (static.folder / "file").read_bytes()


def test_a_client_that_comes_back_after_the_cut_is_served(
    client: Client, static: StaticServer, proxies: dict[str, FaultProxy]
) -> None:
    proxy = proxies["static"]
    static.put("file", bytes(1_000_000))
    proxy.cut(after=600_000, of_all=True, times=1)
    url = static.url("file", port=proxy.port)
    client.curl("-o", "/dev/null", "-r", "0-399999", url)
    assert client.code(url) == 56
    assert client.code(url) == 0


@pytest.mark.parametrize("offset", [0, 5, 999])
def test_one_bit_is_turned(client: Client, static: StaticServer, proxies: dict[str, FaultProxy], offset: int) -> None:
    static.put("file", b"a" * 1000)
    proxies["static"].flip(offset, in_body=True)
    got = client.curl(static.url("file", port=proxies["static"].port))
    assert len(got) == 1000 and [at for at in range(1000) if got[at] != "a"] == [offset] and got[offset] == "`"
    proxies["static"].flip(0)
    assert client.code(static.url("file", port=proxies["static"].port)) != 0  # "ITTP/1.1"
    proxies["static-https"].flip(1500)
    assert client.code(static.url("file", "https", host="static.test", port=proxies["static-https"].port)) in (35, 56)


def test_the_proxy_answers_itself(client: Client, repo: ControlRepo, proxy: FaultProxy) -> None:
    url = repo.url(port=proxy.port)
    proxy.answer(429, {"Retry-After": "1"}, times=1)
    assert "error: 429" in client.git("ls-remote", url).stderr
    assert client.git("ls-remote", url).returncode == 0


def test_a_slow_server_and_a_cut_that_ends(client: Client, static: StaticServer, proxies: dict[str, FaultProxy]) -> None:
    proxy = proxies["static"]
    static.put("file", b"x" * 1000)
    url = static.url("file", port=proxy.port)
    proxy.limit(1)
    done = client.instance.run(["curl", "-s", "--max-time", "2.5", url])
    assert done.returncode == 28 and done.stdout == ""
    assert proxy.bytes_down <= 4
    proxy.heal()
    proxy.cut_off(0.5)
    assert client.code(url) == 7
    assert client.code("--retry", "5", "--retry-connrefused", "--retry-delay", "1", url) == 0


def test_a_fleet_is_cut_off_and_comes_back(static: StaticServer, proxies: dict[str, FaultProxy], world: World) -> None:
    proxy = proxies["static"]
    static.put("file", b"x" * 1000)
    request = b"GET /file HTTP/1.1\r\nHost: static.test\r\n\r\n"

    def answers(connections: list[socket.socket]) -> int:
        """How many of them get the file."""
        got = 0
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sendall(request)
        for connection in connections:
            with contextlib.suppress(OSError):
                got += connection.recv(100).startswith(b"HTTP/1.1 200 ")
        return got

    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(world.network.instance.connect("10.99.0.1", proxy.port)) for _ in range(600)]
        assert answers(connections) == 600 == proxy.connections
        proxy.cut_off(0.5)
        assert answers(connections) == 0
    world.network.instance.wait_until_listening("10.99.0.1", proxy.port)


def test_a_lost_first_packet(client: Client, repo: ControlRepo, proxy: FaultProxy, world: World) -> None:
    world.network.filter(f"tcp dport {proxy.port} drop")
    done = client.instance.run(["curl", "-s", "--connect-timeout", "0.5", "-w", "%{time_connect}", repo.url(port=proxy.port)])
    assert done.returncode == 28 and float(done.stdout) == 0
    assert proxy.connections == 0


# The proxy of a company


def test_a_forward_proxy_passes_on_and_tells(
    client: Client, repo: ControlRepo, new_forward_proxy: Callable[..., ForwardProxy]
) -> None:
    proxy = new_forward_proxy()
    env = {"https_proxy": proxy.url(), "http_proxy": proxy.url()}
    assert client.git("ls-remote", repo.url("https", host=INSIDE)).returncode == 128
    assert client.git("ls-remote", repo.url("https", host=INSIDE), env=env).returncode == 0
    assert proxy.requests == [f"CONNECT {INSIDE}:443"]
    assert client.git("clone", "-q", repo.url(host=INSIDE), "/tmp/clone", env=env).returncode == 0
    assert proxy.requests[1:] == [
        f"GET http://{INSIDE}/{repo.name}.git/info/refs?service=git-upload-pack",
        *[f"POST http://{INSIDE}/{repo.name}.git/git-upload-pack"] * 2,
    ]
    assert client.git("ls-remote", repo.url("https", host="nowhere.test"), env=env).returncode == 128
    assert proxy.requests[-1] == "[502 CONNECT nowhere.test:443]"


def test_a_forward_proxy_may_want_a_password(
    client: Client, repo: ControlRepo, new_forward_proxy: Callable[..., ForwardProxy]
) -> None:
    proxy = new_forward_proxy(user="staff", password="open sesame")
    for scheme, said in (("https", "407"), ("http", "407")):
        url = repo.url(scheme, host=INSIDE)
        refused = client.git("ls-remote", url, env={f"{scheme}_proxy": proxy.url()})
        assert refused.returncode == 128 and said in refused.stderr, refused.stderr
        assert client.git("ls-remote", url, env={f"{scheme}_proxy": proxy.url("staff:wrong")}).returncode == 128
        assert client.git("ls-remote", url, env={f"{scheme}_proxy": proxy.url("staff:open%20sesame")}).returncode == 0
    assert any(request.startswith("[407 CONNECT") for request in proxy.requests)
