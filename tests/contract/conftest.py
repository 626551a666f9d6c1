"""Every implementation of the store ports, each on a fresh place of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvloop

from polystep.contracts.groups import StateStore, StreamStore
from polystep.contracts.ports import QueueStore, TraceStore
from polystep.stores import (
    SqliteQueueStore,
    SqliteStateStore,
    SqliteStreamStore,
    SqliteTraceStore,
    open_durable,
    open_traces,
)
from polystep.testing import FakeClock


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The host runs on uvloop, whose pipes are not asyncio's: what is said of peers must hold on both."""
    factories = {"asyncio": asyncio.new_event_loop}
    return {**factories, "uvloop": uvloop.new_event_loop} if item.path.name == "test_peer.py" else factories


@dataclass(frozen=True, slots=True)
class Stores:
    """One implementation of all four ports."""

    state: StateStore
    streams: StreamStore
    queue: QueueStore
    traces: TraceStore
    folder: Path


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=[pytest.param("sqlite", id="sqlite")])
async def stores(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Stores]:
    assert request.param == "sqlite"
    durable, traces = open_durable(tmp_path / "polystep.db", "process"), open_traces(tmp_path / "traces.db")
    await durable.start()
    await traces.start()
    async with asyncio.timeout(30):
        yield Stores(
            SqliteStateStore(durable),
            SqliteStreamStore(durable),
            SqliteQueueStore(durable, clock),
            SqliteTraceStore(traces),
            tmp_path,
        )
    await traces.stop()
    await durable.stop()


@pytest.fixture
def state(stores: Stores) -> StateStore:
    return stores.state


@pytest.fixture
def streams(stores: Stores) -> StreamStore:
    return stores.streams


@pytest.fixture
def queue(stores: Stores) -> QueueStore:
    return stores.queue


@pytest.fixture
def traces(stores: Stores) -> TraceStore:
    return stores.traces
