"""Printed text of user code, sent as log lines of the run that printed it (PS-8.8)."""

import io
import os
import sys
import threading
from typing import Any

from polystep_runner.attempt import CURRENT_ATTEMPT, Attempt
from polystep_runner.channel import Channel
from polystep_runner.errors import TEXT_CHARS_MAX


class _Lines(io.FileIO):
    """Stream in the place of a descriptor that cuts the text of each run into lines; the last may lack its end.

    `print` writes a line in pieces, so those of two threads of a run are kept apart.
    """

    def __init__(self, descriptor: int, level: str, channel: Channel) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._level, self._channel = level, channel
        self._partial: dict[tuple[Attempt | None, int], bytes] = {}  # by run and thread

    def write(self, data: Any) -> int:
        attempt = CURRENT_ATTEMPT.get()
        attempt = None if attempt is not None and attempt.answered else attempt  # a task may outlive its run
        source = attempt, threading.get_ident()
        with self._channel.lock:
            *lines, rest = (self._partial.pop(source, b"") + bytes(data)).split(b"\n")
            whole = len(rest) - len(rest) % TEXT_CHARS_MAX
            lines, rest = [*lines, rest[:whole]] if whole else lines, rest[whole:]
            if rest:
                self._partial[source] = rest
        for line in lines:
            self._log(attempt, line)
        return len(data)

    def finish(self, attempt: Attempt | None) -> None:
        """Send the lines of a run that have no end."""
        for source in [each for each in list(self._partial) if each[0] is attempt]:
            self._log(attempt, self._partial.pop(source))

    def _log(self, attempt: Attempt | None, line: bytes) -> None:
        text = line.decode("utf-8", "replace").removesuffix("\r")
        for start in range(0, len(text) or 1, TEXT_CHARS_MAX):
            self._channel.log(attempt, self._level, text[start : start + TEXT_CHARS_MAX], {}, "output")


class Output:
    """Owner of `sys.stdout` and `sys.stderr` while the runner lives.

    Text that child processes and C code write to descriptors 1 and 2 goes to the host.
    """

    def __init__(self, channel: Channel) -> None:
        self._lines = (_Lines(1, "info", channel), _Lines(2, "warn", channel))
        # A user's encoding problem is shown in the line instead of raised from print.
        texts = [io.TextIOWrapper(lines, "utf-8", "backslashreplace", write_through=True) for lines in self._lines]
        sys.stdout, sys.stderr = texts
        os.register_at_fork(after_in_child=self.give_back)

    def finish(self, attempt: Attempt | None) -> None:
        """Send the unfinished last lines of a run that ends."""
        for lines in self._lines:
            lines.finish(attempt)

    def give_back(self) -> None:
        """Give the real streams back."""
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
