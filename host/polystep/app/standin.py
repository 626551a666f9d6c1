"""Whether the steps talk to the stand-in model: only in dev, and only when no key is set anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

KEY: Final = "OPENAI_API_KEY"
BASE_URL: Final = "OPENAI_BASE_URL"


def stand_in_wanted(environment: Mapping[str, str], *, allowed: bool) -> bool:
    """Whether to serve it. An empty key counts as none: that is how `.env.example` is copied.

    A base URL without a key means a server of the user's own that needs none; it is left alone.
    """
    return allowed and not environment.get(KEY) and not environment.get(BASE_URL)


def stand_in_variables(base_url: str) -> dict[str, str]:
    """What points the official clients of every language at it."""
    return {KEY: "polystep-stand-in", BASE_URL: base_url}
