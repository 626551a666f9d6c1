"""Folder of the protocol's data: beside the kit in a checkout, inside the package in an installed wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent
_PACKAGED: Final = _PACKAGE / "_protocol"

PROTOCOL: Final = _PACKAGED if _PACKAGED.is_dir() else _PACKAGE.parents[1]
"""The folder with SPEC.md."""
SCHEMA: Final = PROTOCOL / "schema"
VECTORS: Final = PROTOCOL / "vectors"
SCENARIOS: Final = PROTOCOL / "scenarios"
STEPS: Final = PROTOCOL / "kit" / "steps"
REQUIREMENTS: Final = PROTOCOL / "requirements.json"
