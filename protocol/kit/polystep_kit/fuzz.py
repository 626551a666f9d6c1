"""Fuzz mode: mutants against a runner, which has to survive what can be attributed and to end at what cannot."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from polystep_kit.fuzz_session import FuzzSession
from polystep_kit.host import Failed
from polystep_kit.mutants import judged_mutants, mutants
from polystep_kit.steps import ConformanceSteps

BATCH: Final = 500
FAILURES_MAX: Final = 10
"""Then it is given up: more of them teach nothing, and each is made smaller, which takes its time."""
_FATAL_ONE_IN: Final = 200
_FATAL_MAX: Final = 200
_FATAL_KEPT: Final = 50
_BEFORE_FATAL: Final = 20
"""So many harmless frames come before a fatal one."""
_MEMORY_POINTS: Final = 20
_REPLAYS_S: Final = 60.0
"""So long a failing batch is made smaller, at most."""
_REPLAY_PATIENCE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """Progress of fuzzing."""

    frames: int
    of: int
    per_second: float
    failures: int


@dataclass(frozen=True, slots=True)
class FuzzFailure:
    """Failure of a runner, and how to see it again."""

    reason: str
    batch: int
    reproduction: tuple[str, ...]
    """Payloads in hexadecimal, to be sent in this order to a fresh runner after `hello` and `step.load`."""
    is_reproduced: bool
    """False when a fresh runner withstood them: it takes what came before, or luck."""


@dataclass(slots=True)
class FuzzReport:
    """Result of fuzzing."""

    seed: int
    frames: int = 0
    """That the runner had to survive."""
    fatal_frames: int = 0
    """That it had to end at, each in a process of its own."""
    messages: int = 0
    """That it sent."""
    seconds: float = 0.0
    failures: list[FuzzFailure] = field(default_factory=list)
    memory_kib: list[tuple[int, int]] = field(default_factory=list)
    """`(frames, resident KiB)` of the runner, where the system tells."""

    @property
    def per_second(self) -> float:
        """Frames per second."""
        return self.frames / self.seconds if self.seconds else 0.0


async def fuzz(
    command: Sequence[str],
    steps: ConformanceSteps,
    project: Path,
    *,
    frames: int,
    seed: int,
    patience_s: float = 10.0,
    on_progress: Callable[[Fuzzed], None] = lambda _: None,
) -> FuzzReport:
    """Send so many mutants to a runner.

    Args:
        command: Starts the runner.
        steps: Names the script step, which is loaded first.
        project: Folder with the steps.
        frames: How many the runner has to survive; fatal ones are sent besides.
        seed: The same one sends the same frames.
        patience_s: Longest wait for anything.
        on_progress: Called after each batch.

    Raises:
        Failed: The runner does not even start.
        OSError: It cannot be started.
    """
    script = steps.files["script"]
    fuzzer = _Fuzzer(lambda: FuzzSession(command, script, project, patience_s), seed, script)
    started_s = time.monotonic()
    report = fuzzer.report

    def tell() -> None:
        report.seconds = time.monotonic() - started_s
        on_progress(Fuzzed(report.frames, frames, report.per_second, len(report.failures)))

    await fuzzer.run(frames, tell)
    return report


class _Fuzzer:
    """Batches for one long-lived runner, now and then a fatal frame for a short-lived one."""

    def __init__(self, make: Callable[[], FuzzSession], seed: int, script: str) -> None:
        self._make = make
        self._source = judged_mutants(seed, script)
        self._fatal: deque[bytes] = deque(maxlen=_FATAL_KEPT)
        self._batch = 0
        self._next_victim: asyncio.Task[FuzzSession] | None = None
        self.report = FuzzReport(seed)

    async def run(self, frames: int, tell: Callable[[], None]) -> None:
        report = self.report
        fatal_every = max(_FATAL_ONE_IN, frames // _FATAL_MAX)
        session = await self._started()
        made = self._made(min(BATCH, frames))
        try:
            while made and len(report.failures) < FAILURES_MAX:
                session.send(made)
                self._batch += 1
                # The runner reads one batch while the next one is made.
                upcoming = self._made(min(BATCH, frames - report.frames - len(made)))
                session = await self._settled(session, made)
                report.frames += len(made)
                self._note_memory(session, frames)
                while self._fatal and report.fatal_frames < report.frames // fatal_every:
                    await self._end_by_fatal(await self._victim(), made[-_BEFORE_FATAL:])
                tell()
                made = upcoming
            if self._fatal and len(report.failures) < FAILURES_MAX:
                await self._end_by_fatal(session, [])
        except Failed as failed:
            # It started before: what was found by then must not be lost.
            report.failures.append(FuzzFailure(str(failed), self._batch, (), False))
        finally:
            await session.stop()
            await self._stop_victim()
        tell()

    async def _stop_victim(self) -> None:
        if self._next_victim is not None:
            with contextlib.suppress(Failed):
                await (await self._next_victim).stop()

    def _made(self, size: int) -> list[bytes]:
        made: list[bytes] = []
        ids: set[int | None] = set()
        while len(made) < size:
            payload, verdict = next(self._source)
            if verdict is None:
                self._fatal.append(payload)
            elif verdict[0] != 0 or verdict[1] not in ids:  # an id is used once at a time (PS-4.1)
                made.append(payload)
                if verdict[0] == 0:
                    ids.add(verdict[1])
        return made

    async def _started(self) -> FuzzSession:
        session = self._make()
        try:
            await session.start()
        except BaseException:
            await session.stop()
            raise
        return session

    async def _victim(self) -> FuzzSession:
        """A fresh runner, started while the other one was busy."""
        ready = self._next_victim or asyncio.create_task(self._started())
        self._next_victim = None
        session = await ready
        self._next_victim = asyncio.create_task(self._started())
        return session

    async def _settled(self, session: FuzzSession, made: list[bytes]) -> FuzzSession:
        """The session to go on with, once this one has dealt with a batch."""
        reason = await session.settle()
        self.report.messages += session.take_count()
        if reason is None:
            return session
        await session.stop()
        smallest, is_reproduced = await self._smallest(made)
        self.report.failures.append(FuzzFailure(reason, self._batch, _as_hex(smallest), is_reproduced))
        return await self._started()

    async def _smallest(self, payloads: list[bytes]) -> tuple[list[bytes], bool]:
        """As few of them as still fail, and whether they fail at all when they are sent again."""
        if not await self._fails(payloads):
            return payloads, False
        parts, until_s = 2, time.monotonic() + _REPLAYS_S
        while len(payloads) > 1 and time.monotonic() < until_s:
            size = -(-len(payloads) // parts)
            for fewer in _without(payloads, size):
                if await self._fails(fewer):
                    parts = max(2, parts - 1) if len(fewer) > size else 2
                    payloads = fewer
                    break
                if time.monotonic() > until_s:
                    return payloads, True
            else:
                if size == 1:
                    break
                parts = min(parts * 2, len(payloads))
        return payloads, True

    async def _fails(self, payloads: list[bytes]) -> bool:
        session = await self._started()
        try:
            session.send(payloads)
            return await session.settle(_REPLAY_PATIENCE_S) is not None
        finally:
            await session.stop()

    async def _end_by_fatal(self, session: FuzzSession, before: list[bytes]) -> None:
        """A frame that cannot be attributed ends the runner, and it takes none behind it (PS-4.4)."""
        fatal = self._fatal.popleft()
        self.report.fatal_frames += 1
        reason = await _outlived(session, [*before, fatal])
        if reason is None:
            return
        alone = await _outlived(await self._started(), [fatal])
        sent = [fatal] if alone is not None else [*before, fatal]
        self.report.failures.append(FuzzFailure(alone or reason, self._batch, _as_hex(sent), alone is not None))

    def _note_memory(self, session: FuzzSession, frames: int) -> None:
        points = self.report.memory_kib
        if self.report.frames >= len(points) * frames // _MEMORY_POINTS:
            resident = session.resident_kib()
            if resident:
                points.append((self.report.frames, resident))


def _without(payloads: list[bytes], size: int) -> Iterator[list[bytes]]:
    """Each part alone, then all but each part."""
    places = range(0, len(payloads), size)
    yield from (payloads[at : at + size] for at in places)
    if len(places) > 2:
        yield from (payloads[:at] + payloads[at + size :] for at in places)


async def _outlived(session: FuzzSession, payloads: list[bytes]) -> str | None:
    """Describe the fault of a runner after a fatal frame, the last of these; None when it ended as it must."""
    try:
        session.send(payloads)
        behind = session.ask("fuzz.behind", {})
        status = await session.exit_status()
        if status is None:
            return "it did not end at a frame that cannot be attributed (PS-4.4)"
        if status <= 0:
            return f"it ended with status {status} at a frame that cannot be attributed (PS-4.4)"
        return "it took a frame behind one that cannot be attributed (PS-4.4)" if session.is_answered(behind) else None
    finally:
        await session.stop()


def _as_hex(payloads: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(payload.hex() for payload in payloads)


__all__ = ["FuzzFailure", "FuzzReport", "Fuzzed", "fuzz", "mutants"]
