"""List of the parts of a bundle for other tools: CycloneDX 1.5 as JSON."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from polystep.bundle.locks import Package
from polystep.contracts.values import JSONObject, JSONValue

_SPACE: Final = uuid.UUID("5b6c0d1e-9a55-4d0c-8a3e-0f6d3b1f7c11")
"""Namespace of the serial numbers: one list of packages has one number."""


def bill_of_materials(name: str, version: str, polystep: str, packages: Sequence[Package]) -> JSONObject:
    """List locked packages with what is known of them. The same packages give the same document: it has no time.

    Args:
        name: The project's.
        version: The project's.
        polystep: Version of the polystep that writes the list.
        packages: Each with hashes, where its lock has them.
    """
    components: list[JSONValue] = [_component(package) for package in packages]
    serial = uuid.uuid5(_SPACE, "\n".join([name, version, *map(_purl, packages)]))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "polystep-host", "version": polystep}]},
            "component": {"type": "application", "bom-ref": "project", "name": name, "version": version},
        },
        "components": components,
        "dependencies": [{"ref": "project", "dependsOn": [_purl(package) for package in packages]}],
    }


def _component(package: Package) -> JSONObject:
    component: JSONObject = {
        "type": "library",
        "bom-ref": _purl(package),
        "name": package.name,
        "version": package.version,
        "purl": _purl(package),
    }
    if len(package.hashes) == 1:
        ((algorithm, content),) = package.hashes
        component["hashes"] = [{"alg": algorithm, "content": content}]
    elif package.hashes:
        # Of several files, each for another platform, one is installed: none of the hashes is the package's own.
        component["properties"] = [
            {"name": f"polystep:file:{algorithm}", "value": content} for algorithm, content in package.hashes
        ]
    if package.licence:
        component["licenses"] = [{"expression": package.licence}]
    return component


def _purl(package: Package) -> str:
    """Return the package URL; the scope of an npm name is its namespace."""
    return f"pkg:{package.ecosystem}/{quote(package.name, safe='/')}@{quote(package.version, safe='')}"
