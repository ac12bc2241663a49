"""The main job: an instance configures itself, with the real curl, git, ssh and Puppet, and says so."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable

import pytest
from control_repo import ControlRepo
from fault_proxy import FaultProxy
from instance import Instance
from machine import PLAIN_SYS
from metadata_server import MetadataServer
from metadata_services import Ec2, Tree
from network import SERVERS_ADDRESS
from roles import IMPATIENT, merged, role_config
from servers import GitServer


def run_well(instance: Instance, outcome: str = "changed") -> dict[str, object]:
    done = instance.bootwright("run")
    assert done.returncode == 0, done.stdout + done.stderr
    run = instance.status()["run"]
    assert run["outcome"] == outcome and run["error"] is None
    return run


def test_a_bare_instance_becomes_a_web_server(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    metadata.service = Ec2(role_config(repo, "web", data={"profile::web::port": 8081}))
    run = run_well(instance)
    assert run["role"] == "web"
    assert run["revision"] == {"asked": repo.head, "resolved": repo.head}
    assert run["instance"]["platform"] == "ec2" and run["instance"]["id"] == "i-0123456789abcdef0"
    page = instance.run(["curl", "-sS", "http://127.0.0.1:8081/"], check=True).stdout
    assert "web" in page
    assert instance.status()["configured"]["revision"] == repo.head

    second = run_well(instance, "unchanged")
    assert second["number"] == 2
    for number, outcome in ((1, "changed"), (2, "unchanged")):
        folder = f"/var/lib/bootwright/runs/{number:06d}"
        assert json.loads(instance.read(f"{folder}/report.json"))["outcome"] == outcome
        assert stat.S_IMODE(instance.path(f"{folder}/role_config.json").stat().st_mode) == 0o600


def test_what_operators_see(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    before = instance.bootwright("status")
    assert before.returncode == 4 and "nothing has run" in before.stdout
    metadata.service = Ec2(role_config(repo))
    run_well(instance)
    shown = instance.bootwright("status")
    assert shown.returncode == 0
    assert shown.stdout.startswith(f"configured: role base at {repo.head[:12]}\n")
    assert "i-0123456789abcdef0 on ec2" in shown.stdout
    assert json.loads(instance.bootwright("status", "--json").stdout) == instance.status()
    # Anybody may look.
    nobody = instance.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/bootwright", "status"])
    assert nobody.returncode == 0 and nobody.stdout.startswith("configured")
    assert stat.S_IMODE(instance.path("/run/bootwright/status.json").stat().st_mode) == 0o644
    assert stat.S_IMODE(instance.path("/var/lib/bootwright").stat().st_mode) == 0o700


def test_a_new_pin_is_applied_and_old_checkouts_are_pruned(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    instance.configure({"repository": {"keep": 1}})
    metadata.service = Ec2(role_config(repo))
    run_well(instance)
    first = repo.head
    second = repo.commit_class("extra", "file { '/etc/extra': content => 'two' }")
    metadata.service = Ec2(role_config(repo, classes=["role::extra"]))
    run_well(instance)
    assert instance.read("/etc/extra") == "two"
    third = repo.commit({"unused": "x"})
    metadata.service = Ec2(role_config(repo))
    run_well(instance)
    left = {entry.name for entry in instance.path("/var/lib/bootwright/checkout").iterdir() if entry.is_dir()}
    # The newest one and the one of the last good run before it.
    assert left == {second, third} and first not in left


def test_data_is_above_the_repository_and_never_shown(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    secret = "correct-horse-battery"
    repo.commit_class(
        "secret",
        "$word = lookup('word')\n  file { '/etc/word': content => $word, mode => '0600' }\n"
        '  exec { "/bin/false ${word}": }',
    )
    instance.configure(IMPATIENT)
    metadata.service = Ec2(role_config(repo, classes=["role::secret"], data={"word": secret}))
    done = instance.bootwright("run")
    assert done.returncode == 1
    assert instance.read("/etc/word") == secret
    assert instance.status()["run"]["error"]["code"] == "puppet.resources_failed"
    shown = done.stdout + done.stderr + instance.read("/run/bootwright/status.json") + instance.bootwright("status").stdout
    assert secret not in shown and "[redacted]" in shown


@pytest.mark.parametrize("scheme", ["http", "https", "ssh", "file"])
def test_each_way_to_the_repository(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo, git: GitServer, scheme: str
) -> None:
    # By name: mbedTLS, behind Debian's libgit2, does not check certificates for addresses.
    url = "file:///srv/control.git" if scheme == "file" else repo.url(scheme).replace(SERVERS_ADDRESS, "git.test")
    if scheme == "https":
        instance.write("/etc/bootwright/ca.pem", git.ca_file.read_bytes())
        instance.configure({"repository": {"ca_file": "/etc/bootwright/ca.pem"}})
    if scheme == "ssh":
        instance.write("/etc/bootwright/ssh_key", git.ssh_key.read_bytes(), 0o600)
        instance.write("/etc/bootwright/known_hosts", git.known_hosts)
    if scheme == "file":
        instance.run(["git", "clone", "-q", "--bare", repo.url(), "/srv/control.git"], check=True)
    metadata.service = Ec2(role_config(repo, url=url))
    run_well(instance)


def test_a_password_in_the_url_is_used_and_never_shown(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo, git: GitServer
) -> None:
    instance.write("/etc/bootwright/ca.pem", git.ca_file.read_bytes())
    instance.configure({"repository": {"ca_file": "/etc/bootwright/ca.pem"}}, "agent.d/ca.json")
    metadata.service = Ec2(role_config(repo, url=repo.url("https", host="git.test", credentials=True)))
    run_well(instance)
    assert any("/private/" in request and " 200 " in request for request in git.requests())
    found = instance.run(["grep", "-rl", git.PASSWORD, "/run/bootwright", "/var/lib/bootwright"]).stdout
    assert found == ""
    assert git.PASSWORD not in instance.bootwright("status").stdout


def test_the_tip_of_a_branch_comes_without_its_history(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    repo.commit_ballast(3)
    repo.commit({f"ballast/{number}.bin": None for number in range(3)})
    metadata.service = Ec2(role_config(repo))
    run_well(instance)
    size = instance.run(["du", "-sk", "/var/lib/bootwright/repository"], check=True).stdout
    assert int(size.split()[0]) < 1000


def test_an_older_commit_comes_although_the_server_refuses_it_alone(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    """Also where the repository on disk is shallow from an earlier pin."""
    for number in range(5):
        repo.commit({"number": str(number)})
    metadata.service = Ec2(role_config(repo))
    run_well(instance)
    metadata.service = Ec2(role_config(repo, revision=repo.first))
    run_well(instance)
    assert instance.status()["configured"]["revision"] == repo.first


def test_an_older_commit_comes_alone_where_the_server_gives_it(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    repo.server_config("uploadpack.allowAnySHA1InWant", "true")
    pin = repo.commit({"number": "1"})
    repo.commit_ballast(3)
    metadata.service = Ec2(role_config(repo, revision=pin))
    run_well(instance)
    size = instance.run(["du", "-sk", "/var/lib/bootwright/repository"], check=True).stdout
    assert int(size.split()[0]) < 1000


def test_branches_and_tags_only_where_the_image_allows_them(
    instance: Instance, git: GitServer, metadata: MetadataServer, repo: ControlRepo
) -> None:
    url = repo.url("https", host="git.test")
    instance.write("/etc/bootwright/ca.pem", git.ca_file.read_bytes())
    repo.tag("v1", annotated=True)
    pinned = repo.head
    repo.commit({"later": "x"})
    metadata.service = Ec2(role_config(repo, url=url, revision="v1"))
    assert instance.bootwright("run").returncode == 1
    error = instance.status()["run"]["error"]
    assert error["code"] == "role.invalid" and "repository.revision" in error["message"]
    instance.configure({"repository": {"allow_branches_and_tags": True, "ca_file": "/etc/bootwright/ca.pem"}})
    run = run_well(instance)
    assert run["revision"] == {"asked": "v1", "resolved": pinned}
    metadata.service = Ec2(role_config(repo, url=url, revision="main"))
    assert run_well(instance)["revision"]["resolved"] == repo.head


def test_without_a_network_the_pin_on_disk_is_enough(instance: Instance, metadata: MetadataServer, repo: ControlRepo, git: GitServer) -> None:
    metadata.service = Ec2(role_config(repo))
    run_well(instance)
    git.stop()
    run_well(instance, "unchanged")


def test_a_tampered_checkout_is_replaced(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    metadata.service = Ec2(role_config(repo))
    run_well(instance)
    checkout = f"/var/lib/bootwright/checkout/{repo.head}"
    instance.write(f"{checkout}/manifests/zz_evil.pp", "file { '/etc/evil': ensure => file }\n")
    instance.write(f"{checkout}/manifests/site.pp", "file { '/etc/evil2': ensure => file }\n")
    run_well(instance, "unchanged")
    assert not instance.exists("/etc/evil") and not instance.exists("/etc/evil2")


@pytest.mark.parametrize("seed", ["folder", "url", "credential", "file"])
def test_other_platforms(
    new_instance: Callable[..., Instance], metadata: MetadataServer, repo: ControlRepo, seed: str
) -> None:
    document = role_config(repo)
    environment = {}
    if seed == "url":
        metadata.service = Tree.of({"/seed/user-data": document, "/seed/meta-data": b"instance-id: i-seed\nlocal-hostname: web1\n"})
        instance = new_instance(sys_files=PLAIN_SYS, cmdline="ro ds=nocloud;s=http://169.254.169.254/seed/")
    else:
        instance = new_instance(sys_files=PLAIN_SYS)
    if seed == "folder":
        instance.write("/var/lib/cloud/seed/nocloud/user-data", document)
        instance.write("/var/lib/cloud/seed/nocloud/meta-data", "instance-id: i-seed\n")
    if seed == "credential":
        instance.write("/run/credentials/bootwright.service/bootwright.role_config", document, 0o400)
        environment = {"CREDENTIALS_DIRECTORY": "/run/credentials/bootwright.service"}
    if seed == "file":
        instance.write("/etc/bootwright/role.json", document)
    done = instance.bootwright("run", env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    status = instance.status()["run"]["instance"]
    expected = {"folder": ("nocloud", "i-seed"), "url": ("nocloud", "i-seed")}
    assert (status["platform"], status["id"]) == expected.get(seed, (seed, "0123456789abcdef0123456789abcdef"))


def test_the_kernel_command_line_chooses_the_platform(
    new_instance: Callable[..., Instance], metadata: MetadataServer, repo: ControlRepo
) -> None:
    instance = new_instance(sys_files=PLAIN_SYS, cmdline="ro bootwright.platform=ec2")
    metadata.service = Ec2(role_config(repo))
    run_well(instance)


def test_live_progress_on_a_terminal(instance: Instance, metadata: MetadataServer, repo: ControlRepo, proxy: FaultProxy) -> None:
    repo.commit_class("slow", "exec { '/bin/sleep 1': }")
    repo.commit_ballast(2)
    proxy.limit(2_000_000)
    metadata.service = Ec2(role_config(repo, url=repo.url(port=8080), classes=["role::slow"]))
    shown = instance.run(["script", "-qec", "/usr/bin/bootwright run", "/dev/null"], timeout=120).stdout
    assert "repository, attempt 1 of 5: objects " in shown
    assert "puppet, attempt 1 of 3: resources " in shown
    assert f"configured: role base at {repo.head[:12]}" in shown


def test_two_runs_never_overlap(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    repo.commit_class("slow", "exec { '/bin/sleep 3': }")
    metadata.service = Ec2(role_config(repo, classes=["role::slow"]))
    first = instance.start_bootwright("run")
    instance.wait_for_status(lambda status: status["run"]["stage"] == "puppet", "the puppet stage")
    second = instance.bootwright("run")
    assert second.returncode == 5 and "another run" in second.stderr
    assert first.wait() == 0
    assert instance.status()["run"]["number"] == 1


def test_metadata_requests_keep_off_proxies(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    metadata.service = Ec2(role_config(repo))
    proxy = {"http_proxy": f"http://{SERVERS_ADDRESS}:9/", "HTTP_PROXY": f"http://{SERVERS_ADDRESS}:9/"}
    done = instance.bootwright("run", env=proxy)
    assert done.returncode == 0, done.stdout + done.stderr


def test_noop_looks_and_changes_nothing(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    repo.commit_class("drift", "file { '/etc/drift': content => 'x' }")
    metadata.service = Ec2(role_config(repo, classes=["role::drift"], puppet={"noop": True}))
    assert instance.bootwright("run").returncode == 1
    run = instance.status()["run"]
    assert run["outcome"] == "noop_drift" and run["resources"]["out_of_sync"] >= 1
    assert {"File[/etc/drift]"} <= {each["resource"] for each in run["drifted_resources"]}
    assert "\n  drift     File[/etc/drift] (site-modules/role/manifests/drift.pp:2)\n" in instance.bootwright("status").stdout
    assert not instance.exists("/etc/drift")


def test_the_image_s_defaults_lie_below_user_data(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    instance.configure(
        merged(IMPATIENT, {"role_config": {"role": "web", "repository": {"url": repo.url()}, "facts": {"site": "home"}}})
    )
    instance.configure({"role_config": {"repository": {"revision": repo.head}}}, "agent.d/10-pin.json")
    metadata.service = Ec2(b'{"role": "base"}')
    run_well(instance)
    origins = json.loads(instance.read("/var/lib/bootwright/runs/000001/role_config.json"))["origins"]
    assert origins == {
        "role": "user-data",
        "repository.url": "/etc/bootwright/agent.json",
        "repository.revision": "/etc/bootwright/agent.d/10-pin.json",
        "facts.site": "/etc/bootwright/agent.json",
    }


def test_each_program_loads_only_what_its_work_needs(instance: Instance) -> None:
    """docs/decisions/0007, 0009 and 0010: the agent itself knows neither git nor TLS, and what speaks to servers knows no git."""

    def loads(program: str) -> set[str]:
        listed = instance.run(["ldd", program], check=True).stdout
        return {name for name in ("libgit2", "libcurl", "libssl", "libgssapi") if name in listed}

    assert loads(instance.BINARY) == set()
    assert "libgit2" in loads(instance.FETCH) and "libcurl" not in loads(instance.FETCH)
    assert "libcurl" in loads(instance.DOWNLOAD) and "libgit2" not in loads(instance.DOWNLOAD)
