"""Versions of stored values, and ranges of names that begin alike, as every store makes them."""

from __future__ import annotations

import hashlib
from typing import Final

from polystep.contracts.ports.inspection import Versioned

_LAST: Final = "\U0010ffff"
"""Last of all characters."""
_SURROGATES: Final = range(0xD800, 0xE000)
"""No characters."""
_VERSION_BYTES: Final = 12


def version_of(value: bytes | None) -> str:
    """Return the version of a stored value, a digest of it; of no value the empty text."""
    return "" if value is None else hashlib.blake2b(value, digest_size=_VERSION_BYTES).hexdigest()


def versioned(value: bytes) -> Versioned:
    """Return a value with its version."""
    return Versioned(value, version_of(value))


def behind(prefix: str) -> str | None:
    """Return the first text behind all that begin with `prefix`; `None` when there is none."""
    kept = prefix.rstrip(_LAST)
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(_SURROGATES.stop if following in _SURROGATES else following)
