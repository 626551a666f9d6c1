"""What every implementation of `TraceQueries` must do when it reads the parts of a trace."""

from __future__ import annotations

from typing import Any

import pytest

from polystep.contracts.ports.inspection import TraceQueries
from polystep.contracts.ports.stores import TraceStore
from polystep.contracts.trace_parts import TraceCursor, TraceParts
from polystep.contracts.values import JSONObject, JSONValue
from polystep.stores import Stores
from tests.contract.test_trace_store import attempt, end, log, operation, run

ZERO = 1000


@pytest.fixture
def queries(stores: Stores) -> TraceQueries:
    return stores.inspection.traces


async def parts(queries: TraceQueries, rows_max: int = 1000, after: TraceCursor | None = None) -> TraceParts:
    return await queries.parts("t1", ZERO, rows_max, 5000, after)


async def test_all_parts_are_read_with_words_instead_of_payloads(traces: TraceStore, queries: TraceQueries) -> None:
    data = {"operation": "set", "group": "g", "key": "k", "value": "x" * 2000}
    call: JSONObject = {"attributes": {"method": "GET", "url": "http://u", "status": 200}, "name": "fetch"}
    await traces.write(
        [
            run("r1", step="A"),
            attempt("r1", 1),
            operation("r1", 1, 1102.5, "state", {**data, "error": "no"}),
            operation("r1", 2, 1101.25, "http", {"attributes": {"model": "m"}, "name": "fetch"}),
            operation("r1", 3, 1103, "http", call),
            operation("r1", 4, 1104, "emit", {"topic": "t"}),
            operation("r1", 5, 1105, "stream", {"operation": "get", "stream": "s", "group": "g", "id": "i"}),
            operation("r1", 6, 1106, "once", {"operation": "run", "key": "k"}),
            operation("r1", 7, 1107, "odd", {}),
            log("first\nsecond", time_ms=1101, level="error", trace_id="t1", run_id="r1"),
            log("of no run", trace_id="t1"),
            end("r1", 1, "failed", error={"name": "E", "message": "no"}),
            run("r2", step="B", parent="r1"),
            run("o", trace_id="t2"),
        ]
    )
    found = await parts(queries)
    assert [(each.run_id, each.parent_run_id, each.step, each.status, each.changed) for each in found.runs] == [
        ("r1", None, "A", "failed", True),
        ("r2", "r1", "B", "waiting", True),
    ]
    assert [(each.attempt, each.status, each.started_ms, each.ended_ms, each.text) for each in found.attempts] == [
        (1, "failed", 1100, 1200, "E: no")
    ]
    spans = found.spans["r1"]
    assert spans.starts == [101_250, 102_500, 103_000, 104_000, 105_000, 106_000, 107_000]
    assert spans.lengths == [2500] * 7
    assert spans.kinds == ["llm", "state", "call", "emit", "stream", "once", "odd"]
    assert spans.names == [
        "m", "state set\x1fg", "call", "emit\x1ft", "stream get\x1fs / g", "once run", "odd",
    ]  # fmt: skip
    assert spans.texts == ["fetch", "k", "GET http://u 200", "", "i", "k", ""]
    assert spans.failed == [0, 1, 0, 0, 0, 0, 0]
    lines = found.lines["r1"]
    assert (lines.starts, lines.names, lines.texts, lines.failed) == ([101_000], ["error"], ["first\nsecond"], [1])
    assert (found.left_out, found.cursor.at_ms) == (0, 5000)
    assert set(found.spans) == set(found.lines) == {"r1"}


async def test_an_unknown_trace_has_no_parts(queries: TraceQueries) -> None:
    found = await parts(queries)
    assert (found.runs, found.attempts, dict(found.spans), dict(found.lines)) == ([], [], {}, {})


async def test_the_bound_leaves_out_and_says_how_many(traces: TraceStore, queries: TraceQueries) -> None:
    await traces.write([run("r1"), run("r2")])
    await traces.write([operation(name, at, 1000 + at, "odd", {}) for name in ("r1", "r2") for at in range(50)])
    await traces.write([log(str(at), trace_id="t1", run_id="r2") for at in range(30)])
    found = await parts(queries, 42)
    spans = {name: len(leaves.ids) for name, leaves in found.spans.items()}
    # Two runs; a quarter of the rest is for lines.
    assert (spans, len(found.lines["r2"].ids), found.left_out) == ({"r1": 30}, 10, 90)
    found = await parts(queries, 132)
    assert (sum(len(each.ids) for each in found.spans.values()), len(found.lines["r2"].ids), found.left_out) == (
        100,
        30,
        0,
    )


async def test_many_slices_give_what_one_gives(traces: TraceStore, queries: TraceQueries) -> None:
    names = [f"r{number}" for number in range(12)]
    await traces.write([run(name) for name in names])
    for name in names:
        await traces.write([operation(name, at, 5000 - at, "odd", {"name": str(at)}) for at in range(900)])
        await traces.write([log(str(at), trace_id="t1", run_id=name) for at in range(900)])
    found = await parts(queries, 100_000)
    for name in names:
        assert found.spans[name].starts == sorted(found.spans[name].starts)
        assert found.spans[name].texts == [str(at) for at in reversed(range(900))]
        assert found.lines[name].texts == [str(at) for at in range(900)]


async def test_a_cursor_leaves_out_what_is_known(traces: TraceStore, queries: TraceQueries) -> None:
    await traces.write([run("r1"), attempt("r1", 1), run("r2", parent="r1"), attempt("r2", 1)])
    await traces.write([operation("r1", 1, 1100, "odd", {}), operation("r2", 2, 1100, "odd", {})])
    await traces.write([log("a", trace_id="t1", run_id="r1")])
    known = (await parts(queries)).cursor
    assert known.span > 0 < known.line
    found = await parts(queries, after=known)
    assert ([each.changed for each in found.runs], dict(found.spans), dict(found.lines)) == ([False, False], {}, {})
    await traces.write([operation("r1", 3, 1101, "odd", {}), log("b", trace_id="t1", run_id="r1")])
    await traces.write([end("r2", 1, "completed", at_ms=6000)])
    found = await parts(queries, after=known)
    assert [each.changed for each in found.runs] == [False, True]
    # Of the run that has ended all, of the other what is new.
    assert {name: leaves.starts for name, leaves in found.spans.items()} == {"r1": [101_000], "r2": [100_000]}
    assert found.lines["r1"].texts == ["b"]
    assert [each.run_id for each in found.attempts] == ["r2"]
    # A replay makes a run of before wait again; no time says so.
    await traces.write([run("r2", parent="r1")])
    found = await parts(queries, after=found.cursor)
    assert [(each.run_id, each.status) for each in found.runs if each.changed] == [
        ("r2", "waiting"),
    ]


async def test_one_operation_is_read_with_its_payload(traces: TraceStore, queries: TraceQueries) -> None:
    await traces.write([run("r1"), operation("r1", 1, 1100, "state", {"value": 7})])
    (position,) = (await parts(queries)).spans["r1"].ids
    found = await queries.operation("t1", position)
    assert found is not None
    assert (found["runId"], found["value"], found["type"], found["position"]) == ("r1", 7, "state", position)
    assert await queries.operation("t1", position + 1) is None
    assert await queries.operation("t2", position) is None
    summary = await queries.trace("t1")
    assert summary is not None
    assert (summary["traceId"], await queries.trace("t2")) == ("t1", None)


async def test_calls_of_language_models_are_added_up_by_model(traces: TraceStore, queries: TraceQueries) -> None:
    told: JSONObject = {"model": "large", "provider": "P", "tokensIn": 100, "tokensOut": 7, "tokensCached": 90}
    await traces.write(
        [
            run("r1"),
            run("r2", parent="r1"),
            run("o", trace_id="t2"),
            operation("r1", 1, 1101, "http", {"attributes": told}),
            operation("r2", 2, 1102, "http", {"attributes": {**told, "tokensIn": 50}}),
            operation("r2", 3, 1103, "http", {"attributes": {"model": "large", "provider": "P"}, "error": "refused"}),
            operation("r2", 4, 1104, "http", {"attributes": {"model": "small"}}),
            operation("r2", 5, 1105, "http", {"attributes": {"method": "GET"}}),
            operation("r2", 6, 1106, "state", {"operation": "get", "attributes": "none"}),
            operation("o", 7, 1107, "http", {"attributes": told}),
        ]
    )
    none = {"tokensIn": None, "tokensOut": None, "tokensCached": None, "tokensReasoning": None}
    large = {"model": "large", "provider": "P", "calls": 3, "failed": 1, "untold": 1}
    assert await queries.models("t1", 10) == [
        {**large, "tokensIn": 150, "tokensOut": 14, "tokensCached": 180, "tokensReasoning": None},
        {"model": "small", "provider": None, "calls": 1, "failed": 0, "untold": 1, **none},
    ]
    assert len(await queries.models("t1", 1)) == 1
    assert await queries.models("t3", 10) == []


async def test_calls_that_two_legs_made_outside_once_are_found(traces: TraceStore, queries: TraceQueries) -> None:
    def call(at_ms: float, number: int = 1, *, run_id: str = "r1", url: str = "http://u/pay", **more: JSONValue) -> Any:
        about: JSONObject = {"method": "POST", "url": url, "status": 200}
        about |= {key: more.pop(key) for key in ("method", "status") if key in more}
        return operation(run_id, number, at_ms, "http", {"attributes": about, **more})

    def once(at_ms: float, what: str, number: int = 1) -> Any:
        return operation("r1", number, at_ms, "once", {"operation": what, "key": "k"})

    await traces.write(
        [
            run("r1", step="A"),
            run("r2", step="B"),
            call(1000), call(1001), call(1100, 2), call(1200, 2, leg=1),
            # Twice in one leg; a read; answered with an error; of other runs; of another URL.
            call(1300, url="http://u/loop"), call(1301, url="http://u/loop"),
            call(1300, url="http://u/get", method="GET"), call(1300, 2, url="http://u/get", method="GET"),
            call(1300, url="http://u/503", status=503), call(1400, 2, url="http://u/503"),
            call(1300, run_id="r1", url="http://u/each"), call(1300, 2, run_id="r2", url="http://u/each"),
            # Inside the function of a once, also of one that was cut.
            once(2000, "run"), call(2001, url="http://u/once"), once(2100, "cut", 2), call(2101, 2, url="http://u/once"),
            call(2200, 3, url="http://u/once"),
            # A hit is no window.
            once(2300, "hit"), call(2301, run_id="r2"), call(2401, 2, run_id="r2", method="DELETE"),
            call(2501, 2, run_id="r2", method="DELETE", leg=1),
        ]
    )  # fmt: skip
    about = {"traceId": "t1", "url": "http://u/pay"}
    first = {**about, "runId": "r2", "step": "B", "method": "DELETE", "legs": 2, "calls": 2}
    second = {**about, "runId": "r1", "step": "A", "method": "POST", "legs": 3, "calls": 4}
    found = [{**first, "firstAt": 2401, "lastAt": 2501}, {**second, "firstAt": 1000, "lastAt": 1200}]
    assert await queries.double_effects("t1", 10) == found
    assert await queries.double_effects(None, 10) == found
    assert await queries.double_effects(None, 1) == found[:1]
    assert await queries.double_effects("t2", 10) == []
