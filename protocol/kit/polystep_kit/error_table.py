"""The table of errors, `schema/errors.json`, by name."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from types import MappingProxyType

from polystep_kit.folder import SCHEMA


@functools.cache
def error_table() -> Mapping[str, tuple[int, bool]]:
    """Code, and whether trying again may help, by name."""
    rows = json.loads((SCHEMA / "errors.json").read_text("utf-8"))
    return MappingProxyType({row["name"]: (row["code"], row["retryable"]) for row in rows})
