"""Bundle of a project: its files, locked packages, manifest and list of parts, with the same bytes each time."""

from polystep.bundle.archive import digest, pack, write_archive
from polystep.bundle.locks import (
    PYTHON_LOCK,
    Package,
    fits,
    is_python_lock,
    lock_head,
    names_packages,
    node_packages,
    python_list,
    python_packages,
)
from polystep.bundle.manifest import Maker, languages_of, manifest, named
from polystep.bundle.sbom import bill_of_materials
from polystep.bundle.tree import TreeFile, read_tree

__all__ = [
    "PYTHON_LOCK",
    "Maker",
    "Package",
    "TreeFile",
    "bill_of_materials",
    "digest",
    "fits",
    "is_python_lock",
    "languages_of",
    "lock_head",
    "manifest",
    "named",
    "names_packages",
    "node_packages",
    "pack",
    "python_list",
    "python_packages",
    "read_tree",
    "write_archive",
]
