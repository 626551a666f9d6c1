"""Every implementation of the store ports, each on a fresh place of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from polystep.contracts.ports.queue import QueueStore
from polystep.contracts.ports.stores import StateStore, StreamStore, TraceStore
from polystep.stores import Stores, open_stores
from polystep.testing import FakeClock
from tests.contract.cluster import Cluster, open_sqlite_cluster
from tests.simulation.database import simulated_stores


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The host runs on uvloop, whose pipes are not asyncio's: what is said of peers must hold on both."""
    factories = {"asyncio": asyncio.new_event_loop}
    return {**factories, "uvloop": uvloop.new_event_loop} if item.path.name == "test_peer.py" else factories


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["sqlite", "simulated"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Stores]:
    """The shipped store, and the one that the simulation runs on."""
    make = {
        "sqlite": lambda: open_stores(tmp_path, "process", clock),
        "simulated": lambda: simulated_stores(tmp_path, clock),
    }
    opened = make[request.param]()
    await opened.start()
    async with asyncio.timeout(30):
        yield opened
    await opened.stop()


@pytest.fixture(params=[pytest.param("sqlite", id="sqlite")])
async def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cluster]:
    """Several hosts on one store."""
    assert request.param == "sqlite"
    async with open_sqlite_cluster(tmp_path) as opened:
        yield opened


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
