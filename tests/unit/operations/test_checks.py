"""Data is checked against the schemas of those who would take it, and nothing is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polystep.contracts.operations import OperationRefused
from polystep.contracts.steps import EventTrigger, Flow, HttpTrigger, SourceFile, StepSpec
from polystep.contracts.values import JSONObject
from polystep.discovery import Loaded
from polystep.discovery.validators import compile_validators
from polystep.operations import ProjectAdmin
from tests.unit.execution.rooms import Rooms
from tests.unit.execution.rooms import rooms as make_rooms
from tests.unit.operations.test_admin import Admin, rooms_of

NUMBERED: JSONObject = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
LIMIT: JSONObject = {"type": "object", "properties": {"limit": {"type": "integer", "maximum": 10}}}


def _source(name: str) -> SourceFile:
    return SourceFile(f"steps/{name}", "step", "typescript", "node")


BODY = HttpTrigger("POST", "/r", NUMBERED, query_schema=LIMIT)
ROUTE = StepSpec("Route", "api", _source("r.step.ts"), BODY, native_schemas=("bodySchema",))
FIRST = StepSpec("First", "event", _source("f.step.ts"), EventTrigger(("t",), NUMBERED))
SECOND = StepSpec("Second", "event", _source("s.step.ts"), EventTrigger(("t", "u"), None))
FLOW = Flow({step.name: step for step in (ROUTE, FIRST, SECOND)}, {})


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[Admin]:
    async with make_rooms(tmp_path, FIRST, SECOND) as rooms:
        yield _admin(rooms)


def _admin(built: Rooms) -> Admin:
    rooms = rooms_of(built, flow=FLOW)
    return Admin(ProjectAdmin(replace(rooms, work=replace(rooms.work, loaded=Loaded(*compile_validators(FLOW))))))


async def _checks(admin: Admin, **given: Any) -> list[Any]:
    found: Any = await admin("validate", **given)
    return list(found["checks"])


async def test_each_subscriber_of_a_topic_has_a_verdict_of_its_own(admin: Admin) -> None:
    first, second = await _checks(admin, topic="t", data={"n": "no number"})
    assert (first["step"], first["fits"], first["hasSchema"]) == ("First", False, True)
    assert [(each["part"], each["path"], each["code"]) for each in first["issues"]] == [("data", ["n"], "type")]
    assert second == {"step": "Second", "hasSchema": False, "fits": True, "native": False, "issues": []}
    assert [each["fits"] for each in await _checks(admin, topic="t", data={"n": 1})] == [True, True]


async def test_one_subscriber_is_asked_alone_and_a_topic_of_nobody_has_no_verdict(admin: Admin) -> None:
    assert [each["step"] for each in await _checks(admin, topic="t", step="Second", data=1)] == ["Second"]
    assert await _checks(admin, topic="nobody", data=1) == []


async def test_the_parts_of_a_request_are_checked_as_a_request_is(admin: Admin) -> None:
    (found,) = await _checks(admin, step="Route", data={}, queryParams={"limit": "11"})
    assert {(each["part"], *each["path"]) for each in found["issues"]} == {("data", "n"), ("queryParams", "limit")}
    assert found["native"] is True
    (found,) = await _checks(admin, step="Route", data={"n": 1}, queryParams={"limit": "10"})
    assert found["fits"] is True


async def test_somebody_must_be_named(admin: Admin) -> None:
    with pytest.raises(OperationRefused, match="give a step or a topic"):
        await admin("validate", data=1)
