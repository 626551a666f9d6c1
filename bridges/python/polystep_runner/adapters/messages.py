"""Strict reading with msgpack, which lets timestamps and keys of bytes pass (PS-3.7, PS-3.11)."""

from typing import Any

import msgpack


def unpack(data: bytes | bytearray) -> Any:
    """Read one message; raises ValueError for what PS-3.11 refuses."""
    message = msgpack.unpackb(data, ext_hook=_refuse_extension)
    # The reader lets timestamps pass (they hold an ff) and keys of bytes (c4 to c6); most messages have none of these.
    if b"\xff" in data or b"\xc4" in data or b"\xc5" in data or b"\xc6" in data:
        values = [message]
        for value in values:
            if isinstance(value, dict) and not all(type(key) is str for key in value):
                raise ValueError("A map's keys must be text.")
            if isinstance(value, msgpack.Timestamp):
                _refuse_extension(-1, b"")
            values += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return message


def _refuse_extension(code: int, _data: bytes) -> Any:
    raise ValueError(f"The msgpack extension type {code} is not used here.")
