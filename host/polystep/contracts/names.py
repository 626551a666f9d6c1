"""Bounds of the names that are stored: an entry of a database's index holds all of them."""

from __future__ import annotations

from typing import Final

from polystep.contracts.errors import InvalidParams
from polystep.contracts.limits import NAME_BYTES_MAX, STREAM_NAME_BYTES_MAX

SHORT_NAMES: Final = STREAM_NAME_BYTES_MAX // 4
"""Characters of names that together are within every bound, whatever they are."""


def check_names(group: str, key: str) -> tuple[bytes, bytes]:
    """Encode the names of a value.

    Raises:
        InvalidParams: One of them is too long, or no text.
    """
    return encode_name("group", group), encode_name("key", key)


def check_item_names(stream: str, group: str, id: str) -> tuple[bytes, bytes, bytes]:
    """Encode the names of a stream item.

    Raises:
        InvalidParams: One of them is too long, or no text.
    """
    return (
        encode_name("stream", stream, STREAM_NAME_BYTES_MAX),
        encode_name("group", group),
        encode_name("id", id),
    )


def name_bytes(name: str) -> bytes:
    """Encode a name that is only looked for: it may be longer than any that is stored.

    Raises:
        InvalidParams: It is no text.
    """
    return encode_name("name", name, None)


def encode_name(what: str, name: str, bytes_max: int | None = NAME_BYTES_MAX) -> bytes:
    """Encode a name.

    Raises:
        InvalidParams: It is too long, or no text.
    """
    try:
        encoded = name.encode()
    except UnicodeEncodeError as error:
        raise InvalidParams(f"The {what} {name[:80]!r} is no text: half of a pair of surrogates.") from error
    if bytes_max is not None and len(encoded) > bytes_max:
        raise InvalidParams(
            f"The {what} {name[:80]!r}… takes {len(encoded)} bytes, and a name has at most {bytes_max}. Keep "
            "long texts in the value, or take a hash of them as the name."
        )
    return encoded
