"""The bill of materials as SPDX 2.3 JSON: one package for each of dpkg's, and the image that contains them.
https://spdx.github.io/spdx-spec/v2.3/"""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from dpkg import Package


def _id(package: Package) -> str:
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", f"{package.name}-{package.architecture}")


def _purl(package: Package, suite: str) -> str:
    """https://github.com/package-url/purl-spec"""
    return f"pkg:deb/debian/{quote(package.name)}@{quote(package.version, safe='')}?arch={package.architecture}&distro={suite}"


def document(name: str, version: str, suite: str, epoch: int, packages: list[Package]) -> dict[str, Any]:
    image = "SPDXRef-image"
    # NOASSERTION: licences are in each package's /usr/share/doc/PACKAGE/copyright, which the image keeps.
    common = {"downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION",
              "copyrightText": "NOASSERTION"}  # fmt: skip
    described = [
        {
            "SPDXID": _id(package), "name": package.name, "versionInfo": package.version, **common,
            "sourceInfo": f"built from {package.source} {package.source_version}",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": _purl(package, suite)}],
        }
        for package in packages
    ]  # fmt: skip
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{name}-{version}",
        "documentNamespace": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'bootwright-image/{name}/{version}/{epoch}')}",
        "creationInfo": {
            "created": datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: bootwright-packaging-image"],
        },
        "documentDescribes": [image],
        "packages": [{"SPDXID": image, "name": name, "versionInfo": version, "primaryPackagePurpose": "OPERATING_SYSTEM", **common}, *described],
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": image}]
        + [{"spdxElementId": image, "relationshipType": "CONTAINS", "relatedSpdxElement": _id(package)} for package in packages],
    }
