"""Operations on steps and streams, as their files declare them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from polystep.contracts.steps import CronTrigger, EventTrigger, Finding, HttpTrigger, SourceFile, StepSpec, StreamSpec
from polystep.operations.operation import ListedWhole, Operation, Part, Result, Schema, part_of
from polystep.operations.rooms import Rooms


class StepRow(Result):
    """Step with the members of its type: a route, topics, or times. One that fails to load has an error."""

    name: str
    type: Literal["api", "event", "cron", "noop"] | None
    language: str
    file: str
    error: str | None
    description: str | None = None
    flows: list[str] = Field(default_factory=list)
    emits: list[str] = Field(default_factory=list)
    subscribes: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    method: str = ""
    path: str = ""
    body_schema: Schema | None = None
    response_schema: dict[str, Any] = Field(default_factory=dict)
    query_params: list[Any] = Field(default_factory=list)
    path_params: list[Any] = Field(default_factory=list)
    input: Schema | None = None
    retries_max: int = 0
    cron: str = ""
    timezone: str | None = None


class StreamRow(Result):
    """Stream. One that fails to load has an error."""

    name: str
    type: Literal["stream"]
    language: str
    file: str
    error: str | None
    item_schema: Schema | None = Field(None, alias="schema")
    warnings: list[str] = Field(default_factory=list)


class FindingRow(Result):
    """Something that is wrong with the project."""

    kind: str
    severity: Literal["error", "warning"]
    file: str
    message: str


class Steps(Part):
    """Everything that the project's files declare: steps, then streams, then findings."""

    steps: list[StepRow]
    streams: list[StreamRow]
    warnings: list[str]
    findings: list[FindingRow]


async def steps(rooms: Rooms, params: ListedWhole) -> Steps:
    """List steps and streams, what does not load, and what is wrong with the project."""
    flow = rooms.project.flow
    never_fire = {str(row["step"]): row["error"] for row in rooms.work.schedule.upcoming()}
    rows = [_step(step, _text(never_fire.get(step.name))) for step in flow.steps.values()]
    streams = [_stream(stream) for stream in flow.streams.values()]
    for failure in flow.failures:
        if failure.source.kind == "stream":
            streams.append(StreamRow(**_failed(failure.source, failure.message), type="stream"))
        else:
            rows.append(StepRow(**_failed(failure.source, failure.message), type=None))
    findings = [_finding(finding) for finding in flow.findings]
    found, cursor = part_of([*rows, *streams, *findings], params)
    return Steps(
        steps=[each for each in found if isinstance(each, StepRow)],
        streams=[each for each in found if isinstance(each, StreamRow)],
        warnings=list(flow.warnings[: params.limit]) if params.cursor is None else [],
        findings=[each for each in found if isinstance(each, FindingRow)],
        cursor=cursor,
    )


def _step(step: StepSpec, error: str | None) -> StepRow:
    shown: dict[str, Any] = {
        "name": step.name,
        "type": step.type,
        "language": step.source.language,
        "file": step.source.path,
        "error": error,
        "description": step.description,
        "flows": list(step.flows),
        "emits": [emit.topic for emit in step.emits],
        "subscribes": list(step.topics),
        "warnings": list(step.warnings),
    }
    match step.trigger:
        case HttpTrigger() as http:
            shown |= {"method": http.method, "path": http.path, "body_schema": http.body_schema}
            shown |= {"response_schema": dict(http.response_schema), "query_params": list(http.query_params)}
            shown |= {"path_params": list(http.path_params)}
        case EventTrigger() as event:
            shown |= {"input": event.input_schema, "retries_max": step.queue.retries_max}
        case CronTrigger() as cron:
            shown |= {"cron": cron.expression, "timezone": cron.timezone}
        case None:
            pass
    return StepRow(**shown)


def _stream(stream: StreamSpec) -> StreamRow:
    return StreamRow(
        name=stream.name,
        type="stream",
        language=stream.source.language,
        file=stream.source.path,
        error=None,
        schema=stream.schema,
        warnings=list(stream.warnings),
    )


def _finding(finding: Finding) -> FindingRow:
    return FindingRow(kind=finding.kind, severity=finding.severity, file=finding.file, message=finding.message)


def _failed(source: SourceFile, message: str) -> dict[str, Any]:
    name = source.path.rsplit("/", 1)[-1]
    return {"name": name, "language": source.language, "file": source.path, "error": message}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


OPERATIONS = (Operation("steps", "GET steps", ListedWhole, Steps, "reads", steps),)
