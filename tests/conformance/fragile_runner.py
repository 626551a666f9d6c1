"""A runner with a mistake on purpose: a msgpack extension type in what it cannot read ends it. For `test_fuzz.py`."""

from __future__ import annotations

import os
import sys
from typing import Any

from polystep_kit.codec import Frames, Malformed, frame, head, pack, unpack


def answer(payload: bytes) -> list[Any] | None:
    """What a request gets; nothing for all else."""
    found = head(payload)
    if found is None:
        os._exit(1)
    try:
        message = unpack(payload)
    except Malformed as error:
        if "extension" in str(error):
            raise
        message = [found[0], found[1], "malformed"]
    if found[0] != 0:
        return None
    if message[2] in ("hello", "step.load"):
        return [1, found[1], None, {}]
    return [1, found[1], {"name": "method_not_found"}, None]


def main() -> None:
    """Answer until the input ends."""
    frames = Frames()
    while data := os.read(0, 1 << 16):
        for payload in frames.feed(data):
            made = answer(payload)
            if made is not None:
                sys.stdout.buffer.write(frame(pack(made)))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
