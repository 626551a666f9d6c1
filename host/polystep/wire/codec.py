"""Values to msgpack and back (PS-3.4 to PS-3.9).

The runners refuse what the protocol cannot carry where it arises, with its path. Values that arise in the host come
from JSON, so the reader here only has to be strict about msgpack itself: string keys, valid UTF-8, no extensions.
"""

from __future__ import annotations

from typing import cast

import msgpack
import ormsgpack

from polystep.contracts.errors import InvalidValue
from polystep.contracts.values import JSONValue


def pack(value: object) -> bytes:
    """Encode a value.

    Raises:
        InvalidValue: It holds a type, an integer or a depth that msgpack cannot carry.
    """
    try:
        return ormsgpack.packb(value)
    except (ormsgpack.MsgpackEncodeError, TypeError, RecursionError) as error:
        raise InvalidValue(f"A value cannot be sent to a runner: {error}.") from error


def unpack(payload: bytes) -> JSONValue:
    """Decode one value; bytes after it are not looked at.

    Raises:
        InvalidValue: The bytes do not begin with a msgpack value of the allowed types.
    """
    try:
        return cast("JSONValue", ormsgpack.unpackb(payload))
    except (ormsgpack.MsgpackDecodeError, ValueError, RecursionError) as error:
        raise InvalidValue(f"A message is not valid msgpack: {error}.") from error


def message_head(beginning: bytes) -> tuple[int, int | None]:
    """Read kind and id from the first bytes of a message that is too large to decode (PS-3.3).

    Returns:
        `(kind, id)`; `(-1, None)` when the bytes are no message, id `None` for a notification.
    """
    unpacker = msgpack.Unpacker(raw=False, strict_map_key=True)
    unpacker.feed(beginning)
    try:
        length = unpacker.read_array_header()
        kind = unpacker.unpack()
        if kind in (0, 1) and length == 4:
            identifier = unpacker.unpack()
            return kind, identifier if isinstance(identifier, int) else None
    except (msgpack.UnpackException, msgpack.OutOfData, ValueError):
        return -1, None
    return (2, None) if kind == 2 else (-1, None)
