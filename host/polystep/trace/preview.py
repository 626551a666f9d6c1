"""Payloads as they are kept in traces and logs: redacted, cut, always JSON.

Redaction is by name (keys such as `password` or `authorization`) and by value (the secrets of the environment, wherever
they turn up). It is a net, not a proof: a secret that a step renames and transforms is not known to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import orjson

from polystep.contracts.limits import TRACE_VALUE_BYTES_MAX

REDACTED: Final = "[redacted]"

_SECRET_KEY: Final = re.compile(
    r"pass(word|wd|phrase)?$|secret|(^|[_-])token$|accesstoken|authtoken|api[_-]?key|authorization|cookie|private[_-]?key|"
    r"credential|client[_-]?secret|session[_-]?id",
    re.IGNORECASE,
)
_SECRET_VARIABLE: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
_SECRET_CHARS_MIN: Final = 8
"""Shorter values are too common as ordinary text to be cut out of everything."""
_ITEMS_MAX: Final = 100
_DEPTH_MAX: Final = 12


class Preview:
    """Turns payloads into bounded, redacted JSON text."""

    def __init__(self, environment: Mapping[str, str], value_bytes_max: int = TRACE_VALUE_BYTES_MAX) -> None:
        """Learn the secrets from the names of environment variables."""
        self._bytes_max = value_bytes_max
        self._secrets = sorted(
            {
                value
                for name, value in environment.items()
                if _SECRET_VARIABLE.search(name) and len(value) >= _SECRET_CHARS_MIN
            },
            key=len,
            reverse=True,
        )

    def text(self, text: str) -> str:
        """Cut the known secrets out of a text."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, REDACTED)
        return text

    def encode(self, payload: object) -> str:
        """JSON text of a payload. One that is too large is replaced by its beginning: `{"$cut": text, "bytes": n}`."""
        if isinstance(payload, dict):
            return self._dump({str(key): self._member(str(key), value) for key, value in payload.items()})
        return self._dump(self._value(payload))

    def _member(self, key: str, value: object) -> object:
        kept = self._clean(value, 0) if not _SECRET_KEY.search(key) else REDACTED
        encoded = orjson.dumps(kept)
        if len(encoded) > self._bytes_max:
            return {"$cut": encoded[: self._bytes_max].decode(errors="ignore"), "bytes": len(encoded)}
        return kept

    def _value(self, value: object) -> object:
        return self._member("", value)

    def _clean(self, value: object, depth: int) -> object:
        if isinstance(value, str):
            return self.text(value).encode("utf-8", "replace").decode() if value else value
        if value is None or isinstance(value, (bool, float)):
            return value
        if isinstance(value, int):
            return value if -(2**63) <= value < 2**63 else str(value)
        if isinstance(value, (bytes, bytearray)):
            return {"$bytes": len(value)}
        if depth >= _DEPTH_MAX:
            return "…"
        if isinstance(value, Mapping):
            pairs = list(value.items())[:_ITEMS_MAX]
            return {
                str(key): REDACTED if _SECRET_KEY.search(str(key)) else self._clean(member, depth + 1)
                for key, member in pairs
            }
        if isinstance(value, (list, tuple)):
            cleaned = [self._clean(member, depth + 1) for member in value[:_ITEMS_MAX]]
            return cleaned if len(value) <= _ITEMS_MAX else [*cleaned, f"… {len(value) - _ITEMS_MAX} more"]
        return self.text(repr(value))

    def _dump(self, value: object) -> str:
        return orjson.dumps(value).decode()
