"""Writer of lines: one thread writes, so a slow terminal never holds the host.

When it does not keep up, lines are dropped and counted; the stored logs have them all.
"""

from __future__ import annotations

import queue
import threading
from typing import Final, TextIO

LINES_MAX: Final = 10_000
STOP_S: Final = 2.0
"""Time at the end for a slow terminal to show the waiting lines."""


class LineWriter:
    """Writes lines to a terminal or a file, in a thread of its own."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        """At most `LINES_MAX`; a queue that checks that itself takes a lock of Python's own for every line."""
        self._dropped = 0
        self._dropped_shown = 0
        self._thread = threading.Thread(target=self._write, name="console", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write the lines that wait, then end."""
        if self._thread.is_alive():
            self._lines.put(None)
            # A terminal that stands still must not keep the host from ending.
            self._thread.join(timeout=STOP_S)

    def line(self, text: str = "") -> None:
        """Print a line as it is."""
        if self._lines.qsize() < LINES_MAX:
            self._lines.put(text)
        else:
            self._dropped += 1

    def dropped_line(self, count: int) -> str:
        """Return the line that counts those that were dropped."""
        return f"… {count} lines were not shown: the terminal is slower than the logs"

    def _write(self) -> None:
        running = True
        while running:
            lines = [self._lines.get()]
            while len(lines) < LINES_MAX:
                try:
                    lines.append(self._lines.get_nowait())
                except queue.Empty:
                    break
            running = None not in lines
            text = "".join(f"{line}\n" for line in lines if line is not None)
            # Two counters, each written by one side only: no drop goes uncounted.
            dropped = self._dropped - self._dropped_shown
            if dropped:
                text += f"{self.dropped_line(dropped)}\n"
                self._dropped_shown += dropped
            try:
                self._output.write(_encodable(text, self._output.encoding))
                self._output.flush()
            except (OSError, ValueError):
                # The terminal is gone; the host goes on, and the logs are stored.
                return


def _encodable(text: str, encoding: str | None) -> str:
    """Replace characters that the terminal cannot show with question marks."""
    return text.encode(encoding or "utf-8", "replace").decode(encoding or "utf-8")
