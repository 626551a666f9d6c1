"""Rooms that the operations work on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from polystep.bus import Bus
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.inspection import DataQueries, QueueQueries, TraceQueries
from polystep.contracts.ports.letters import LetterQueries
from polystep.contracts.ports.queue import QueueStore
from polystep.contracts.ports.schedule import Schedule
from polystep.contracts.ports.stores import StoreFile, TraceStore
from polystep.contracts.values import JSONObject
from polystep.discovery import Loaded
from polystep.execution import Asks, OpenAttempts
from polystep.operations.editor_program import EditorProgram
from polystep.operations.live import ProjectFeed
from polystep.project import LiveProject
from polystep.state import State
from polystep.streams import Streams
from polystep.trace import TraceRecorder


@dataclass(frozen=True, slots=True)
class Work:
    """Events and cron ticks: what waits, what runs, what comes."""

    bus: Bus
    queue: QueueStore
    schedule: Schedule
    attempts: OpenAttempts
    loaded: Loaded
    queries: QueueQueries
    asks: Asks
    letters: LetterQueries


@dataclass(frozen=True, slots=True)
class Data:
    """State, streams and the files in which all is stored."""

    state: State
    streams: Streams
    queries: DataQueries
    files: Sequence[StoreFile] = ()
    """Health says which of them cannot be written."""


@dataclass(frozen=True, slots=True)
class Traces:
    """Traces and logs: recorded a moment ago, and stored."""

    recorder: TraceRecorder
    store: TraceStore
    queries: TraceQueries

    async def flushed(self) -> TraceStore:
        """Return the store, once it holds all that was recorded before this call."""
        await self.recorder.flush()
        return self.store

    async def inspected(self) -> TraceQueries:
        """Return the queries, once they find all that was recorded before this call."""
        await self.recorder.flush()
        return self.queries


@dataclass(frozen=True, slots=True)
class Place:
    """Place of the project: its folder, its address and the start of its host."""

    root: Path
    address: Callable[[], str]
    """URL of the project's routes on this machine."""
    started_s: float
    """Monotonic time of the start."""
    feed: ProjectFeed
    editor: EditorProgram


@dataclass(frozen=True, slots=True)
class Rooms:
    """Rooms of one running project."""

    project: LiveProject
    work: Work
    data: Data
    traces: Traces
    clock: Clock
    place: Place

    def changed(self, subject: str, change: JSONObject) -> None:
        """Tell the live feed of a change that no trace record names."""
        self.place.feed.changed(subject, change)
