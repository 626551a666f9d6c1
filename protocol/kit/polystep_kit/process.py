"""A runner under test, as a process: its channel, what it prints, how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

_FREE_FROM: Final = 20
"""Our ends are kept above the numbers that the child uses."""
_IN_FOLDER: Final = 'cd "$0" && exec "$@"'


class RunnerProcess:
    """A child with the protocol on descriptors 0 and 1 (`stdio`), or 3 and 4 (`private`). Source: PS-2.1."""

    def __init__(self, on_bytes: Callable[[bytes], None], on_change: Callable[[], None]) -> None:
        self._on_bytes = on_bytes
        self._on_change = on_change
        self.printed = {"stdout": b"", "stderr": b""}
        self.status: int | None = None
        """Its exit status; negative is the signal that killed it; None while it lives."""
        self.is_closed = False
        """Its output has ended."""
        self.pid = 0
        self._input = -1
        self._open: list[asyncio.BaseTransport] = []
        self._waiting: asyncio.Task[None] | None = None

    async def start(
        self, command: Sequence[str], folder: Path, channel: str, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start `command` in `folder`.

        Raises:
            OSError: It could not be started.
        """
        ours_out, out_r, err_r = self._spawn(command, folder, channel, environment or {})
        os.set_blocking(self._input, False)
        await self._read(ours_out, self._on_bytes, self._closed)
        await self._read(out_r, lambda data: self._print("stdout", data))
        await self._read(err_r, lambda data: self._print("stderr", data))
        self._waiting = asyncio.create_task(self._wait())

    def _spawn(
        self, command: Sequence[str], folder: Path, channel: str, environment: Mapping[str, str]
    ) -> tuple[int, int, int]:
        """Start the process; returns what we read: its channel, its standard output, its standard error."""
        theirs_in, self._input = _pipe()
        ours_out, theirs_out = _pipe()
        out_r, out_w = _pipe()
        err_r, err_w = _pipe()
        numbers = (
            {0: theirs_in, 1: theirs_out, 2: err_w}
            if channel == "stdio"
            else {1: out_w, 2: err_w, 3: theirs_in, 4: theirs_out}
        )
        actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
            (os.POSIX_SPAWN_CLOSE, number) for number in _inherited() if number not in numbers
        ]
        if channel != "stdio":
            actions.append((os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0))
        actions += [(os.POSIX_SPAWN_DUP2, ours, theirs) for theirs, ours in numbers.items()]
        variables = {**os.environ, **environment, "POLYSTEP_CHANNEL": channel}
        try:
            self.pid = os.posix_spawn(
                "/bin/sh",
                ["/bin/sh", "-c", _IN_FOLDER, str(folder), *command],
                variables,
                file_actions=actions,
                setpgroup=0,
            )
        finally:
            for number in (theirs_in, theirs_out, out_w, err_w):
                os.close(number)
        return ours_out, out_r, err_r

    async def write(self, data: bytes) -> None:
        """Write all of `data`; a runner that has gone takes nothing."""
        loop = asyncio.get_running_loop()
        view = memoryview(data)
        while view and self._input >= 0:
            try:
                view = view[os.write(self._input, view) :]
            except BlockingIOError:
                free = loop.create_future()
                loop.add_writer(self._input, lambda free=free: free.done() or free.set_result(None))  # type: ignore[misc]
                try:
                    await free
                finally:
                    if self._input >= 0:
                        loop.remove_writer(self._input)
            except OSError:
                return

    def close(self) -> None:
        """End its input."""
        if self._input >= 0:
            os.close(self._input)
            self._input = -1

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the process, not what it started."""
        if self.status is None:
            os.kill(self.pid, number)

    async def stop(self) -> None:
        """Kill it with everything it started, if it still lives, and let go of it."""
        self.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        if self._waiting is not None:
            await self._waiting
        for transport in self._open:
            transport.close()

    async def _read(
        self, descriptor: int, on_bytes: Callable[[bytes], None], on_end: Callable[[], None] | None = None
    ) -> None:
        pipe = os.fdopen(descriptor, "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: _Reading(on_bytes, on_end), pipe)
        self._open.append(transport)

    def _print(self, stream: str, data: bytes) -> None:
        self.printed[stream] += data
        self._on_change()

    def _closed(self) -> None:
        self.is_closed = True
        self._on_change()

    async def _wait(self) -> None:
        _, status = await asyncio.to_thread(os.waitpid, self.pid, 0)
        self.status = os.waitstatus_to_exitcode(status)
        self._on_change()


class _Reading(asyncio.Protocol):
    def __init__(self, on_bytes: Callable[[bytes], None], on_end: Callable[[], None] | None) -> None:
        self._on_bytes = on_bytes
        self._on_end = on_end

    def data_received(self, data: bytes) -> None:
        self._on_bytes(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._on_end is not None:
            self._on_end()


def _inherited() -> list[int]:
    """Descriptors that whoever started the kit left open for its children: they are none of the runner's."""
    found = []
    for number in [int(path.name) for path in Path("/dev/fd").iterdir()]:
        with contextlib.suppress(OSError):
            if number > 2 and os.get_inheritable(number):
                found.append(number)
    return found


def _pipe() -> tuple[int, int]:
    low = os.pipe()
    try:
        return (
            fcntl.fcntl(low[0], fcntl.F_DUPFD_CLOEXEC, _FREE_FROM),
            fcntl.fcntl(low[1], fcntl.F_DUPFD_CLOEXEC, _FREE_FROM),
        )
    finally:
        for end in low:
            os.close(end)
