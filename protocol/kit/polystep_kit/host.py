"""The host as this kit plays it: one conversation with one runner, in which every wait is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from polystep_kit import __version__
from polystep_kit.codec import Frames, Malformed, frame, pack, unpack
from polystep_kit.features import FEATURES
from polystep_kit.messages import MessageSchemas, Violation
from polystep_kit.process import RunnerProcess

PROTOCOL: Final = "1.0"
FRAME_BYTES_MAX: Final = 16_777_216
_SENT_AS_BYTES_FROM: Final = 100
_SENT_AS_BYTES_TO: Final = 200
"""Vectors of frames have ids of their own, from 100 to 199."""
_BELOW: Final = ("/bin/sh", "-c", '"$@" & wait', "sh")
"""Starts a runner as a child of a shell: when the shell is killed, the runner has lost its parent."""
_T = TypeVar("_T")


class Failed(Exception):
    """The runner did not do what it must; the text says what it did."""


@dataclass(slots=True)
class Call:
    """A request of the runner."""

    id: int
    method: str
    params: dict[str, Any]


@dataclass(slots=True)
class Asked:
    """A request of ours."""

    id: int
    method: str
    answers: list[tuple[Any, Any]] = field(default_factory=list)
    """`(error, result)` of each answer; more than one is a fault."""


class PlayedHost:
    """Starts a runner and talks to it."""

    def __init__(self, command: Sequence[str], folder: Path, schemas: MessageSchemas, patience_s: float) -> None:
        self._command = command
        self._folder = folder
        self._schemas = schemas
        self._patience_s = patience_s
        self._frames = Frames()
        self._changed = asyncio.Event()
        self._next_id = 0
        self._asked: dict[int, Asked] = {}
        self.process = RunnerProcess(self._take, self._changed.set)
        self.case = ""
        """The check that is being played; told in every request, as a member that no runner knows (PS-4.2)."""
        self.calls: list[Call] = []
        """What the runner asked and no scenario has looked at yet."""
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.violations: list[Violation] = []
        self.seen: set[str] = set()
        """Which schemas its messages were held against."""
        self.faults: list[str] = []
        """What no runner may do at any time, such as answering twice."""

    async def start(
        self, channel: str, environment: Mapping[str, str] | None = None, *, with_parent: bool = False
    ) -> None:
        """Start the runner on a channel, with further variables; or below a process that can be killed first."""
        command = [*_BELOW, *self._command] if with_parent else self._command
        await self.process.start(command, self._folder, channel, environment)

    async def stop(self) -> None:
        """End the runner, however it is."""
        await self.process.stop()

    def hello(self, **changes: Any) -> dict[str, Any]:
        """The params of an ordinary `hello`, changed."""
        return {
            "protocol": PROTOCOL,
            "host": {"name": "polystep-kit", "version": __version__},
            "project": str(self._folder),
            "frame_bytes_max": FRAME_BYTES_MAX,
            "features": list(FEATURES),
            **changes,
        }

    async def ask(self, method: str, params: Any) -> Asked:
        """Send a request."""
        self._next_id += 1
        if self._next_id == _SENT_AS_BYTES_FROM:
            self._next_id = _SENT_AS_BYTES_TO
        asked = self._asked[self._next_id] = Asked(self._next_id, method)
        told = {**params, "kit": {"case": self.case}} if isinstance(params, dict) else params
        await self.send([0, asked.id, method, told])
        return asked

    def expect(self, id: int, method: str) -> Asked:
        """Wait for the answer to a request that was sent as bytes."""
        self._asked[id] = Asked(id, method)
        return self._asked[id]

    async def send(self, message: list[Any]) -> None:
        """Send a message, whatever it is."""
        await self.process.write(frame(pack(message)))

    async def answer(self, asked: Asked, what: str) -> tuple[Any, Any]:
        """Wait for the answer to a request of ours; returns `(error, result)`."""
        return await self.until(lambda: asked.answers[0] if asked.answers else None, f"the answer to {what}")

    async def next_call(self, method: str) -> Call:
        """Wait for the runner's next request of a method."""

        def found() -> Call | None:
            return next((call for call in self.calls if call.method == method), None)

        call = await self.until(found, f"the call {method}")
        self.calls.remove(call)
        return call

    async def until(self, found: Callable[[], _T | None], what: str) -> _T:
        """Wait until there is something.

        Raises:
            Failed: There is nothing within the kit's patience, or the runner has ended meanwhile.
        """
        try:
            async with asyncio.timeout(self._patience_s):
                while True:
                    value = found()
                    if value is not None:
                        return value
                    if self.process.is_closed and self.process.status is not None:
                        raise Failed(f"{what} did not come: the runner ended with status {self._ending()}")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            arrived = [f"call {call.method}" for call in self.calls] + [
                f"notification {name}" for name, _ in self.notes
            ]
            seen = f" Besides it sent: {', '.join(arrived[-6:])}." if arrived else ""
            raise Failed(f"{what} did not come within {self._patience_s:g} s.{seen}{self._said()}") from None

    async def exit_status(self) -> int:
        """Wait for the end of the process."""
        try:
            async with asyncio.timeout(self._patience_s):
                while self.process.status is None:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise Failed(f"it did not exit within {self._patience_s:g} s") from None
        return self.process.status

    def _ending(self) -> str:
        return f"{self.process.status}.{self._said()}"

    def _said(self) -> str:
        said = self.process.printed["stderr"].decode(errors="replace").strip()[-600:]
        return f" On stderr it wrote: {said}" if said else ""

    def _take(self, data: bytes) -> None:
        for payload in self._frames.feed(data):
            try:
                message = unpack(payload)
            except Malformed as error:
                self.violations.append(Violation("envelope", "runner", f"{error}: {payload[:60].hex()}"))
                continue
            self._dispatch(message)
        if int.from_bytes(self._frames.rest[:4].ljust(4, b"\0"), "big") > 4 * FRAME_BYTES_MAX:
            self.faults.append(f"the channel carries something that is no frame: {self._frames.rest[:60]!r}")
        self._changed.set()

    def _dispatch(self, message: Any) -> None:
        asked = None
        if isinstance(message, list) and len(message) == 4 and message[0] == 1:
            asked = self._asked.get(message[1])
            if asked is None:
                self.faults.append(f"it answered a request that was never sent: {message!r:.300}")
        violation = self._schemas.check(message, "runner", None if asked is None else asked.method)
        self.seen |= _kinds(message, asked)
        if violation is not None:
            self.violations.append(violation)
            if violation.kind == "envelope":
                return
        match message:
            case [0, id, method, params]:
                self.calls.append(Call(id, method, params))
            case [1, _, error, result]:
                if asked is not None:
                    asked.answers.append((error, result))
                    if len(asked.answers) > 1:
                        self.faults.append(f"it answered {asked.method} {len(asked.answers)} times")
            case [2, method, params]:
                self.notes.append((method, params))


def _kinds(message: Any, asked: Asked | None) -> set[str]:
    match message:
        case [0, _, str(method), _]:
            return {"envelope", f"params:{method}"}
        case [1, _, error, _]:
            return {"envelope", "error" if error is not None else f"result:{asked.method if asked else '?'}"}
        case [2, str(method), _]:
            return {"envelope", f"notification:{method}"}
    return set()
