"""Assembly of one running project: one short function a room, each given the rooms that it stands on.

The rooms that clients speak to are in `serving`.
"""

from __future__ import annotations

from dataclasses import dataclass

from polystep.app.folder import ProjectFolder
from polystep.app.options import HostOptions
from polystep.bus import Bus, BusOptions, QueueBound
from polystep.contracts.clock import SystemClock
from polystep.contracts.ids import Ids
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.reporter import Reporter
from polystep.discovery import Loaded
from polystep.execution import (
    AskLinks,
    Calls,
    Deliveries,
    DeliveryTrace,
    Durable,
    DurableOptions,
    Emits,
    FailedAttempts,
    Handlers,
    HttpRuns,
    Journals,
    LetterPatches,
    LogLines,
    Notifications,
    OpenAttempts,
    Responses,
    Ticks,
    UnroutedEvents,
    WaitTools,
)
from polystep.project import (
    Environment,
    FlowRooms,
    LiveProject,
    Loader,
    Settings,
    Subscriptions,
    TypeWriter,
    kinds_of,
)
from polystep.runners import Failures, PoolSize, RunnerCalls, RunnerPool
from polystep.schedule import Timetable
from polystep.state import State
from polystep.stores import Stores, open_stores
from polystep.streams import Streams
from polystep.trace import Preview, TraceRecorder


@dataclass(frozen=True, slots=True)
class Start:
    """Inputs of one start of a host."""

    options: HostOptions
    settings: Settings
    folder: ProjectFolder
    environment: Environment
    reporter: Reporter
    preview: Preview
    """Hides secrets in traces and logs."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Stores, recorder and flow that most rooms stand on."""

    start: Start
    stores: Stores
    recorder: TraceRecorder
    ids: Ids
    loaded: Loaded

    @property
    def clock(self) -> Clock:
        """The clock of the stores: by it go due times, leases and cron."""
        return self.stores.clock


@dataclass(frozen=True, slots=True)
class Notices:
    """Parts of the execution room that name problems of steps."""

    lines: LogLines
    unrouted: UnroutedEvents
    failures: Failures


@dataclass(frozen=True, slots=True)
class Execution:
    """Parts of the execution room that others speak to."""

    attempts: OpenAttempts
    http_runs: HttpRuns
    deliveries: Deliveries
    journals: Journals
    delivery_trace: DeliveryTrace
    notices: Notices


@dataclass(frozen=True, slots=True)
class Rooms:
    """The rooms of a running project, beside the ground that they stand on."""

    execution: Execution
    pools: dict[str, RunnerPool]
    bus: Bus
    state: State
    streams: Streams
    durable: Durable
    timetable: Timetable
    types: TypeWriter
    loader: Loader
    project: LiveProject


def lay_ground(start: Start) -> Ground:
    """Open the stores and make what most rooms stand on; nothing is started."""
    settings = start.settings
    keep_ms = settings.durable.keep_ms(dev=start.options.dev)
    stores = open_stores(start.folder.path, settings.storage.durability, SystemClock(), keep_ms=keep_ms)
    recorder = TraceRecorder(stores.traces, stores.clock, start.preview, settings.trace.bytes_max)
    return Ground(start, stores, recorder, Ids(), Loaded())


def assemble(ground: Ground) -> Rooms:
    """Make the rooms of a project and join them; nothing is started."""
    start, stores = ground.start, ground.stores
    # Runners call the rooms, and the rooms call the runners: the table of pools comes first and is filled last.
    pools: dict[str, RunnerPool] = {}
    execution = make_execution(ground, pools)
    bus = make_bus(ground, execution)
    state, streams = State(stores.state), make_streams(ground)
    emits = Emits(bus, ground.recorder, ground.loaded, execution.notices.lines, execution.notices.unrouted)
    durable = make_durable(ground, execution, bus, emits)
    calls = Calls(execution.attempts, emits, state, streams, ground.recorder, ground.loaded)
    pools.update(make_pools(ground, make_calls(ground, execution, durable, calls)))
    timetable = make_timetable(ground, bus)
    types = TypeWriter(start.options.project, start.settings.runners, start.reporter)
    loader = Loader(start.options.project, pools, start.settings.cron.timezone, ground.clock)
    project = make_project(ground, loader, FlowRooms(bus, streams, timetable, types.update))
    return Rooms(execution, pools, bus, state, streams, durable, timetable, types, loader, project)


def make_execution(ground: Ground, pools: dict[str, RunnerPool]) -> Execution:
    """Make the room that runs attempts."""
    recorder, reporter, loaded, clock = ground.recorder, ground.start.reporter, ground.loaded, ground.clock
    attempts, failures, durable = OpenAttempts(), Failures(ground.start.options.project), ground.stores.durable
    handlers, journals = Handlers(attempts, pools, recorder), Journals(ground.stores.queue.journal, recorder, clock)
    failed = FailedAttempts(recorder, reporter, failures.of_handler, lambda: durable.trouble)
    responses = Responses(loaded, recorder, reporter, ground.start.settings.contracts.responses)
    unrouted = UnroutedEvents(reporter, loaded, dev=ground.start.options.dev)
    return Execution(
        attempts,
        HttpRuns(handlers, responses, failed, recorder, clock, ground.ids),
        Deliveries(handlers, loaded, failed, recorder, clock, journals),
        journals,
        DeliveryTrace(recorder, reporter, failed, unrouted, clock),
        Notices(LogLines(recorder, reporter, clock, failures.readable), unrouted, failures),
    )


def make_bus(ground: Ground, execution: Execution) -> Bus:
    """Make the bus, which runs deliveries through the execution room."""
    queues = ground.start.settings.queues
    options = BusOptions(ground.stores.owner, bound=QueueBound(queues.events_max, queues.bytes_max))
    bus = Bus(ground.stores.queue, ground.clock, execution.deliveries, execution.delivery_trace, ground.ids, options)
    bus.bulks.change = LetterPatches(ground.loaded).change
    return bus


def make_streams(ground: Ground) -> Streams:
    """Make the room of stream items and their subscribers."""
    return Streams(ground.stores.streams, ground.clock)


def make_durable(ground: Ground, execution: Execution, bus: Bus, emits: Emits) -> Durable:
    """Make the part of the execution room that keeps results and ends legs that wait."""
    start, asks = ground.start, ground.start.settings.asks
    links = AskLinks(
        start.options.project,
        lambda: (asks.public_url or start.folder.url()) if asks.links else None,
        start.environment.for_runners,
    )
    asks_store = ground.stores.queue.asks
    tools = WaitTools(bus, execution.attempts, ground.recorder, ground.clock, emits, links, asks_store, ground.loaded)
    bounds = start.settings.durable.model_dump(exclude={"keep_h"})
    durable = Durable(tools, DurableOptions(**bounds, forgets=start.options.forgets))
    execution.journals.let_units_end = durable.let_units_end
    return durable


def make_calls(ground: Ground, execution: Execution, durable: Durable, calls: Calls) -> RunnerCalls:
    """Make the tables of calls and notifications that runners may send."""
    notices = execution.notices
    notifications = Notifications(execution.attempts, notices.lines, ground.recorder, notices.failures)
    return RunnerCalls(
        {**calls.methods, **durable.methods},
        notifications.methods,
        notifications.output,
        notifications.blocked,
        durable.retire,
        durable.let_units_end,
    )


def make_pools(ground: Ground, calls: RunnerCalls) -> dict[str, RunnerPool]:
    """Make one pool of processes for each runner."""
    start, options = ground.start, ground.start.options
    environment, info = start.environment.for_runners, start.reporter.info
    return {
        kind.name: RunnerPool(
            kind,
            options.project,
            calls,
            environment,
            info,
            PoolSize(section.processes, options.dev, section.memory_mb),
        )
        for kind, section in kinds_of(start.settings.runners, options.project).items()
    }


def make_timetable(ground: Ground, bus: Bus) -> Timetable:
    """Make the schedule, whose ticks go to the bus."""
    ticks = Ticks(bus, ground.recorder, ground.start.reporter, ground.loaded)
    return Timetable(ground.clock, ticks.fire, ticks.failed, ticks.skipped)


def make_project(ground: Ground, loader: Loader, rooms: FlowRooms) -> LiveProject:
    """Make the live project, which gives every room the flow that it loads."""
    subscriptions = Subscriptions(ground.stores.queue, ground.clock)
    return LiveProject(loader, subscriptions, rooms, ground.start.reporter, ground.clock, ground.loaded)
