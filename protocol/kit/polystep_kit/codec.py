"""msgpack, written from its specification for this kit alone: strict, so that it can judge (PS-3.4 to PS-3.11)."""

from __future__ import annotations

import math
import struct
from typing import Any, Final

INTEGER_MAX: Final = 2**53 - 1
DEPTH_MAX: Final = 100
_ENVELOPE_LEVELS: Final = 8
"""Containers that a message puts around a value: the array, params, `input`, the operations of a step."""


class Malformed(ValueError):
    """Bytes that are no message of the protocol; the text says where and why."""


class Raw(bytes):
    """Bytes that `pack` takes over as they are: a value that a writer of the protocol would never write."""


def pack(value: Any) -> bytes:
    """The shortest msgpack of a value; booleans, numbers, text, bytes, lists, dicts with text keys, and `Raw`."""
    match value:
        case Raw():
            return bytes(value)
        case None:
            return b"\xc0"
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return _pack_integer(value)
        case float():
            return b"\xcb" + struct.pack(">d", value)
        case str():
            data = value.encode("utf-8", "surrogatepass")
            return _sized(len(data), (0xA0, 32), (0xD9, 0xDA, 0xDB)) + data
        case bytes():
            return _sized(len(value), None, (0xC4, 0xC5, 0xC6)) + value
        case list() | tuple():
            return _sized(len(value), (0x90, 16), (None, 0xDC, 0xDD)) + b"".join(map(pack, value))
        case dict():
            head = _sized(len(value), (0x80, 16), (None, 0xDE, 0xDF))
            return head + b"".join(pack(key) + pack(item) for key, item in value.items())
    raise TypeError(f"{type(value).__name__} has no place in the protocol")


def _pack_integer(value: int) -> bytes:
    if 0 <= value < 128:
        return bytes([value])
    if -32 <= value < 0:
        return struct.pack("b", value)
    if value > 0:
        widths = ((0xCC, ">B", 8), (0xCD, ">H", 16), (0xCE, ">I", 32), (0xCF, ">Q", 64))
        code, form, _ = next(each for each in widths if value < 2 ** each[2])
    else:
        widths = ((0xD0, ">b", 7), (0xD1, ">h", 15), (0xD2, ">i", 31), (0xD3, ">q", 63))
        code, form, _ = next(each for each in widths if value >= -(2 ** each[2]))
    return bytes([code]) + struct.pack(form, value)


def _sized(count: int, small: tuple[int, int] | None, codes: tuple[int | None, int, int]) -> bytes:
    if small is not None and count < small[1]:
        return bytes([small[0] | count])
    for code, form, limit in zip(codes, (">B", ">H", ">I"), (2**8, 2**16, 2**32), strict=True):
        if code is not None and count < limit:
            return bytes([code]) + struct.pack(form, count)
    raise ValueError("too large for msgpack")


def unpack(data: bytes, *, wide: bool = False) -> Any:
    """The one value that fills `data`; with `wide` also with integers of 64 bits (PS-3.12).

    Raises:
        Malformed: It is cut short or goes on, or holds what the protocol does not allow.
    """
    reader = _Reader(data, wide=wide)
    value = reader.value(0)
    if reader.at != len(data):
        raise Malformed(f"{len(data) - reader.at} bytes follow the value")
    return value


def head(data: bytes) -> tuple[int, int | None] | None:
    """Kind and id of what begins like a message (PS-4.5); None when it begins like none."""
    reader = _Reader(data)
    try:
        length = reader.array_length()
        kind = reader.value(1)
        if (length, kind) == (3, 2) and type(kind) is int:
            return 2, None
        identifier = reader.value(1)
    except Malformed:
        return None
    if length == 4 and type(kind) is int and kind in (0, 1) and type(identifier) is int:
        return kind, identifier
    return None


_NUMBERS: Final = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
    0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}  # fmt: skip
_LENGTHS: Final = {
    0xC4: ("bytes", ">B"), 0xC5: ("bytes", ">H"), 0xC6: ("bytes", ">I"),
    0xD9: ("text", ">B"), 0xDA: ("text", ">H"), 0xDB: ("text", ">I"),
    0xDC: ("list", ">H"), 0xDD: ("list", ">I"), 0xDE: ("map", ">H"), 0xDF: ("map", ">I"),
}  # fmt: skip


class _Reader:
    def __init__(self, data: bytes, *, wide: bool = False) -> None:
        self._data = data
        self._is_wide = wide
        self.at = 0

    def array_length(self) -> int:
        kind, count = self._shape(self._take(1)[0])
        if kind != "list":
            raise Malformed("not an array")
        return count

    def value(self, depth: int) -> Any:
        if depth > DEPTH_MAX + _ENVELOPE_LEVELS:
            raise Malformed("nested too deep")
        code = self._take(1)[0]
        if code <= 0x7F:
            return code
        if code >= 0xE0:
            return code - 256
        if code in _NUMBERS:
            return self._number(_NUMBERS[code])
        if code in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[code]
        kind, count = self._shape(code)
        match kind:
            case "bytes":
                return self._take(count)
            case "text":
                return self._text(count)
            case "list":
                return [self.value(depth + 1) for _ in range(count)]
            case _:
                return self._map(count, depth)

    def _shape(self, code: int) -> tuple[str, int]:
        if 0x80 <= code <= 0x8F:
            return "map", code & 0x0F
        if 0x90 <= code <= 0x9F:
            return "list", code & 0x0F
        if 0xA0 <= code <= 0xBF:
            return "text", code & 0x1F
        if code not in _LENGTHS:
            raise Malformed(f"{code:02x}, an extension type or the unused byte")
        kind, form = _LENGTHS[code]
        (count,) = struct.unpack(form, self._take(struct.calcsize(form)))
        return kind, count

    def _number(self, form: str) -> int | float:
        (number,) = struct.unpack(form, self._take(struct.calcsize(form)))
        if isinstance(number, float) and not math.isfinite(number):
            raise Malformed(f"the float {number}")
        if isinstance(number, int) and abs(number) > INTEGER_MAX and not self._is_wide:
            raise Malformed(f"the integer {number} is beyond 2^53-1")
        return number  # type: ignore[no-any-return]

    def _text(self, count: int) -> str:
        try:
            return self._take(count).decode()
        except UnicodeDecodeError as error:
            raise Malformed(f"text that is not UTF-8: {error.reason}") from error

    def _map(self, count: int, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(count):
            key = self.value(depth + 1)
            if not isinstance(key, str):
                raise Malformed(f"a key that is {type(key).__name__}, not text")
            found[key] = self.value(depth + 1)
        return found

    def _take(self, count: int) -> bytes:
        if len(self._data) - self.at < count:
            raise Malformed("it ends before its value does")
        self.at += count
        return self._data[self.at - count : self.at]


def frame(payload: bytes) -> bytes:
    """A message with its length before it (PS-3.1)."""
    return struct.pack(">I", len(payload)) + payload


class Frames:
    """Cuts what arrives into frames, wherever it is cut itself."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are complete now."""
        self._rest += data
        found = []
        while len(self._rest) >= 4:
            end = 4 + int.from_bytes(self._rest[:4], "big")
            if len(self._rest) < end:
                break
            found.append(self._rest[4:end])
            self._rest = self._rest[end:]
        return found

    @property
    def rest(self) -> bytes:
        """Return the bytes of the next frame that have arrived."""
        return self._rest


def from_json(value: Any) -> Any:
    """A value as vectors and scenarios write it: `{"$bytes": hex}` is bytes, `{"$hex": hex}` is `Raw`."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if isinstance(value, dict):
        if value.keys() == {"$bytes"}:
            return bytes.fromhex(value["$bytes"])
        if value.keys() == {"$hex"}:
            return Raw.fromhex(value["$hex"])
        if value.keys() == {"$repeat"}:
            text, count = value["$repeat"]
            return text * count
        return {key: from_json(item) for key, item in value.items()}
    return value
