"""What is special about one platform: MAAS, VMware, Azure's custom data. What holds for all is in test_platforms.py."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable

import pytest
from metadata_services import Maas, Reply, Request, Tree
from platform_fixtures import FIXTURES
from platform_services import MAAS_KEYS, MAAS_SECRET, MAAS_TOKEN, PlatformServices, check_refused, check_well, named


@pytest.mark.parametrize("ahead", [-18000, 18000])
def test_maas_is_asked_at_its_own_time_where_a_clock_is_wrong(ahead: int, services: PlatformServices) -> None:
    platform = named("maas")
    tree, server = services.machine(platform)
    server.service = Maas(Tree.of(platform.root / "metadata-answers.json"), *MAAS_KEYS, ahead=ahead)
    check_well(services.metadata(tree), platform)
    assert server.count("GET */meta-data/instance-id") == 2 and server.count("GET */user-data") == 1


def test_maas_refuses_another_machine_s_credentials_which_nobody_is_shown(services: PlatformServices) -> None:
    tree, _ = services.machine(named("maas"))
    file = tree / "etc/cloud/cloud.cfg.d/90_dpkg_maas.cfg"
    file.write_text(file.read_text().replace(MAAS_SECRET, "of-another-machine"))
    done = services.metadata(tree)
    check_refused(done)
    assert "platform.token_refused" in done.stderr
    for word in (MAAS_TOKEN, "of-another-machine", "OAuth"):
        assert word not in done.stderr


def test_maas_is_found_by_the_kernel_command_line_of_a_machine_that_runs_from_memory(services: PlatformServices) -> None:
    platform = named("maas")
    tree, server = services.machine(platform)
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
    check_well(services.metadata(tree), platform)
    assert server.count(preseed) == 1


@pytest.fixture
def vmware(services: PlatformServices) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Reads the metadata of a VMware machine whose tools are these shell scripts: vmware-rpctool, and perhaps vmtoolsd."""

    def read(script: str, vmtoolsd: str = "") -> subprocess.CompletedProcess[str]:
        tree = services.world.new_folder("tree") / "t"
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
        return services.metadata(tree)

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


def test_a_vapp_s_volume_is_read(services: PlatformServices) -> None:
    tree = services.world.new_folder("tree") / "t"
    shutil.copytree(FIXTURES / "vmware/root-ovf-volume", tree, ignore=shutil.ignore_patterns("metadata-answers.json"))
    done = services.metadata(tree)
    assert done.returncode == 0, done.stderr
    metadata = json.loads(done.stdout)
    assert (metadata["platform"], metadata["id"], metadata["hostname"]) == ("vmware", "vapp-web-2", "web-2")
    assert metadata["tags"] == {"bootwright.role": "web"}
    assert metadata["user_data"]["origin"] == "vApp property user-data"


def test_azure_s_custom_data_counts_where_there_is_no_user_data(services: PlatformServices) -> None:
    azure = named("azure")
    tree, server = services.machine(azure)
    shutil.copytree(FIXTURES / "azure/root-custom-data/var", tree / "var")
    origin = json.loads(services.metadata(tree).stdout)["user_data"]["origin"]
    assert origin == "userData"
    server.reset(Tree.of(FIXTURES / "azure/root-custom-data/metadata-answers.json"))
    check_well(services.metadata(tree), azure)
    (tree / "var/lib/waagent").chmod(0o777)
    done = services.metadata(tree)
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
