"""Every implementation of the store ports, each on a fresh place of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import cast

import pytest
import uvloop

from polystep.contracts.ports.inspection import DataQueries
from polystep.contracts.ports.queue import DeliveryStore, QueueStore
from polystep.contracts.ports.stores import StateStore, StreamStore, TraceStore
from polystep.stores import Database, Stores, open_stores
from polystep.stores.postgres import (
    PostgresDatabase,
    PostgresDataQueries,
    PostgresLetterQueries,
    PostgresQueueQueries,
    PostgresQueueStore,
    PostgresStateStore,
    PostgresStreamStore,
)
from polystep.testing import FakeClock
from tests.contract.cluster import Cluster, open_sqlite_cluster
from tests.contract.durable import Data, Durable
from tests.contract.rig import Rig, open_rig
from tests.contract.sharing import PostgresSharing, Sharing, SqliteSharing
from tests.postgres import binaries
from tests.postgres.schemas import fresh_schema
from tests.postgres.server import Server, shared_server
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


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Server]:
    """A PostgreSQL server, one for all workers."""
    base = tmp_path_factory.getbasetemp()
    with shared_server((base if worker_id == "master" else base.parent) / "postgres", binaries.need()) as server:
        yield server


@pytest.fixture
async def rig(postgres: Server) -> AsyncIterator[Rig]:
    async with open_rig(postgres) as opened:
        yield opened


@pytest.fixture
def keep_ms() -> int:
    """Time for which journals of completed runs are kept."""
    return 0


@pytest.fixture(params=["sqlite", "simulated", "postgres"])
async def durable(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock, keep_ms: int
) -> AsyncIterator[Durable]:
    """Events, state and streams of one host on each store."""
    async with AsyncExitStack() as opened:
        if request.param == "postgres":
            url = request.getfixturevalue("postgres").url
            schema = await opened.enter_async_context(fresh_schema(url))
            database = PostgresDatabase(url, clock, schema=schema, durability="process")
            data = Data(PostgresStateStore(database), PostgresStreamStore(database), PostgresDataQueries(database))
            queue = PostgresQueueStore(database, clock, keep_ms)

            async def rows(table: str) -> int:
                found: int = (await database.read(f"SELECT count(*) FROM {schema}.{table}"))[0][0]
                return found

            made = Durable(queue, PostgresQueueQueries(database), PostgresLetterQueries(database), data, rows)
            await database.start()
            opened.push_async_callback(database.stop)
        else:
            is_file = request.param == "sqlite"
            stores = (
                open_stores(tmp_path, "process", clock, keep_ms=keep_ms)
                if is_file
                else simulated_stores(tmp_path, clock, keep_ms)
            )
            queries = stores.inspection

            async def rows(table: str) -> int:
                found: int = cast("Database", stores.durable).read(f"SELECT count(*) FROM {table}")[0][0]
                return found

            made = Durable(
                stores.queue,
                queries.queue,
                queries.letters,
                Data(stores.state, stores.streams, queries.data),
                rows,
            )
            await stores.start()
            opened.push_async_callback(stores.stop)
        async with asyncio.timeout(240):
            yield made


@pytest.fixture
def data(durable: Durable) -> Data:
    return durable.data


@pytest.fixture
def deliveries(durable: Durable) -> DeliveryStore:
    """The deliveries of one host on each store; `queue` has what is kept of runs too, where that is there."""
    return durable.queue


@pytest.fixture(params=["sqlite", "postgres"])
async def sharing(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Sharing]:
    """Events, state and streams of several hosts on each store."""
    async with AsyncExitStack() as opened:
        made: Sharing
        if request.param == "postgres":
            url = request.getfixturevalue("postgres").url
            made = PostgresSharing(url, await opened.enter_async_context(fresh_schema(url)))
        else:
            made = SqliteSharing(tmp_path)
        opened.push_async_callback(made.stop)
        async with asyncio.timeout(240):
            yield made


@pytest.fixture
def state(data: Data) -> StateStore:
    return data.state


@pytest.fixture
def streams(data: Data) -> StreamStore:
    return data.streams


@pytest.fixture
def queries(data: Data) -> DataQueries:
    return data.queries


@pytest.fixture
def queue(durable: Durable) -> QueueStore:
    return durable.queue


@pytest.fixture
def traces(stores: Stores) -> TraceStore:
    return stores.traces
