"""Fingerprints of errors: errors that differ only in ids and numbers have the same one."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from polystep.contracts.values import JSONObject

_BYTES: Final = 8
_MESSAGE_CHARS: Final = 400
"""Of a message: what comes later is often the text of a client."""
_ID: Final = re.compile(r"[\w.-]*\d[\w.-]*")
"""Word with a digit in it: a number, an id, a date, an address."""


def fingerprint(error: JSONObject) -> str:
    """Return the fingerprint of an error: of its name, its message without ids, and the file that threw it."""
    place = error.get("place")
    file = place.get("file") if isinstance(place, dict) else None
    message = _ID.sub("#", str(error.get("message") or "")[:_MESSAGE_CHARS])
    text = "\0".join((str(error.get("name") or ""), message, str(file or "")))
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=_BYTES).hexdigest()
