"""What user code prints and logs becomes `log` notifications of the run that it belongs to (PS-8.3)."""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from polystep_runner.calls import CURRENT_RUN, Run
from polystep_runner.errors import TEXT_CHARS_MAX, describe

WriteLog = Callable[[Run | None, str, object, Mapping[Any, Any], str], None]
"""`(run, level, message, fields, source)`; see `Peer.log`."""


class _Lines(io.RawIOBase):
    """Cuts what each run writes into lines; a run's last line may lack its end."""

    def __init__(self, descriptor: int, level: str, write_log: WriteLog) -> None:
        self.partial: dict[Run | None, bytes] = {}
        self._descriptor = descriptor
        self._level = level
        self._write_log = write_log
        self._lock = threading.Lock()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Any) -> int:
        run = CURRENT_RUN.get()
        if run is not None and run.answered:
            run = None  # a task that outlived its run
        size = len(data)
        with self._lock:
            *lines, rest = (self.partial.pop(run, b"") + bytes(data)).split(b"\n")
            while len(rest) >= TEXT_CHARS_MAX:
                lines.append(rest[:TEXT_CHARS_MAX])
                rest = rest[TEXT_CHARS_MAX:]
            if rest:
                self.partial[run] = rest
        for line in lines:
            self._log(run, line)
        return size

    def finish(self, run: Run | None) -> None:
        with self._lock:
            rest = self.partial.pop(run, b"")
        if rest:
            self._log(run, rest)

    def _log(self, run: Run | None, line: bytes) -> None:
        text = line.decode("utf-8", "replace").removesuffix("\r")
        for start in range(0, len(text) or 1, TEXT_CHARS_MAX):
            self._write_log(run, self._level, text[start : start + TEXT_CHARS_MAX], {}, "output")


class _Records(logging.Handler):
    """Sends the records of the standard `logging` package."""

    def __init__(self, write_log: WriteLog) -> None:
        super().__init__()
        self._write_log = write_log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields: dict[str, Any] = {"logger": record.name}
            if record.exc_info is not None and record.exc_info[1] is not None:
                fields["error"] = describe(record.exc_info[1])
            self._write_log(CURRENT_RUN.get(), _level(record.levelno), record.getMessage(), fields, "logger")
        except Exception:  # noqa: BLE001 - logging's own way: report a bad record, never raise from a log call
            self.handleError(record)


def _level(number: int) -> str:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warn"
    return "info" if number >= logging.INFO else "debug"


class Output:
    """Owns `sys.stdout`, `sys.stderr` and the root logger while the runner lives."""

    def __init__(self, write_log: WriteLog) -> None:
        self._sinks: Final = (_Lines(1, "info", write_log), _Lines(2, "warn", write_log))
        self._records = _Records(write_log)

    def install(self) -> None:
        """Take over; what child processes and C code write to descriptors 1 and 2 stays the host's to read."""
        # A user's encoding problem is shown in the line instead of raised from print.
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(sink, encoding="utf-8", errors="backslashreplace", write_through=True)  # type: ignore[type-var]
            for sink in self._sinks
        )
        logging.getLogger().addHandler(self._records)
        logging.getLogger().setLevel(logging.INFO)

    def finish(self, run: Run | None) -> None:
        """Send the unfinished last lines of a run that ends."""
        for sink in self._sinks:
            if sink.partial:
                sink.finish(run)

    def release(self) -> None:
        """Give the real streams back, as a forked child needs them."""
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        logging.getLogger().removeHandler(self._records)


def keep_channel_from_forks(reading: int, writing: int, output: Output) -> None:
    """In a child made by `os.fork` (multiprocessing), point the channel's descriptors at nothing. Source: PS-2.2."""

    def leave_channel() -> None:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, reading, inheritable=False)
        os.dup2(nothing, writing, inheritable=False)
        os.close(nothing)
        output.release()

    os.register_at_fork(after_in_child=leave_channel)
