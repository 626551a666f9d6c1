"""Where the programs of a PostgreSQL server are on this machine."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Final

import pytest

NAMED: Final = "POLYSTEP_TEST_POSTGRES"
"""Environment variable with the folder of these programs, to test another version than the newest."""
PROGRAMS: Final = ("initdb", "pg_ctl", "postgres")
INSTALL: Final = "install it (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql)"


def find() -> Path | None:
    """Return the folder of the programs of a server; the newest where there are several."""
    named = os.environ.get(NAMED)
    places = [Path(named)] if named else [*_debian(), *_on_path()]
    return next((place for place in places if all((place / each).is_file() for each in PROGRAMS)), None)


def need() -> Path:
    """Return that folder; without one the test is skipped, and fails in CI."""
    found = find()
    if found is None:
        reason = f"There is no PostgreSQL server here; {INSTALL}, or name the folder of its programs in {NAMED}."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def _debian() -> list[Path]:
    # Debian keeps them off PATH, a folder for each major version.
    found = Path("/usr/lib/postgresql").glob("*/bin")
    return sorted(found, key=lambda place: int(re.sub(r"\D", "", place.parent.name) or 0), reverse=True)


def _on_path() -> list[Path]:
    program = shutil.which("initdb")
    return [] if program is None else [Path(program).resolve().parent]
