"""What everything long-lived must do; see `Service`: `stop` may come twice or without `start`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from polystep.bus import Bus, BusOptions
from polystep.contracts.ids import Ids
from polystep.contracts.ports.service import Service
from polystep.contracts.steps import CronTrigger, Flow
from polystep.schedule import Timetable
from polystep.stores import Database, SqliteQueueStore, SqliteTraceStore, open_durable, open_traces
from polystep.testing import FakeClock, NoRunner
from polystep.trace import Preview, TraceRecorder
from tests.patience import HANG_S
from tests.unit.bus.harness import Observer


async def _no_fire(step: str, due_ms: int) -> None:
    raise AssertionError("the clock stands still here")


@dataclass(frozen=True, slots=True)
class _Ground:
    """What services stand on."""

    folder: Path
    clock: FakeClock
    durable: Database
    traces: Database


def _database(ground: _Ground) -> Service:
    return open_durable(ground.folder / "alone.db", "none")


def _recorder(ground: _Ground) -> Service:
    preview = Preview({})
    return TraceRecorder(SqliteTraceStore(ground.traces), ground.clock, preview)


def _bus(ground: _Ground) -> Service:
    queue = SqliteQueueStore(ground.durable, ground.clock)
    bus = Bus(queue, ground.clock, NoRunner(), Observer(ground.clock), Ids(), BusOptions("host"))
    bus.replace(Flow())
    return bus


def _timetable(ground: _Ground) -> Service:
    timetable = Timetable(ground.clock, _no_fire, lambda step, error: None)
    timetable.replace({"tick": CronTrigger("* * * * *", "UTC")})
    return timetable


@asynccontextmanager
async def _ground(folder: Path) -> AsyncIterator[_Ground]:
    durable, traces = open_durable(folder / "polystep.db", "none"), open_traces(folder / "traces.db")
    await durable.start()
    await traces.start()
    async with asyncio.timeout(HANG_S):
        yield _Ground(folder, FakeClock(), durable, traces)
    await traces.stop()
    await durable.stop()


@pytest.fixture(params=[_database, _recorder, _bus, _timetable], ids=["database", "recorder", "bus", "timetable"])
async def service(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Service]:
    make: Callable[[_Ground], Service] = request.param
    async with _ground(tmp_path) as ground:
        made = make(ground)
        assert isinstance(made, Service)
        yield made
        await made.stop()


def _running() -> tuple[set[asyncio.Task[object]], set[str]]:
    """Tasks and named threads that live now; asyncio's own pool threads come and stay."""
    return asyncio.all_tasks(), {each.name for each in threading.enumerate() if "alone" in each.name}


async def test_it_stops_without_having_started(service: Service) -> None:
    await service.stop()


async def test_it_stops_twice(service: Service) -> None:
    await service.start()
    await service.stop()
    await service.stop()


async def test_a_second_start_changes_nothing(service: Service) -> None:
    await service.start()
    await FakeClock.settle()
    running = _running()
    await service.start()
    await FakeClock.settle()
    assert _running() == running


async def test_nothing_of_it_runs_after_a_stop(service: Service) -> None:
    before = _running()
    await service.start()
    await FakeClock.settle()
    started = _running()
    await service.stop()
    assert (started != before, _running()) == (True, before)


async def test_it_starts_again_after_a_stop(service: Service) -> None:
    before = _running()
    await service.start()
    await service.stop()
    await service.start()
    await FakeClock.settle()
    assert _running() != before
    await service.stop()
    assert _running() == before
