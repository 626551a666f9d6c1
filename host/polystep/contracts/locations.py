"""Locations in source files: file, line, column."""

from __future__ import annotations

from dataclasses import dataclass

from polystep.contracts.values import JSONObject, JSONValue


@dataclass(frozen=True, slots=True)
class Location:
    """A line of a file of the project."""

    file: str
    """Relative to the project."""
    line: int
    """From 1."""
    column: int | None = None
    """From 1, in characters."""

    def __str__(self) -> str:
        """Shape: `steps/a.step.ts:3:14`, as editors and terminals link it."""
        return f"{self.file}:{self.line}" if self.column is None else f"{self.file}:{self.line}:{self.column}"

    def to_json(self) -> JSONObject:
        """Shape: `{file, line, column}`."""
        return {"file": self.file, "line": self.line, "column": self.column}


def location_from(given: JSONValue) -> Location | None:
    """Read what `Location.to_json` wrote; `None` for anything else."""
    if not isinstance(given, dict):
        return None
    file, line, column = given.get("file"), given.get("line"), given.get("column")
    if not isinstance(file, str) or not isinstance(line, int):
        return None
    return Location(file, line, column if isinstance(column, int) else None)
