"""Text of users and clients, made safe for a terminal: nothing moves a cursor or looks like a line of the host.

Used by the console and by the commands that print what a running host has stored.
"""

from __future__ import annotations

import json
import os
import re
from typing import Final, TextIO

MARK: Final = "  │ "
"""Begins each further line of a text."""

_UNSAFE: Final = re.compile(
    r"\r\n|\x1b\[[0-9;:]*m"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Line ends, colours, control characters, other line separators, overrides of the text's direction, halves of
characters; all but tabs and newlines."""
_COLOUR: Final = re.compile(r"\x1b\[([0-9;:]*)m")


def has_colours(output: TextIO) -> bool:
    """Report whether colour codes may be written to an output: a terminal whose user has not set NO_COLOR."""
    return output.isatty() and "NO_COLOR" not in os.environ


def terminal_text(text: str, *, colours: bool, mark: str = MARK) -> str:
    r"""Make a text safe to print after a prefix of the host.

    Control characters and direction overrides are shown escaped (`\x1b`, `\u202e`). Further lines begin with `mark`; a
    newline at the very end makes none. Colours end with their line.

    Args:
        text: Any text.
        colours: Keep colour codes (SGR); they are removed otherwise.
        mark: Set before each line but the first.
    """
    if text.isprintable():
        return text
    lines = _UNSAFE.sub(_with_colours if colours else _without_colours, text).removesuffix("\n").split("\n")
    return f"\n{mark}".join(map(_closed, lines) if colours else lines)


def terminal_json(value: object) -> str:
    """Write indented JSON whose strings hold nothing that a terminal obeys; it reads back as the same value."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _with_colours(found: re.Match[str]) -> str:
    code = found[0]
    if code == "\r\n":
        return "\n"
    if len(code) > 1:
        return code
    number = ord(code)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def _without_colours(found: re.Match[str]) -> str:
    return "" if found[0].startswith("\x1b[") else _with_colours(found)


def _closed(line: str) -> str:
    codes = _COLOUR.findall(line)
    return line if not codes or codes[-1] in ("", "0") else f"{line}\x1b[0m"
