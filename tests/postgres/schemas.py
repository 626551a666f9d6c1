"""A schema of its own for each test, on the one server of the run."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

_NUMBERS: Final = itertools.count()


@asynccontextmanager
async def fresh_schema(url: str) -> AsyncIterator[str]:
    """Name a schema that does not exist, and remove what was made of it."""
    name = f"test_{os.getpid()}_{next(_NUMBERS)}"
    yield name
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"SET client_min_messages = error; DROP SCHEMA IF EXISTS {name} CASCADE")
    finally:
        await connection.close()
