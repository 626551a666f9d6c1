"""What user code prints, told to the host for the run that did it (PS-8.8)."""

import io
import os
import sys
import threading
from typing import Any

from polystep_runner.channel import Channel
from polystep_runner.context import CURRENT_RUN, Run
from polystep_runner.errors import TEXT_CHARS_MAX


class _Lines(io.FileIO):
    """In the place of a descriptor, cuts what each run writes into lines; a run's last line may lack its end.

    `print` writes a line in pieces, so those of two threads of a run are kept apart.
    """

    def __init__(self, descriptor: int, level: str, channel: Channel) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._level, self._channel = level, channel
        self._partial: dict[tuple[Run | None, int], bytes] = {}  # by run and thread

    def write(self, data: Any) -> int:
        run = CURRENT_RUN.get()
        run = None if run is not None and run.answered else run  # a task may outlive its run
        source = run, threading.get_ident()
        with self._channel.lock:
            *lines, rest = (self._partial.pop(source, b"") + bytes(data)).split(b"\n")
            whole = len(rest) - len(rest) % TEXT_CHARS_MAX
            lines, rest = [*lines, rest[:whole]] if whole else lines, rest[whole:]
            if rest:
                self._partial[source] = rest
        for line in lines:
            self._log(run, line)
        return len(data)

    def finish(self, run: Run | None) -> None:
        """Send the lines of a run that have no end."""
        for source in [each for each in list(self._partial) if each[0] is run]:
            self._log(run, self._partial.pop(source))

    def _log(self, run: Run | None, line: bytes) -> None:
        text = line.decode("utf-8", "replace").removesuffix("\r")
        for start in range(0, len(text) or 1, TEXT_CHARS_MAX):
            self._channel.log(run, self._level, text[start : start + TEXT_CHARS_MAX], {}, "output")


class Output:
    """Owns `sys.stdout` and `sys.stderr` while the runner lives.

    What child processes and C code write to descriptors 1 and 2 stays the host's to read.
    """

    def __init__(self, channel: Channel) -> None:
        self._lines = (_Lines(1, "info", channel), _Lines(2, "warn", channel))
        # A user's encoding problem is shown in the line instead of raised from print.
        texts = [io.TextIOWrapper(lines, "utf-8", "backslashreplace", write_through=True) for lines in self._lines]
        sys.stdout, sys.stderr = texts
        os.register_at_fork(after_in_child=self.give_back)

    def finish(self, run: Run | None) -> None:
        """Send the unfinished last lines of a run that ends."""
        for lines in self._lines:
            lines.finish(run)

    def give_back(self) -> None:
        """Give the real streams back."""
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
