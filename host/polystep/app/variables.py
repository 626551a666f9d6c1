"""A project's `.env`: its variables, and the lines that set none."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

from polystep.contracts.steps import Finding

FILE: Final = ".env"


@dataclass(frozen=True, slots=True)
class Variables:
    """What was read of `.env`."""

    values: Mapping[str, str | None] = field(default_factory=dict)
    bad_lines: tuple[int, ...] = ()
    """Numbers of lines that set nothing, from 1."""
    unreadable: str = ""
    """Why the file cannot be read."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with it. Lines are shown by number alone: they may hold secrets."""
        found = [
            Finding("project", "warning", FILE, f"Line {line} sets no variable and is ignored. Write NAME=value.")
            for line in self.bad_lines
        ]
        if self.unreadable:
            found.append(Finding("project", "warning", FILE, f"It cannot be read and is ignored: {self.unreadable}."))
        return tuple(found)


def read_variables(project: Path) -> Variables:
    """Read `.env`, with its `${NAME}` filled in; a bad line costs that line alone."""
    try:
        text = (project / FILE).read_text("utf-8-sig")
    except FileNotFoundError:
        return Variables()
    except (OSError, UnicodeDecodeError) as error:
        return Variables(unreadable=getattr(error, "strerror", None) or "it is not UTF-8 text")
    good, bad = [], []
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            bad.append(_line(binding))
        else:
            good.append(binding.original.string)
    return Variables(dotenv_values(stream=io.StringIO("".join(good))), tuple(bad))


def _line(binding: Binding) -> int:
    """Return the line on which it begins: the parser counts blank lines before it to it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
