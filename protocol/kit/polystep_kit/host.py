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
from polystep_kit.patterns import show
from polystep_kit.process import RunnerProcess
from polystep_kit.strays import FRAME_BYTES_MAX, answers_nothing, is_no_frame, unfinished

PROTOCOL: Final = "1.0"
_SENT_AS_BYTES_FROM: Final = 100
_SENT_AS_BYTES_TO: Final = 200
"""Vectors of frames have ids of their own, from 100 to 199."""
_BELOW: Final = ("/bin/sh", "-c", '"$@" & wait', "sh")
"""Starts a runner as a child of a shell: when the shell is killed, the runner has lost its parent."""
_TOLD_MAX: Final = 6
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
        self.played: list[str] = []
        """Checks that this process has been through."""
        self.case = ""
        """Current check; sent in every request as a member that no runner knows (PS-4.2)."""
        self.calls: list[Call] = []
        """Requests of the runner that no scenario has looked at yet."""
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.violations: list[Violation] = []
        self.seen: set[str] = set()
        """Schemas that its messages were held against."""
        self._unfit: list[str] = []
        """Descriptions of frames that are no messages."""
        self.faults: list[str] = []
        """Faults that no runner may have at any time, such as answering twice."""

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
                        ending = f"the runner ended with status {self.process.status}"
                        raise Failed(f"{what} did not come: {ending}.{self._came()}{self._said()}")
                    if is_no_frame(self._frames.rest):
                        raise Failed(f"{what} did not come.{self._came()}{self._said()}")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            waited = f"within {self._patience_s:g} s"
            raise Failed(f"{what} did not come {waited}.{self._came()}{self._said()}") from None

    def stray(self) -> str:
        """Describe bytes on the channel that can be no frame; empty when there are none."""
        rest = self._frames.rest
        return unfinished(rest) if is_no_frame(rest) else ""

    async def exit_status(self) -> int:
        """Wait for the end of the process."""
        try:
            async with asyncio.timeout(self._patience_s):
                while self.process.status is None:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise Failed(f"it did not exit within {self._patience_s:g} s.{self._said()}") from None
        return self.process.status

    def _came(self) -> str:
        """Describe the messages that came instead, in sentences; empty when none came."""
        arrived = [f"call {call.method}" for call in self.calls] + [f"notification {name}" for name, _ in self.notes]
        told = [f"Besides it sent: {', '.join(arrived[-_TOLD_MAX:])}."] if arrived else []
        told += [f"{each[:1].upper()}{each[1:]}." for each in [*self._unfit, *self.faults][-_TOLD_MAX:]]
        return "".join(f" {each}" for each in [*told, unfinished(self._frames.rest)] if each)

    def _said(self) -> str:
        said = self.process.printed["stderr"].decode(errors="replace").strip()[-600:]
        return f" On stderr it wrote: {said}" if said else ""

    def _take(self, data: bytes) -> None:
        for payload in self._frames.feed(data):
            try:
                message = unpack(payload)
            except Malformed as error:
                self.violations.append(Violation("envelope", "runner", f"{error}: {payload[:60].hex(' ')}"))
                self._unfit.append(f"it sent a frame that cannot be read, {error}: {payload[:60].hex(' ')}")
                continue
            self._dispatch(message)
        self._changed.set()

    def _dispatch(self, message: Any) -> None:
        asked = self._asked_for(message) if _is_response(message) else None
        violation = self._schemas.check(message, "runner", None if asked is None else asked.method)
        self.seen |= _kinds(message, asked)
        if violation is not None:
            self.violations.append(violation)
            if violation.kind == "envelope":
                if asked is not None or not _is_response(message):
                    self._unfit.append(f"it sent what is no message (PS-4), {violation.reason}: {show(message)}")
                return
        match message:
            case [0, id, method, params]:
                self.calls.append(Call(id, method, params))
            case [1, _, error, result] if asked is not None:
                asked.answers.append((error, result))
                if len(asked.answers) > 1:
                    self.faults.append(f"it answered {asked.method} {len(asked.answers)} times")
            case [2, method, params]:
                self.notes.append((method, params))

    def _asked_for(self, response: list[Any]) -> Asked | None:
        """The request that a response answers; that there is none is a fault."""
        asked = self._asked.get(response[1]) if type(response[1]) is int else None
        if asked is None:
            self.faults.append(answers_nothing(response))
        return asked


def _is_response(message: Any) -> bool:
    return isinstance(message, list) and len(message) == 4 and message[0] == 1


def _kinds(message: Any, asked: Asked | None) -> set[str]:
    match message:
        case [0, _, str(method), _]:
            return {"envelope", f"params:{method}"}
        case [1, _, error, _]:
            return {"envelope", "error" if error is not None else f"result:{asked.method if asked else '?'}"}
        case [2, str(method), _]:
            return {"envelope", f"notification:{method}"}
    return set()
