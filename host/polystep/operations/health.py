"""Health of a running project."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from polystep import __version__
from polystep.operations.operation import NoParams, Result
from polystep.operations.rooms import Rooms


class FailingFile(Result):
    """File that does not load, or has an error."""

    file: str
    message: str


class MissingRunner(Result):
    """Runner that has files and no process."""

    runner: str
    message: str


class RunnerMemory(Result):
    """Process of a runner that has a limit of memory."""

    runner: str
    pid: int
    memory_mb: int = Field(description="With all that it has started, as it was measured last.")
    memory_limit_mb: int
    runs: int
    leaving: bool = Field(description="It takes no more runs: another process has its place.")


class StorageTrouble(Result):
    """Reason why a file of the store cannot be written."""

    message: str


class Health(Result):
    """Health of the project: `unavailable` while a whole runner is missing, `degraded` while a file does not load."""

    status: Literal["starting", "ready", "degraded", "unavailable"]
    version: str
    uptime_s: float
    generation: int
    steps: int
    streams: int
    failures: int
    failing: list[FailingFile]
    runners_missing: list[MissingRunner]
    runners_limited: list[RunnerMemory]
    storage: list[StorageTrouble]
    open_runs: int
    trace_records_dropped: int


async def health(rooms: Rooms, _: NoParams) -> Health:
    """Report whether the project is loaded, how much of it, and what is not."""
    project, flow = rooms.project, rooms.project.flow
    without_runner = project.without_runner
    failing = [(failure.source.path, failure.message) for failure in flow.failures]
    failing += [(each.file, each.message) for each in flow.findings if each.severity == "error"]
    storage = [each.trouble.message for each in rooms.data.files if each.trouble is not None]
    status: Literal["starting", "ready", "degraded", "unavailable"] = "ready"
    if not project.ready:
        status = "starting"
    elif without_runner:
        status = "unavailable"
    elif failing or storage:
        status = "degraded"
    return Health(
        status=status,
        version=__version__,
        uptime_s=round(rooms.clock.monotonic_s() - rooms.place.started_s, 3),
        generation=project.revision,
        steps=len(flow.steps),
        streams=len(flow.streams),
        failures=len(flow.failures),
        failing=[FailingFile(file=file, message=message) for file, message in failing],
        runners_missing=[MissingRunner(runner=name, message=why) for name, why in without_runner.items()],
        runners_limited=[
            RunnerMemory(
                runner=each.kind.name,
                pid=each.pid or 0,
                memory_mb=each.memory_mb,
                memory_limit_mb=each.memory_limit_mb or 0,
                runs=len(each.runs),
                leaving=each.is_leaving,
            )
            for each in project.limited_processes
        ],
        storage=[StorageTrouble(message=message) for message in storage],
        open_runs=len(rooms.work.attempts),
        trace_records_dropped=rooms.traces.recorder.dropped,
    )
