"""Skeletons of traces: order, bounds, what has come since, and what stands behind a row."""

from __future__ import annotations

import itertools
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from polystep.contracts.limits import SKELETON_BYTES_MAX
from polystep.contracts.operations import OperationRefused
from polystep.contracts.trace_parts import Leaves, RunPart, TraceCursor, TraceParts
from polystep.contracts.values import JSONObject
from polystep.execution.attempts import OpenCall
from polystep.operations.skeleton import skeleton_of
from polystep.trace.recorder import AttemptShare
from tests.unit.execution.rooms import TRACE, Rooms
from tests.unit.execution.rooms import rooms as make_rooms
from tests.unit.operations.skeletons import rows_of
from tests.unit.operations.test_admin import CRON, EVENT, Admin, admin_of

FIRST, SECOND = "1" * 16, "2" * 16


class Attempt:
    """Attempt whose spans are recorded."""

    def __init__(self, run_id: str, number: int = 1) -> None:
        self.run_id, self.trace_id, self.number, self.share = run_id, TRACE, number, AttemptShare()


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    async with make_rooms(tmp_path, EVENT, CRON) as built:
        yield built


@pytest.fixture
def admin(rooms: Rooms) -> Admin:
    return admin_of(rooms)


async def skeleton(admin: Admin, after: str | None = None) -> Any:
    return await admin("trace_skeleton", id=TRACE, **({} if after is None else {"after": after}))


async def begin(rooms: Rooms, run_id: str = FIRST, parent: str | None = None) -> Attempt:
    trigger: JSONObject = (
        {"kind": "event", "topic": "t"} if parent else {"kind": "http", "method": "POST", "path": "/orders"}
    )
    rooms.recorder.run_queued(run_id, TRACE, parent, "E" if parent else "A", "event", trigger)
    await rooms.clock.advance(0.002)
    rooms.recorder.attempt_started(run_id, TRACE, 1)
    return Attempt(run_id)


def end(rooms: Rooms, run_id: str, status: str = "completed", run_status: str = "", number: int = 1) -> None:
    rooms.recorder.attempt_ended(
        run_id, TRACE, number, duration_ms=1.5, status=status, run_status=run_status or status,
        error={"name": "Error", "message": "fell down\nhard"} if status == "failed" else None,
    )  # fmt: skip


def write(rooms: Rooms, attempt: Attempt, key: str, **more: Any) -> None:
    data = {"operation": "set", "group": "orders", "key": key, **more}
    rooms.recorder.context_call(attempt, "state", data, rooms.recorder.now_s())


def shown(answer: Any) -> list[str]:
    return [
        " ".join(each for each in (str(row.depth), row.name, row.place, row.text) if each) for row in rows_of(answer)
    ]


async def test_calls_that_are_under_way_stand_beside_the_rows(admin: Admin, rooms: Rooms) -> None:
    await begin(rooms)
    attempt = rooms.open(EVENT)
    attempt.calls_open = {4: OpenCall("POST m", 1500.5, {"method": "POST", "url": "http://m"}, 12)}
    assert (await skeleton(admin))["underWay"] == [
        {
            "runId": attempt.run_id, "attempt": attempt.number, "number": 4, "name": "POST m", "beganAt": 1500.5,
            "received": 12, "attributes": {"method": "POST", "url": "http://m"},
        }
    ]  # fmt: skip
    rooms.runs.close(attempt)
    assert (await skeleton(admin))["underWay"] == []


async def test_rows_tell_the_story_in_order(admin: Admin, rooms: Rooms) -> None:
    first = await begin(rooms)
    rooms.recorder.log("info", "Order placed\nand more", trace_id=TRACE, run_id=FIRST)
    await rooms.clock.advance(0.001)
    write(rooms, first, "last")
    rooms.recorder.span(first, "http", {"attributes": {"method": "POST", "url": "http://m", "model": "tiny"}}, None, 0)
    rooms.recorder.context_call(first, "emit", {"topic": "t"}, rooms.recorder.now_s())
    await begin(rooms, SECOND, FIRST)
    end(rooms, FIRST)
    end(rooms, SECOND, "failed", "waiting")
    await rooms.clock.advance(0.01)
    rooms.recorder.attempt_started(SECOND, TRACE, 2)
    rooms.recorder.log("error", "again", trace_id=TRACE, run_id=SECOND)
    answer = await skeleton(admin)
    assert shown(answer) == [
        "0 A POST /orders",
        "1 info Order placed",
        "1 state set orders last",
        "1 tiny POST http://m",
        "1 emit t",
        "1 E t",
        "2 Attempt 1 Error: fell down",
        "2 Attempt 2",
        "3 error again",
    ]
    rows = rows_of(answer)
    assert [row.kind for row in rows] == "http log state llm emit run attempt attempt log".split()
    assert [row.status for row in rows[5:]] == ["running", "failed", "running", "failed"]
    assert (rows[0].wait_us, rows[5].wait_us, rows[7].wait_us) == (2000, 2000, 10_000)
    assert (rows[0].length_us, rows[5].length_us, rows[6].length_us) == (5000, -1, 1500)
    assert answer["runIds"] == [FIRST, SECOND]
    assert (answer["cut"], answer["leftOut"], answer["textsLeftOut"]) == (False, 0, 0)


async def test_what_has_come_since_is_given_with_all_above_it(admin: Admin, rooms: Rooms) -> None:
    first = await begin(rooms)
    write(rooms, first, "a")
    await begin(rooms, SECOND, FIRST)
    await rooms.clock.advance(60)
    before = await skeleton(admin)
    assert shown(await skeleton(admin, before["cursor"])) == []
    write(rooms, Attempt(SECOND), "b")
    since = await skeleton(admin, before["cursor"])
    assert shown(since) == ["0 A POST /orders", "1 E t", "2 state set orders b"]
    assert (since["whole"], since["after"]) == ([], before["cursor"])
    end(rooms, FIRST)
    since = await skeleton(admin, since["cursor"])
    # The run has changed, and all of it is given.
    assert shown(since) == ["0 A POST /orders", "1 state set orders a"]
    assert since["whole"] == [0]
    with pytest.raises(OperationRefused, match="Bad parameter"):
        await skeleton(admin, "soon")


async def test_a_row_leads_to_all_that_is_kept_of_its_operation(admin: Admin, rooms: Rooms) -> None:
    write(rooms, await begin(rooms), "a", value={"item": "vase"})
    row = rows_of(await skeleton(admin))[1]
    found: Any = await admin("trace_operation", id=TRACE, operation=row.key)
    assert (found["runId"], found["operation"]["value"]) == (FIRST, {"item": "vase"})
    assert await admin("trace_operation", id=TRACE, operation=row.key + 1) is None
    assert await admin("trace_operation", id="b" * 32, operation=row.key) is None
    assert await admin("trace_skeleton", id="b" * 32) is None


def part(position: int, parent: str | None = None, queued_ms: int = 0) -> RunPart:
    return RunPart(
        f"{position:016}",
        position,
        parent,
        "S",
        "completed",
        queued_ms,
        queued_ms,
        queued_ms + 9,
        "event",
        "t",
        0,
        True,
    )


def leaves(count: int, text: str, ids: int = 1) -> Leaves:
    numbers = list(range(count))
    return Leaves(
        [at * 10 for at in numbers], [5] * count, [ids + at for at in numbers], ["state"] * count,
        ["state set\x1fgroup"] * count, [f"{text}{ids + at}" for at in numbers], [0] * count, [1] * count,
    )  # fmt: skip


def layout(runs: list[RunPart], spans: dict[str, Leaves]) -> Any:
    found = skeleton_of(TraceParts(runs, [], spans, {}, 0, TraceCursor(0, 0, 0)), 0, True)
    columns = {name: orjson.loads(text) for name, text in found.columns.items()}
    answer = {"rowCount": found.rows, "kinds": found.kinds, "statuses": found.statuses, "names": found.names}
    return {**answer, "waits": found.waits, "columns": columns, "left": found.texts_left_out, "runIds": found.run_ids}


def test_every_run_stands_once_below_its_cause_and_behind_what_was_done_before() -> None:
    chance = random.Random(5)
    runs = [part(1)]
    for position in range(2, 400):
        cause = chance.choice(runs)
        runs.append(
            part(position, cause.run_id if chance.random() < 0.95 else None, cause.queued_ms + chance.randrange(4))
        )
    spans = {run.run_id: leaves(chance.randrange(300), "k", run.position * 1000) for run in runs}
    rows = rows_of(layout(runs, spans))
    assert len(rows) == len(runs) + sum(len(each.ids) for each in spans.values())
    positions = {run.run_id: run.position for run in runs}
    above: list[int] = []
    for row in rows:
        del above[row.depth :]
        if row.kind == "run":
            run = runs[row.key - 1]
            assert (above[-1] if above else None) == (positions[run.parent_run_id] if run.parent_run_id else None)
            above.append(row.key)
        else:
            assert row.key // 1000 == above[-1]
    # Of siblings, by the millisecond, first what was done.
    for before, after in itertools.pairwise(rows):
        if before.depth == after.depth and before.kind == "run" and after.kind == "state":
            assert after.start_us // 1000 > before.start_us // 1000


def test_a_skeleton_has_a_bound_in_bytes_and_says_how_many_texts_it_left_out() -> None:
    runs = [part(1)]
    answer = layout(runs, {runs[0].run_id: leaves(90_000, "x" * 60)})
    size = sum(len(orjson.dumps(column)) for column in answer["columns"].values())
    assert SKELETON_BYTES_MAX * 0.95 < size < SKELETON_BYTES_MAX
    texts = [row.text for row in rows_of(answer)]
    assert texts.count("") == answer["left"] > 1000
    assert texts[1].startswith("xxx")


def test_a_chain_as_long_as_its_bound_is_laid_out() -> None:
    runs = [part(at, f"{at - 1:016}" if at > 1 else None) for at in range(1, 10_001)]
    assert rows_of(layout(runs, {}))[-1].depth == 9999


def test_places_that_differ_from_row_to_row_go_to_the_texts() -> None:
    runs = [part(position) for position in range(1, 30)]
    spans = {}
    for run in runs:
        many = leaves(100, "k", run.position * 1000)
        spans[run.run_id] = many._replace(names=[f"state set\x1fgroup {each}" for each in many.ids])
    answer = layout(runs, spans)
    assert len(answer["names"]) < 2200
    assert {
        (row.place, row.text) if row.place else row.text for row in rows_of(answer) if row.key in (1000, 29_050)
    } >= {
        ("group 1000", "k1000"),
        "group 29050 / k29050",
    }
