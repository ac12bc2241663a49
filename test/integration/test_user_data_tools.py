"""User-data as people's tools make it: the real ones, and written to the documentation of those that cannot be had here."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable

import pytest
from cloud_init import CloudInit
from instance import Instance

ROLE = """\
role: web
repository:
  url: https://git.example.com/puppet.git
  revision: 0123456789abcdef0123456789abcdef01234567
"""
SCRIPT = "#!/bin/sh\necho caf\xe9\n".encode("latin-1")
INDENTED = ROLE.replace("\n", "\n    ").rstrip(" ")
AS_FILE = f"#cloud-config\nwrite_files:\n- path: /run/bootwright/role-config\n  content: |\n    {INDENTED}"
ARCHIVE = (
    "#cloud-config-archive\n- type: text/x-shellscript\n  content: |\n    #!/bin/sh\n    true\n"
    f"- filename: bootwright.yaml\n  content: |\n    {INDENTED}"
)


def role_in(instance: Instance, user_data: bytes) -> str:
    """The role in user-data as the agent reads them from a folder of NoCloud."""
    instance.write("/var/lib/cloud/seed/nocloud/meta-data", "instance-id: i-seed\n")
    instance.write("/var/lib/cloud/seed/nocloud/user-data", user_data)
    explained = json.loads(instance.bootwright("explain", "--json").stdout)
    assert explained["error"] is None, explained["error"]
    values: dict[str, str] = {value["path"]: value["value"] for value in explained["role_config"]}
    return values["role"]


@pytest.mark.parametrize(
    ("file", "text", "kind"),
    [
        ("ours.yaml", ROLE, "x-bootwright"),
        ("bootwright.yaml", ROLE, "plain"),
        ("config.yaml", AS_FILE, "cloud-config"),
        ("parts.yaml", ARCHIVE, "cloud-config-archive"),
    ],
    ids=["type", "name", "file", "archive"],
)
def test_make_mime_of_cloud_init(instance: Instance, file: str, text: str, kind: str) -> None:
    cloud_init = CloudInit(instance)
    instance.write(f"/root/{file}", text)
    instance.write("/root/script", "#!/bin/sh\ntrue\n")
    made = cloud_init("devel", "make-mime", "--force", "-a", "/root/script:x-shellscript", "-a", f"/root/{file}:{kind}")
    assert made.returncode == 0 and made.stdout.count("MIME-Version") == 3, made.stderr
    assert role_in(instance, made.stdout.encode()) == "web"


def test_an_archive_that_cloud_init_reads(instance: Instance) -> None:
    cloud_init = CloudInit(instance)
    archive = "#cloud-config-archive\n- |\n  " + AS_FILE.rstrip().replace("\n", "\n  ") + "\n"
    assert cloud_init.boot(archive)["extended_status"] == "done"
    assert instance.read("/run/bootwright/role-config") == ROLE
    assert role_in(instance, archive.encode()) == "web"


def terraform(compressed: bool, encoded: bool) -> bytes:
    """What cloudinit_config renders: https://registry.terraform.io/providers/hashicorp/cloudinit/latest/docs/data-sources/config"""
    head = 'Content-Type: multipart/mixed; boundary="MIMEBOUNDARY"\nMIME-Version: 1.0\r\n\r\n'
    parts = (("script.sh", "text/x-shellscript", "#!/bin/sh\ntrue\n"), ("bootwright.yaml", "text/plain", ROLE))
    text = head + "".join(
        f'--MIMEBOUNDARY\r\nContent-Disposition: attachment; filename="{name}"\r\nContent-Transfer-Encoding: 7bit\r\n'
        f"Content-Type: {kind}\r\nMime-Version: 1.0\r\n\r\n{body}\r\n"
        for name, kind, body in parts
    )
    whole = (text + "--MIMEBOUNDARY--\r\n").encode()
    whole = gzip.compress(whole) if compressed else whole
    return base64.b64encode(whole) if encoded else whole


@pytest.mark.parametrize(("compressed", "encoded"), [(True, True), (False, True), (False, False)])
def test_the_form_of_terraform(instance: Instance, compressed: bool, encoded: bool) -> None:
    assert role_in(instance, terraform(compressed, encoded)) == "web"


#: https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_character_encoding
POWERSHELL: dict[str, Callable[[str], bytes]] = {
    "Out-File of 5.1": lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
    "Set-Content -Encoding UTF8 of 5.1": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "Set-Content -Encoding BigEndianUnicode": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "[Text.Encoding]::Unicode.GetBytes": lambda text: text.encode("utf-16-le"),
    "ToBase64String of Unicode.GetBytes": lambda text: base64.b64encode(text.encode("utf-16-le")),
    "ToBase64String of UTF8.GetBytes": lambda text: base64.b64encode(text.encode()),
}


@pytest.mark.parametrize("encoding", POWERSHELL)
def test_the_encodings_of_powershell(instance: Instance, encoding: str) -> None:
    assert role_in(instance, POWERSHELL[encoding](ROLE.replace("\n", "\r\n"))) == "web"


@pytest.mark.parametrize("theirs", [SCRIPT, b"\x7fELF\x02\x01\x01\x00"], ids=["Latin-1", "binary"])
def test_what_is_somebody_elses_is_no_error_where_the_image_says_the_role(instance: Instance, theirs: bytes) -> None:
    role = {"role": "web", "repository": {"url": "https://git.example.com/puppet.git", "revision": "0123456789abcdef" * 2 + "01234567"}}
    instance.configure({"role_config": role}, "agent.d/role.json")
    assert role_in(instance, theirs) == "web"
