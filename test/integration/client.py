"""A client of the servers: the real git and curl in an instance."""

from __future__ import annotations

import subprocess

import pytest
from instance import Instance
from servers import GitServer

SSH = "ssh -F none -i /etc/ssh_key -o UserKnownHostsFile=/etc/known_hosts -o StrictHostKeyChecking=yes -o BatchMode=yes"


class Client:
    """git and curl in an instance that trusts the tests' authority."""

    def __init__(self, instance: Instance, git: GitServer) -> None:
        self.instance = instance
        instance.write("/etc/ca.pem", git.ca_file.read_bytes())
        instance.write("/etc/client.pem", git.client_certificate.pem.read_bytes())
        instance.write("/etc/client.key", git.client_certificate.key.read_bytes(), 0o600)
        instance.write("/etc/ssh_key", git.ssh_key.read_bytes(), 0o600)
        instance.write("/etc/known_hosts", git.known_hosts)
        self.env = {
            "GIT_SSL_CAINFO": "/etc/ca.pem", "CURL_CA_BUNDLE": "/etc/ca.pem", "GIT_SSH_COMMAND": SSH, "GIT_TERMINAL_PROMPT": "0",
            "GIT_TRACE_PACKET": "/tmp/packets",
        }  # fmt: skip

    def git(self, *arguments: str, env: dict[str, str] = {}, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return self.instance.run(["git", *arguments], env={**self.env, **env}, timeout=timeout)

    def fetch(self, url: str, revision: str, *options: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Of this commit alone into a new repository, and its checkout."""
        self.instance.run(["rm", "-rf", "/tmp/fetched"], check=True)
        self.git("init", "-q", "/tmp/fetched")
        fetched = self.git("-C", "/tmp/fetched", *options, "fetch", "-q", "--depth=1", url, revision, timeout=timeout)
        return fetched if fetched.returncode else self.git("-C", "/tmp/fetched", "checkout", "-q", revision)

    def protocol(self, url: str, *options: str) -> str:
        """The version that server and client agree on."""
        self.instance.remove("/tmp/packets")
        done = self.git(*options, "ls-remote", url)
        assert done.returncode == 0, done.stderr
        return "2" if "version 2" in self.instance.read("/tmp/packets") else "0"

    def curl(self, *arguments: str) -> str:
        return self.instance.run(["curl", "-sS", "--max-time", "10", *arguments], env=self.env, check=True).stdout

    def code(self, *arguments: str) -> int:
        """curl's exit status."""
        return self.instance.run(["curl", "-s", "--max-time", "5", "-o", "/dev/null", *arguments], env=self.env).returncode


@pytest.fixture
def client(instance: Instance, git: GitServer) -> Client:
    return Client(instance, git)
