"""A runner with the mistake that its argument names, as people make them on the first afternoon. For `test_kit.py`."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

from polystep_kit.codec import Frames, frame, pack, unpack

HELLO: Final = {
    "protocol": "1.0",
    "runner": {"name": "wrong", "version": "1"},
    "language": "wrong",
    "pid": os.getpid(),
    "runs_max": 1,
    "frame_bytes_max": 16_777_216,
    "features": [],
}


def answer(mistake: str, request: list[Any]) -> bytes:
    """What is written for a request."""
    _, id, method, _ = request
    if method == "hello":
        made = [1, id, None, HELLO]
    elif method == "step.load":
        made = [1, id, None, {"config": {}, "handler": True}]
    else:
        error = {"code": 21, "name": "step_failed", "message": "no such thing", "retryable": True, "data": {}}
        made = [1, id, error, None]
    match mistake:
        case "prints":
            return b"hello from my runner\n" + frame(pack(made))
        case "little_endian":
            payload = pack(made)
            return len(payload).to_bytes(4, "little") + payload
        case "no_length":
            return pack(made)
        case "text_id":
            return frame(pack([1, str(id), *made[2:]]))
        case "no_array":
            return frame(pack({"id": id}))
    return frame(pack(made))


def main() -> None:
    """Answer until the input ends."""
    mistake = sys.argv[1]
    if mistake == "no_file":
        sys.stdout.write("Could not open input file: runnr.php\n")
        sys.exit(1)
    if mistake == "silent":
        sys.stderr.write("warning: 3 is no object\n")
        sys.stderr.flush()
    frames = Frames()
    while data := os.read(0, 1 << 16):
        for payload in frames.feed(data):
            if mistake != "silent":
                os.write(1, answer(mistake, unpack(payload)))


if __name__ == "__main__":
    main()
