"""The parts of the execution room over a scripted pool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from polystep.contracts.events import Delivery, NewDelivery
from polystep.contracts.ids import Ids
from polystep.contracts.steps import HttpTrigger, SourceFile, StepSpec
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import Loaded, SchemaValidator, Validators
from polystep.execution import (
    Deliveries,
    DeliveryTrace,
    FailedAttempts,
    Handlers,
    HttpRuns,
    Journals,
    Responses,
    UnroutedEvents,
)
from polystep.runners import Failures, RunnerPool
from polystep.wire import pack
from tests.unit.execution.rooms import TRACE, Rooms, event_step

STEP = event_step("E", "t", flows=("f",), timeout_s=7.0)

API = StepSpec("A", "api", SourceFile("steps/a.step.ts", "step", "typescript", "node"), HttpTrigger("POST", "/a/:id"))

RUN = "0123456789abcdef"


class Pool:
    """Answers or fails, and remembers what it was asked."""

    def is_full(self) -> bool:
        return False

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms
        self.answer: JSONValue = None
        self.error: BaseException | None = None
        self.asked: list[tuple[JSONObject, float, bool]] = []
        self.open_runs = 0
        self.emits: list[NewDelivery] = []
        self.more_s: Callable[[], float] = lambda: 0.0

    async def run(
        self, params: JSONObject, timeout_s: float, *, suspect: bool = False, more_s: Callable[[], float]
    ) -> JSONValue:
        self.more_s = more_s
        self.asked.append((params, timeout_s, suspect))
        run = self.rooms.runs.get(params["run"])
        self.open_runs = len(self.rooms.runs)
        run.emits += self.emits
        if self.error is not None:
            raise self.error
        return self.answer


@dataclass
class Parts:
    """The execution of runs over a scripted pool."""

    http_runs: HttpRuns
    deliveries: Deliveries
    trace: DeliveryTrace
    handlers: Handlers


def executing(rooms: Rooms, pool: Pool, failures: Failures | None = None) -> Parts:
    loaded = Loaded(validators=Validators({}, {"E": SchemaValidator({"type": "object", "required": ["n"]})}, {}))
    explained = (lambda error, _: error) if failures is None else failures.of_handler
    failed = FailedAttempts(rooms.recorder, rooms.console, explained, lambda: None)
    pools = {name: cast("RunnerPool", pool) for name in ("node", "script")}
    handlers = Handlers(rooms.runs, pools, rooms.recorder)
    journals = Journals(rooms.queue.journal, rooms.recorder, rooms.clock)
    responses = Responses(loaded, rooms.recorder, rooms.console, "warn")
    unrouted = UnroutedEvents(rooms.console, loaded, dev=False)
    return Parts(
        HttpRuns(handlers, responses, failed, rooms.recorder, rooms.clock, Ids()),
        Deliveries(handlers, loaded, failed, rooms.recorder, rooms.clock, journals),
        DeliveryTrace(rooms.recorder, rooms.console, failed, unrouted, rooms.clock),
        handlers,
    )


def delivery(data: JSONValue = None, *, attempt: int = 1, crashes: int = 0) -> Delivery:
    packed = pack({"n": 1} if data is None else data)
    return Delivery(5, 9, "event", "e", "t", "E", packed, TRACE, RUN, None, None, attempt, 0, crashes, 0)
