"""The public clouds that give snapshots and secrets to their instances."""

from __future__ import annotations

import dataclasses

import public_clouds
from platform_fixtures import fixture_files


@dataclasses.dataclass(frozen=True)
class Cloud:
    """A cloud: how an instance of it is known, its place of snapshots, and its stores of secrets with a name in each."""

    name: str
    place: str
    object: str
    secrets: tuple[tuple[str, str], ...]  # its key in agent.json, and a name
    no_identity: str  # the path that tells whether the instance has one

    def __str__(self) -> str:
        return self.name

    def files(self, folder: str) -> dict[str, str]:
        return fixture_files(self.name, folder)


EC2 = Cloud(
    "ec2", "s3://snapshots/some/where", f"snapshots.s3.{public_clouds.REGION}.amazonaws.com/some/where",
    (("aws_secret", "git/token"), ("aws_parameter", "/git/token")), "/latest/meta-data/iam/*",
)  # fmt: skip
GCE = Cloud(
    "gce", "gs://snapshots/some/where", "storage.googleapis.com/snapshots/some/where",
    (("gcp_secret", "projects/example-project/secrets/git-token"),), "*/service-accounts/default/token",
)  # fmt: skip
AZURE = Cloud(
    "azure", "az://snapshotsaccount/container/some/where", "snapshotsaccount.blob.core.windows.net/container/some/where",
    (("azure_secret", "example-vault/git-token"),), "/metadata/identity/oauth2/token",
)  # fmt: skip
CLOUDS = [EC2, GCE, AZURE]
SECRETS = [(cloud, kind, name) for cloud in CLOUDS for kind, name in cloud.secrets]
