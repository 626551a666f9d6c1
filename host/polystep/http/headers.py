"""Request headers as handlers and access rules get them."""

from __future__ import annotations

from multidict import CIMultiDictProxy

from polystep.contracts.values import JSONObject


def plain_headers(headers: CIMultiDictProxy[str]) -> JSONObject:
    """Return headers by lower-case name; a repeated header is joined as Node joins it."""
    out: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        text = value if value.isascii() else readable_text(value)
        out[key] = f"{out[key]}{'; ' if key == 'cookie' else ', '}{text}" if key in out else text
    return {**out}


def readable_text(value: str) -> str:
    """Read bytes that are not UTF-8 as Latin-1, as HTTP does; they arrive as lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape").decode("latin-1")
    return value
