"""One run of the benchmark: what was asked for, and what has been found so far."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from tests.bench.stack import PROJECT, Stack
from tests.bench.table import Row, in_one_line

T = TypeVar("T")


class Suite:
    """Handed to every measure: it asks how large to be, makes its projects here, and adds rows as they are found."""

    def __init__(
        self,
        folder: Path,
        progress: Callable[[str], None],
        *,
        seconds: float = 5.0,
        is_quick: bool = False,
        peer: Path | None = None,
    ) -> None:
        """Prepare.

        Args:
            folder: Where projects are made, each in a folder of its own.
            progress: Shows one line to whoever waits.
            seconds: How long one case of a throughput measure is loaded.
            is_quick: Everything tiny: shows that the measures work, and nothing else.
            peer: Sources of the hand-built stack; `None` leaves it out.
        """
        self.folder = folder
        self.seconds = seconds
        self.is_quick = is_quick
        self.peer = peer
        self.progress = progress
        self.rows: list[Row] = []
        self.remarks: list[str] = []
        """Sentences below the table."""

    def pick(self, full: T, quick: T) -> T:
        """The size for this run."""
        return quick if self.is_quick else full

    def stack(self, name: str, verb: str = "start", source: Path = PROJECT) -> Stack:
        """A `polystep` on a project of this name; a name that was used before has its project again."""
        return Stack(self.folder / name, verb, source=source)

    def add(self, row: Row) -> Row:
        """Keep one result, and show it to whoever waits."""
        self.rows.append(row)
        self.progress(in_one_line(row))
        return row

    def remark(self, text: str) -> None:
        """Keep one sentence."""
        self.remarks.append(text)
        self.progress(text)


Measure = Callable[[Suite], Awaitable[None]]
"""Adds its rows; what it started has ended when it returns or fails."""
