"""One runner under fuzz: sends payloads, answers its calls with nil, and notes what no runner may send."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from polystep_kit import __version__
from polystep_kit.codec import Frames, Malformed, frame, head, pack, unpack
from polystep_kit.host import PROTOCOL, Failed
from polystep_kit.mutants import FRAME_BYTES_MAX, OWN_IDS_FROM
from polystep_kit.process import RunnerProcess
from polystep_kit.strays import unfinished

_PIECES_MAX: Final = 12
_SAID_CHARS: Final = 600
_SHOWN_BYTES: Final = 60


class FuzzSession:
    """A runner, from its start to its end."""

    def __init__(self, command: Sequence[str], script: str, project: Path, patience_s: float) -> None:
        self._command = command
        self._script = script
        self._project = project
        self._patience_s = patience_s
        self._process = RunnerProcess(self._take, self._change)
        self._frames = Frames()
        self._changed = asyncio.Event()
        self._rng = random.Random(0)
        self._outgoing: list[bytes] = []
        self._has_outgoing = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._next_id = OWN_IDS_FROM
        self._open: set[int] = set()
        """Requests that are not answered."""
        self._refused: set[int] = set()
        """Those of ours that were answered method_not_found."""
        self._pid = 0
        """As it says in `hello`: what was started may be a parent of it."""
        self._fault: str | None = None
        self._taken = 0

    async def start(self) -> None:
        """Start it, greet it, load the script step.

        Raises:
            Failed: It does not answer.
            OSError: It cannot be started.
        """
        await self._process.start(self._command, self._project, "stdio")
        self._writing = asyncio.create_task(self._write())
        self.ask(
            "hello",
            {
                "protocol": PROTOCOL,
                "host": {"name": "polystep-kit", "version": __version__},
                "project": str(self._project),
                "frame_bytes_max": FRAME_BYTES_MAX,
                "features": [],
            },
        )
        self.ask("step.load", {"file": self._script, "kind": "step"})
        reason = await self.settle()
        if reason is not None:
            raise Failed(f"The runner cannot be fuzzed: after hello and step.load of {self._script}, {reason}")

    async def stop(self) -> None:
        """End it, however it is."""
        if self._writing is not None:
            self._writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writing
        await self._process.stop()

    def send(self, payloads: Sequence[bytes]) -> None:
        """Send payloads, in whatever pieces; returns at once."""
        for payload in payloads:
            verdict = head(payload)
            if verdict is not None and verdict[0] == 0 and verdict[1] is not None:
                self._open.add(verdict[1])
            self._outgoing.append(frame(payload))
        self._has_outgoing.set()

    def ask(self, method: str, params: dict[str, Any]) -> int:
        """Send a request with an id that no mutant has; returns the id."""
        self._next_id += 1
        self.send([pack([0, self._next_id, method, params])])
        return self._next_id

    def is_answered(self, id: int) -> bool:
        """Report whether the answer to a request has come."""
        return id not in self._open

    async def settle(self, patience_s: float | None = None) -> str | None:
        """Wait until everything sent is read and answered; returns what went wrong, if anything did."""
        ping = self.ask("fuzz.ping", {})
        try:
            async with asyncio.timeout(patience_s or self._patience_s):
                while self._open and self._fault is None and self._process.status is None:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            waited = f"within {patience_s or self._patience_s:g} s"
            if not self.is_answered(ping):
                return f"it was silent: a ping was not answered {waited}.{self._said()}"
            return f"the request {min(self._open)} was not answered {waited}, as {len(self._open) - 1} others."
        if self._fault is None and self._process.status is not None:
            return f"it ended with status {self._process.status}.{self._said()}"
        if self._fault is None and ping not in self._refused:
            return "an unknown request was answered with something else than method_not_found"
        self._refused.clear()
        self._process.printed = {name: said[-_SAID_CHARS:] for name, said in self._process.printed.items()}
        return self._fault

    async def exit_status(self) -> int | None:
        """Wait for its end; None when it does not end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s):
                while self._process.status is None:
                    self._changed.clear()
                    await self._changed.wait()
        return self._process.status

    def take_count(self) -> int:
        """Count the messages since the last call."""
        taken, self._taken = self._taken, 0
        return taken

    def resident_kib(self) -> int:
        """Its memory, or 0 where the system does not tell."""
        try:
            status = Path(f"/proc/{self._pid}/status").read_text("utf-8")
        except OSError:
            return 0
        return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), 0)

    async def _write(self) -> None:
        while True:
            await self._has_outgoing.wait()
            self._has_outgoing.clear()
            data = b"".join(self._outgoing)
            self._outgoing.clear()
            for piece in _pieces(self._rng, data):
                await self._process.write(piece)

    def _take(self, data: bytes) -> None:
        for payload in self._frames.feed(data):
            self._taken += 1
            if len(payload) > FRAME_BYTES_MAX:
                self._note(f"it sent a frame of {len(payload)} bytes, {FRAME_BYTES_MAX} are agreed (PS-3.2)")
            try:
                self._dispatch(unpack(payload))
            except Malformed as error:
                self._note(f"it sent {error}: {payload[:_SHOWN_BYTES].hex()}")
        self._change()

    def _dispatch(self, message: Any) -> None:
        match message:
            case [0, int(id), str(), dict()]:
                self._outgoing.append(frame(pack([1, id, None, None])))
                self._has_outgoing.set()
            case [1, int(id), None, result]:
                self._close(id)
                if self._pid == 0 and isinstance(result, dict) and isinstance(result.get("pid"), int):
                    self._pid = result["pid"]
            case [1, int(id), {"name": str(name)}, None]:
                self._close(id)
                if id >= OWN_IDS_FROM and name == "method_not_found":
                    self._refused.add(id)
            case [2, str(), dict()]:
                pass
            case _:
                self._note(f"it sent what is no message: {message!r:.300}")

    def _close(self, id: int) -> None:
        if id not in self._open:
            self._note(f"it answered {id}, which was answered or never asked (PS-4.3)")
        self._open.discard(id)

    def _note(self, fault: str) -> None:
        self._fault = self._fault or fault

    def _change(self) -> None:
        self._changed.set()

    def _said(self) -> str:
        said = self._process.printed["stderr"].decode(errors="replace").strip()[-_SAID_CHARS:]
        stray = unfinished(self._frames.rest)
        return f"{stray and ' '}{stray}" + (f" On stderr it wrote: {said}" if said else "")


def _pieces(rng: random.Random, data: bytes) -> Iterator[bytes]:
    cuts = sorted(int(rng.random() * len(data)) for _ in range(int(rng.random() * _PIECES_MAX)))
    for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        yield data[begin:end]
