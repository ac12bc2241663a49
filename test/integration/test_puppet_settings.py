"""What `puppet apply` is given: which settings hold, and where they lead."""

from __future__ import annotations

import re

from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from roles import IMPATIENT, merged, role_config
from runs import run_once


#: What stays where Puppet's package has it, and why.
THE_PACKAGES = {"vendormoduledir"}  # the types that Puppet's own packages bring


def test_no_setting_leads_out_of_the_agent_s_own_folders(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    script = '#!/bin/sh\nprintf "%s\\n" "$@" >/root/arguments\nexec /usr/bin/puppet "$@"\n'
    impatient.write("/usr/local/bin/recording-puppet", script, 0o755)
    impatient.configure(merged(IMPATIENT, {"puppet": {"path": "/usr/local/bin/recording-puppet"}}))
    metadata.service = Ec2(role_config(repo))
    run_once(impatient, "changed")
    no_settings = ("--logdest=", "--detailed-exitcodes", "--write_catalog_summary", "--loadclasses")
    given = [word for word in impatient.read("/root/arguments").splitlines() if word.startswith("--") and not word.startswith(no_settings)]
    assert len(given) > 15
    printed = impatient.run(["puppet", "config", "print", "all", *given], check=True).stdout
    paths = dict(re.findall(r"^(\w+) = (/.*)$", printed, re.MULTILINE))
    assert len(paths) > 40
    own = ("/var/lib/bootwright/", "/usr/lib/bootwright/", "/bin/echo ")
    assert {name: path for name, path in paths.items() if not path.startswith(own) and name not in THE_PACKAGES} == {}


def test_the_image_s_certificates_are_left_alone(impatient: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    impatient.run(["mkdir", "-p", "/var/lib/puppet/ssl"], check=True)
    impatient.run(["mount", "-t", "tmpfs", "-o", "ro", "none", "/var/lib/puppet"], check=True)
    metadata.service = Ec2(role_config(repo))
    run_once(impatient, "changed")
