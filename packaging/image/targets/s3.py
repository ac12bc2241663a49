"""Any store that speaks S3: Amazon's, Swift, Ceph, MinIO and others.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html: an upload in parts, which the store keeps until it is completed.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contents import Digest
from publishing.problem import Problem, shown
from publishing.progress import Region
from publishing.release import File, Release
from publishing.target import Found, Target

_MIB = 1 << 20
#: Of an upload in parts; the smallest part that S3 takes is 5 MiB.
_MOST_PARTS = 10_000
_PARTS_AT_ONCE = 4
# The bytes were damaged on their way, or the store is busy.
_PASSING = {"BadDigest", "InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown", "XAmzContentSHA256Mismatch", "NoSuchUpload"}
_ABSENT = {"404", "NoSuchKey", "NotFound"}


class S3(Target):
    kind = "s3"
    keys = {
        "bucket": "the bucket, which exists",
        "prefix": "a folder in it",
        "region": "the store's name of the region",
        "endpoint": "the store's URL; without it Amazon's",
        "profile": "of ~/.aws/credentials and ~/.aws/config, instead of the environment",
        "part_mib": "size of a part in MiB, from 5 on; 16 without it",
    }
    required = frozenset({"bucket", "region"})
    formats = ("qcow2", "raw", "tar", "vhd", "vmdk", "oci")

    def __init__(self, name: str, settings: Mapping[str, Any], say: Callable[[str], None] | None) -> None:
        super().__init__(name, settings, say)
        part = settings.get("part_mib", "16")
        if not part.isdigit() or not 5 <= int(part) <= 4096:
            raise Problem(f"target {name}: part_mib is {part}", "It is a number from 5 to 4096")
        self._part = int(part) * _MIB
        self._made: Any = None

    def find(self, release: Release, artifact: File) -> Found | None:
        if self.dry:
            self.dry(f"S3: HEAD {self.location(self.key(release, artifact))}")
            return None
        head = self._head(self.key(release, artifact))
        return head and Found(self.location(self.key(release, artifact)), "", head["Metadata"].get("sha256", ""))

    def copy(self, release: Release, artifact: File, region: Region) -> None:
        self.upload(self.key(release, artifact), artifact, region)

    def prove(self, release: Release, artifact: File, found: Found, region: Region) -> str:
        return self.read_back(self.key(release, artifact), artifact, region)

    def finish(self, release: Release, region: Region) -> None:
        region.step("documents")
        for document in release.documents_in_order:
            key = self.key(release, document)
            if self.dry:
                self.dry(f"S3: PUT {self.location(key)} ({document.size} bytes)")
                continue
            head = self._head(key)
            if head and head["Metadata"].get("sha256") != document.sha256:
                raise Problem(f"{self.location(key)} is another file", "A release does not change: publish the next version")
            if not head:
                body = document.path.read_bytes()
                with self._told(f"{self.location(key)} could not be written"):
                    self._client.put_object(
                        Bucket=self._bucket, Key=key, Body=body, ContentMD5=_base64_md5(body), Metadata={"sha256": document.sha256}
                    )

    def lacking(self, release: Release) -> list[str]:
        heads = {document: self._head(self.key(release, document)) for document in release.documents_in_order}
        return [document.path.name for document, head in heads.items() if not head or head["Metadata"].get("sha256") != document.sha256]

    def versions(self, release: Release) -> list[str]:
        prefix = f"{self._prefix}{release.family}/"
        if self.dry:
            self.dry(f"S3: LIST {self.location(prefix)}")
            return []
        found = []
        with self._told(f"{self.location(prefix)} could not be listed"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix, Delimiter="/"):
                found += [entry["Prefix"][len(prefix) : -1] for entry in page.get("CommonPrefixes", [])]
        return found

    def delete(self, release: Release, version: str) -> None:
        """The manifest goes first: what is left is not taken for a release."""
        prefix = f"{self._prefix}{release.family}/{version}/"
        manifest = prefix + release.manifest_of(version)
        with self._told(f"{self.location(prefix)} could not be deleted"):
            self._client.delete_object(Bucket=self._bucket, Key=manifest)
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    self._client.delete_object(Bucket=self._bucket, Key=entry["Key"])

    def key(self, release: Release, file: File) -> str:
        return f"{self._prefix}{release.folder}/{file.path.name}"

    def location(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def upload(self, key: str, file: File, region: Region) -> None:
        """Goes on with an upload of the same bytes that was cut off, by whatever machine.

        Each part carries its MD5 and, in the signature, its SHA-256. The store refuses a part that is another one.
        """
        size = max(self._part, -(-file.size // _MOST_PARTS))
        parts = {number + 1: (at, min(size, file.size - at)) for number, at in enumerate(range(0, file.size, size))}
        if self.dry:
            self.dry(f"S3: PUT {self.location(key)} ({file.size} bytes in {len(parts)} parts of {size}), then read it back")
            return
        upload, kept = self._upload(key, file, parts, region)
        region.step(f"uploading {file.path.name}" + (f", {len(kept)} of {len(parts)} parts are there" if kept else ""), file.size)
        done = [sum(parts[number][1] for number in kept)]
        region.at(done[0])

        def put(number: int) -> None:
            region.at(done[0])
            body = _piece(file.path, *parts[number])
            with self._told(f"part {number} of {self.location(key)} could not be written"):
                answer = self._client.upload_part(
                    Bucket=self._bucket, Key=key, UploadId=upload, PartNumber=number, Body=body, ContentMD5=_base64_md5(body)
                )
            kept[number] = answer["ETag"]
            done[0] += len(body)
            region.at(done[0])

        with ThreadPoolExecutor(_PARTS_AT_ONCE) as pool:
            waiting = [pool.submit(put, number) for number in parts if number not in kept]
            try:
                for one in waiting:
                    one.result()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        with self._told(f"the upload of {self.location(key)} could not be completed"):
            self._client.complete_multipart_upload(
                Bucket=self._bucket, Key=key, UploadId=upload,
                MultipartUpload={"Parts": [{"PartNumber": number, "ETag": kept[number]} for number in sorted(kept)]},
            )  # fmt: skip

    def read_back(self, key: str, file: File, region: Region) -> str:
        """Throws Problem unless the store gives the same bytes."""
        region.step(f"reading {file.path.name} back", file.size)
        made = Digest(report=region.at)
        with self._told(f"{self.location(key)} could not be read back"):
            for piece in self._client.get_object(Bucket=self._bucket, Key=key)["Body"].iter_chunks(_MIB):
                made.take(piece)
        if made.hexdigest() != file.sha256:
            raise Problem(
                f"{self.location(key)} has sha256 {made.hexdigest()}, and {file.path.name} has {file.sha256}",
                "Look at who else writes there, delete the object, and publish again",
            )
        return "sha256 of what the store gives back"

    def _upload(self, key: str, file: File, parts: Mapping[int, tuple[int, int]], region: Region) -> tuple[str, dict[int, str]]:
        """The id of an upload, and those parts that the store has, with its tags."""
        with self._told(f"the uploads in s3://{self._bucket} could not be listed"):
            for page in self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=key):
                for upload in page.get("Uploads", []):
                    kept = self._kept(key, file, parts, upload["UploadId"], region) if upload["Key"] == key else {}
                    if kept:
                        return upload["UploadId"], kept
        with self._told(f"{self.location(key)} could not be begun"):
            begun = self._client.create_multipart_upload(Bucket=self._bucket, Key=key, Metadata={"sha256": file.sha256})
        return begun["UploadId"], {}

    def _kept(self, key: str, file: File, parts: Mapping[int, tuple[int, int]], upload: str, region: Region) -> dict[int, str]:
        """Empty where one part is of another file: that upload is somebody else's."""
        kept: dict[int, str] = {}
        region.step(f"comparing what is there of {file.path.name}")
        for page in self._client.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=upload):
            for part in page.get("Parts", []):
                number = part["PartNumber"]
                if number not in parts or part["ETag"].strip('"') != hashlib.md5(_piece(file.path, *parts[number])).hexdigest():
                    return {}
                kept[number] = part["ETag"]
                region.at(0)
        return kept

    def _head(self, key: str) -> Any:
        """None where there is no such object."""
        with self._told(f"{self.location(key)} could not be looked up"):
            try:
                return self._client.head_object(Bucket=self._bucket, Key=key)
            except self._client.exceptions.ClientError as reason:
                if reason.response["Error"]["Code"] in _ABSENT:
                    return None
                raise

    @property
    def _bucket(self) -> str:
        return str(self.settings["bucket"])

    @property
    def _prefix(self) -> str:
        prefix = self.settings.get("prefix", "").strip("/")
        return f"{prefix}/" if prefix else ""

    @property
    def _client(self) -> Any:
        if self._made is None:
            # Takes a second to load.
            import boto3
            from botocore.config import Config

            config = Config(
                signature_version="s3v4", connect_timeout=10, read_timeout=60, max_pool_connections=_PARTS_AT_ONCE + 1,
                retries={"mode": "standard", "max_attempts": 4}, s3={"payload_signing_enabled": True},
            )  # fmt: skip
            with self._told("no client for S3 could be made"):
                self._made = boto3.session.Session(profile_name=self.settings.get("profile")).client(
                    "s3", region_name=self.region, endpoint_url=self.settings.get("endpoint"), config=config
                )
        return self._made

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        from botocore import exceptions

        where = self.settings.get("endpoint", "Amazon")
        try:
            yield
        except exceptions.ClientError as reason:
            error, status = reason.response.get("Error", {}), reason.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            code = error.get("Code", "")
            raise Problem(
                f"{what}: {where} says {shown(code, 60)}, {shown(error.get('Message', ''), 200)}",
                "Compare bucket, region and rights with docs/publishing.md",
                passing=status >= 500 or code in _PASSING,
            ) from None
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.ProfileNotFound) as reason:
            raise Problem(f"{what}: {shown(str(reason), 200)}", "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `profile`") from None
        except (exceptions.BotoCoreError, OSError) as reason:
            raise Problem(f"{what}: {shown(str(reason), 300)}", f"Look whether {where} is reachable, and publish again", passing=True) from None


def _piece(path: Path, at: int, size: int) -> bytes:
    with path.open("rb") as file:
        piece = os.pread(file.fileno(), size, at)
    if len(piece) != size:
        raise Problem(f"{path} became shorter while it was copied", "Leave the files of a release alone, and publish again")
    return piece


def _base64_md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body).digest()).decode()
