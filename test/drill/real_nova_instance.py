"""real_nova_instance.py CONFIGURATION USER-DATA UUID PROJECT: makes Nova's databases with one instance, by Nova's own code. real_nova.py runs it."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

from nova import config, context, objects
from nova.db import migration
from nova.network import model


def main() -> None:
    configuration, user_data, uuid, project = sys.argv[1:]
    config.parse_args(["nova", "--config-file", configuration])
    for database in ("api", "main"):
        migration.db_sync(database=database)
    objects.register_all()
    nobody = context.get_admin_context()
    flavor = objects.Flavor(
        nobody, id=1, flavorid="1", name="m1.small", memory_mb=2048, vcpus=1, root_gb=20, ephemeral_gb=0, swap=0, rxtx_factor=1.0,
        vcpu_weight=0, disabled=False, is_public=True, extra_specs={}, description=None,
    )  # fmt: skip
    instance = objects.Instance(
        nobody, uuid=uuid, project_id=project, user_id="drill", hostname="web-1", display_name="web-1", availability_zone="nova",
        user_data=base64.b64encode(Path(user_data).read_bytes()).decode(), vm_state="active", launch_index=0, image_ref="",
        metadata={}, system_metadata={}, flavor=flavor, old_flavor=None, new_flavor=None, ephemeral_key_uuid=None,
        security_groups=objects.SecurityGroupList(objects=[]),
    )  # fmt: skip
    instance.create()
    objects.InstanceInfoCache(nobody, instance_uuid=uuid, network_info=model.NetworkInfo([])).save()


if __name__ == "__main__":
    main()
