"""Operation that checks data against the schemas of the steps that would take it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from polystep.contracts.errors import Issue
from polystep.contracts.operations import bad_parameter
from polystep.contracts.steps import EventTrigger, HttpTrigger, StepSpec
from polystep.operations.operation import Operation, Params, Result, Value
from polystep.operations.rooms import Rooms


class ValidateParams(Params):
    """Give data, and say who would take it."""

    topic: str | None = Field(None, description="All subscribers of this topic.")
    step: str | None = Field(None, description="This step; with a topic, only this subscriber.")
    data: Value = Field(None, description="Data of an event, or body of a request.")
    query_params: dict[str, Any] | None = Field(None, description="Of a request; not checked when left out.")
    path_params: dict[str, Any] | None = Field(None, description="Of a request; not checked when left out.")


class IssueRow(Result):
    """Part of the data that breaks a schema."""

    part: Literal["data", "queryParams", "pathParams"]
    path: list[Any] = Field(description="Names and indexes that lead to it.")
    message: str
    code: str = Field(description="Keyword of the schema, such as `required`.")


class CheckRow(Result):
    """Verdict of one step."""

    step: str
    has_schema: bool = Field(description="The step declares a schema; without one it takes anything.")
    fits: bool
    native: bool = Field(description="The step's own library checks the data again, when it arrives.")
    issues: list[IssueRow]


class Checks(Result):
    """Verdicts of the steps that would take the data; none where nobody would."""

    checks: list[CheckRow]


async def validate(rooms: Rooms, params: ValidateParams) -> Checks:
    """Check data against the schemas of the steps that would take it. Nothing is sent and nothing is stored."""
    if params.topic is None and params.step is None:
        raise bad_parameter("step is missing; give a step or a topic.")
    return Checks(checks=[_check(rooms, step, params) for step in _takers(rooms, params)])


def _takers(rooms: Rooms, params: ValidateParams) -> Iterable[StepSpec]:
    for step in rooms.project.declared.steps.values():
        if params.step is not None and step.name != params.step:
            continue
        if params.topic is None or params.topic in step.topics:
            yield step


def _check(rooms: Rooms, step: StepSpec, params: ValidateParams) -> CheckRow:
    validators = rooms.work.loaded.validators
    issues: list[IssueRow] = []
    match step.trigger:
        case HttpTrigger():
            validator, member = validators.body(step.name), "bodySchema"
            readers = validators.parameters(step.name)
            if "queryParams" in readers and params.query_params is not None:
                issues += [_row("queryParams", each) for each in readers["queryParams"].read(params.query_params)[1]]
            if "pathParams" in readers and params.path_params is not None:
                issues += [_row("pathParams", each) for each in readers["pathParams"].read(params.path_params)[1]]
        case EventTrigger():
            validator, member = validators.input(step.name), "input"
        case _:
            validator, member = None, ""
    if validator is not None:
        issues = [*(_row("data", each) for each in validator.issues(params.data)), *issues]
    return CheckRow(
        step=step.name,
        has_schema=validator is not None,
        fits=not issues,
        native=member in step.native_schemas,
        issues=issues,
    )


def _row(part: Literal["data", "queryParams", "pathParams"], issue: Issue) -> IssueRow:
    return IssueRow(part=part, path=list(issue.path), message=issue.message, code=issue.code)


OPERATIONS = (Operation("validate", "POST validate", ValidateParams, Checks, "changes", validate),)
