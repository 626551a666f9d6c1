"""Files of the repository that are generated from the table of operations."""

from __future__ import annotations

from polystep.operations.reference import reference
from polystep.operations.table import TABLE
from polystep.operations.typescript import operation_types, result_types


def generated_files() -> dict[str, str]:
    """Return their texts, by path in the repository."""
    return {
        "host/workbench/src/api/results.ts": result_types(TABLE),
        "host/workbench/src/api/operations.ts": operation_types(TABLE, "./results.ts"),
        "docs/admin-api.md": reference(TABLE),
    }
