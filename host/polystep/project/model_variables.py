"""Environment variables for model calls: of the stand-in, without a key and only in dev, or of a local model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

KEY: Final = "OPENAI_API_KEY"
BASE_URL: Final = "OPENAI_BASE_URL"


def stand_in_wanted(environment: Mapping[str, str], *, allowed: bool) -> bool:
    """Report whether a stand-in is needed. An empty key counts as none: that is how `.env.example` is copied.

    A base URL without a key means a server of the user's own that needs none; it is left alone.
    """
    return allowed and not environment.get(KEY) and not environment.get(BASE_URL)


def stand_in_variables(base_url: str) -> dict[str, str]:
    """Return the variables that lead the official clients of every language to it."""
    return {KEY: "polystep-stand-in", BASE_URL: base_url}


def local_model_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return a key for a server of the user's own that needs none: the official clients do not start without one."""
    return {KEY: "no-key-needed"} if environment.get(BASE_URL) and not environment.get(KEY) else {}
