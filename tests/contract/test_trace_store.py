"""What every trace store must do; see `TraceStore`. The records are those that `TraceRecorder` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from polystep.contracts.ports.stores import TraceStore
from polystep.contracts.trace import AttemptEnded, AttemptStarted, LogLine, RunQueued, SpanEnded, TraceRecord
from polystep.contracts.values import JSONObject, JSONValue

HTTP: JSONObject = {"kind": "http"}
ERROR: JSONObject = {"name": "Error", "message": "no"}
ANY_SIZE = 2**40


def text(payload: object) -> str:
    """Encode a payload as a recorder does."""
    return orjson.dumps(payload).decode()


def text_if_any(payload: object) -> str | None:
    return None if payload is None else text(payload)


def run(
    run_id: str, trace_id: str = "t1", *, at_ms: int = 1000, step: str = "step", parent: str | None = None
) -> RunQueued:
    return RunQueued(run_id, trace_id, parent, step, "event", text(HTTP), at_ms)


def attempt(run_id: str, number: int, trace_id: str = "t1", *, at_ms: int = 1100) -> AttemptStarted:
    return AttemptStarted(run_id, trace_id, number, at_ms)


def end(
    run_id: str,
    number: int,
    status: str,
    run_status: str | None = None,
    *,
    trace_id: str = "t1",
    at_ms: int = 1200,
    error: JSONObject | None = None,
    result: JSONValue = None,
) -> AttemptEnded:
    failure, kept = text_if_any(error), text_if_any(result)
    return AttemptEnded(run_id, trace_id, number, at_ms, 99.5, status, run_status or status, failure, kept)


def operation(run_id: str, number: int, at_ms: float, type_: str, data: JSONObject) -> SpanEnded:
    return SpanEnded(run_id, "t1", number, f"{number:016x}", type_, at_ms, 2.5, text(data))


def log(message: str, *, time_ms: int = 1000, level: str = "info", step: str | None = None, trace_id: str | None = None,
        run_id: str | None = None, fields: JSONObject | None = None) -> LogLine:  # fmt: skip
    return LogLine(time_ms, level, message, text_if_any(fields), step, trace_id, run_id, "logger")


async def _whole(traces: TraceStore) -> dict[str, Any]:
    whole: dict[str, Any] | None = await traces.trace("t1")
    assert whole is not None
    return whole


async def _summary(traces: TraceStore) -> tuple[object, ...]:
    (summary,) = await traces.traces(10)
    return tuple(summary[key] for key in ("status", "runCount", "startedAt", "endedAt", "durationMs"))


async def test_a_whole_trace_is_read_back(traces: TraceStore) -> None:
    await traces.write(
        [
            run("r1", step="api"),
            attempt("r1", 1),
            operation("r1", 1, 1150, "state", {"operation": "set", "key": "k", "value": {"a": 1}}),
            log("hello", step="api", trace_id="t1", run_id="r1", fields={"n": 1}),
            run("r2", parent="r1", at_ms=1160),
            end("r1", 1, "completed", result={"status": 200}),
            log("elsewhere", trace_id="t2"),
        ]
    )
    whole = await _whole(traces)
    hello: dict[str, Any] = {
        "id": 1, "time": 1000, "level": "info", "message": "hello", "fields": {"n": 1}, "step": "api", "traceId": "t1",
        "runId": "r1", "source": "logger",
    }  # fmt: skip
    expected: dict[str, Any] = {
        "traceId": "t1",
        "name": "api",
        "type": "event",
        "status": "running",
        "startedAt": 1000,
        "endedAt": None,
        "durationMs": None,
        "runCount": 2,
        "replayOf": None,
        "replayCount": 0,
        "cursor": whole["cursor"],
        "runs": [
            {
                "runId": "r1", "parentRunId": None, "step": "api", "type": "event", "trigger": HTTP,
                "status": "completed", "queuedAt": 1000, "startedAt": 1100, "endedAt": 1200, "durationMs": 100,
                "error": None,
                "attempts": [{"attempt": 1, "status": "completed", "startedAt": 1100, "endedAt": 1200,
                              "durationMs": 99.5, "error": None, "result": {"status": 200}}],
                "operations": [{"attempt": 1, "spanId": "0000000000000001", "at": 1150.0, "durationMs": 2.5,
                                "type": "state", "operation": "set", "key": "k", "value": {"a": 1}}],
                "logs": [hello],
            },
            {
                "runId": "r2", "parentRunId": "r1", "step": "step", "type": "event", "trigger": HTTP,
                "status": "waiting", "queuedAt": 1160, "startedAt": None, "endedAt": None, "durationMs": None,
                "error": None, "attempts": [], "operations": [], "logs": [],
            },
        ],
        "logs": [hello],
    }  # fmt: skip
    assert whole == expected


async def test_a_large_trace_is_read_in_part(traces: TraceStore) -> None:
    runs: list[TraceRecord] = [run(name, at_ms=at_ms) for at_ms, name in enumerate("abc")]
    spans = [operation(name, 1, 1.0 + number, "state", {}) for name in "abc" for number in range(2)]
    lines = [log(str(number), trace_id="t1", run_id="a") for number in range(4)]
    await traces.write([*runs, *spans, *lines])
    for rows_max, found in ((9, (3, 6, 4, False)), (4, (3, 5, 4, True)), (2, (2, 3, 2, True)), (1, (1, 2, 1, True))):
        part: Any = await traces.trace("t1", rows_max)
        operations = sum(len(each["operations"]) for each in part["runs"])
        assert (len(part["runs"]), operations, len(part["logs"]), part["cut"]) == found, rows_max
    assert "cut" not in (await _whole(traces))


async def test_an_unknown_trace_is_none(traces: TraceStore) -> None:
    assert await traces.trace("t1") is None


async def test_a_trace_runs_until_its_last_run_has_ended(traces: TraceStore) -> None:
    seen = []
    batches: list[list[TraceRecord]] = [
        [run("r1"), attempt("r1", 1)],
        [run("r2", at_ms=1100), end("r1", 1, "completed", at_ms=1200)],
        [attempt("r2", 1), end("r2", 1, "completed", at_ms=1700)],
    ]
    for records in batches:
        await traces.write(records)
        seen.append(await _summary(traces))
    assert seen == [
        ("running", 1, 1000, None, None),
        ("running", 2, 1000, None, None),
        ("completed", 2, 1000, 1700, 700),
    ]


async def test_a_failed_run_makes_the_trace_failed_and_a_rejected_one_rejected(traces: TraceStore) -> None:
    await traces.write([run("r1"), end("r1", 1, "rejected"), run("r2"), end("r2", 1, "completed")])
    rejected = await _summary(traces)
    await traces.write([run("r3"), end("r3", 1, "failed", error=ERROR)])
    assert (rejected[0], (await _summary(traces))[0]) == ("rejected", "failed")


async def test_every_attempt_of_a_run_is_kept_with_its_error(traces: TraceStore) -> None:
    await traces.write([run("r1"), attempt("r1", 1), end("r1", 1, "failed", "waiting", error=ERROR)])
    between = await _summary(traces)
    await traces.write([attempt("r1", 2, at_ms=2000), end("r1", 2, "completed", at_ms=2100)])
    whole = await _whole(traces)
    (only,) = whole["runs"]
    assert between[0] == "running"
    assert (only["status"], only["error"], only["startedAt"], only["endedAt"]) == ("completed", None, 1100, 2100)
    assert [
        (each["attempt"], each["status"], each["error"]) for each in only["attempts"] if isinstance(each, dict)
    ] == [
        (1, "failed", ERROR),
        (2, "completed", None),
    ]


async def test_an_attempt_that_a_later_one_overtook_was_interrupted(traces: TraceStore) -> None:
    await traces.write([run("r1"), attempt("r1", 1, at_ms=1100), attempt("r1", 2, at_ms=5000)])
    whole = await _whole(traces)
    (only,) = whole["runs"]
    assert [(each["status"], each["endedAt"]) for each in only["attempts"]] == [
        ("interrupted", 5000),
        ("running", None),
    ]


async def test_a_replayed_run_waits_again(traces: TraceStore) -> None:
    await traces.write([run("r1"), attempt("r1", 1), end("r1", 1, "failed", error=ERROR)])
    await traces.write([run("r1", at_ms=9000)])
    assert await _summary(traces) == ("running", 1, 1000, None, None)
    await traces.write([attempt("r1", 2, at_ms=9100), end("r1", 2, "completed", at_ms=9200)])
    assert await _summary(traces) == ("completed", 1, 1000, 9200, 8200)


async def test_open_runs_can_be_interrupted_and_finished_ones_cannot(traces: TraceStore) -> None:
    await traces.write([run("waits"), run("runs"), attempt("runs", 1), run("done"), end("done", 1, "completed")])
    await traces.interrupt_runs(["runs", "done", "unknown"], 7000)
    whole = await _whole(traces)
    runs = whole["runs"]
    assert {(each["runId"], each["status"], each["endedAt"]) for each in runs} == {
        ("waits", "waiting", None),
        ("runs", "interrupted", 7000),
        ("done", "completed", 1200),
    }


async def test_a_trace_whose_last_run_was_interrupted_has_failed(traces: TraceStore) -> None:
    await traces.write([run("r1"), attempt("r1", 1)])
    await traces.interrupt_runs(["r1"], 7000)
    assert await _summary(traces) == ("failed", 1, 1000, 7000, 6000)


async def test_traces_come_newest_first_in_pages_and_by_status(traces: TraceStore) -> None:
    for number in range(5):
        trace_id = f"t{number}"
        await traces.write([run(f"r{number}", trace_id)])
        if number % 2:
            await traces.write([end(f"r{number}", 1, "completed", trace_id=trace_id)])
    page = await traces.traces(2)
    cursor = page[-1]["cursor"]
    assert isinstance(cursor, int)
    assert [trace["traceId"] for trace in page] == ["t4", "t3"]
    assert [trace["traceId"] for trace in await traces.traces(10, cursor)] == ["t2", "t1", "t0"]
    assert [trace["traceId"] for trace in await traces.traces(10, None, "completed")] == ["t3", "t1"]
    assert [trace["traceId"] for trace in await traces.traces(10, cursor, "running")] == ["t2", "t0"]


async def test_logs_come_newest_first_and_by_trace_level_and_step(traces: TraceStore) -> None:
    await traces.write(
        [
            log("a", step="one", trace_id="t1"),
            log("b", step="two", trace_id="t1", level="error"),
            log("c", step="one", trace_id="t2", level="error"),
            log("d"),
        ]
    )

    async def found(limit: int = 10, **wanted: str) -> list[object]:
        return [row["message"] for row in await traces.logs(limit, **wanted)]

    assert await found() == ["d", "c", "b", "a"]
    assert await found(2) == ["d", "c"]
    assert await found(trace_id="t1") == ["b", "a"]
    assert await found(level="error") == ["c", "b"]
    assert await found(step="one") == ["c", "a"]
    assert await found(step="one", level="error", trace_id="t2") == ["c"]
    assert await found(step="nobody") == []


async def test_pruning_keeps_the_newest_traces_with_all_that_belongs_to_them(traces: TraceStore) -> None:
    for number in range(6):
        trace_id, run_id = f"t{number}", f"r{number}"
        await traces.write(
            [run(run_id, trace_id), attempt(run_id, 1, trace_id),
             operation(run_id, 1, 1150, "state", {"n": number}), log(f"l{number}"),
             end(run_id, 1, "completed", trace_id=trace_id)]
        )  # fmt: skip
    kept = await traces.trace("t5")
    assert not await traces.prune(2, 100, 3, 0, ANY_SIZE)
    assert [trace["traceId"] for trace in await traces.traces(10)] == ["t5", "t4"]
    assert [await traces.trace("t3"), await traces.trace("t5")] == [None, kept]
    assert [row["message"] for row in await traces.logs(10)] == ["l5", "l4", "l3"]


async def test_pruning_removes_what_is_too_old(traces: TraceStore) -> None:
    for number, at_ms in enumerate((1000, 2000, 3000)):
        trace_id = f"t{number}"
        await traces.write(
            [run(f"r{number}", trace_id, at_ms=at_ms), end(f"r{number}", 1, "completed", trace_id=trace_id),
             log(f"l{number}", time_ms=at_ms)]
        )  # fmt: skip
    assert not await traces.prune(100, 100, 100, 2000, ANY_SIZE)
    assert [trace["traceId"] for trace in await traces.traces(10)] == ["t2", "t1"]
    assert [row["message"] for row in await traces.logs(10)] == ["l2", "l1"]


async def test_pruning_leaves_what_still_runs(traces: TraceStore) -> None:
    await traces.write([run("r0", "t0"), run("r1", "t1"), end("r1", 1, "completed", trace_id="t1"), run("r2", "t2")])
    assert not await traces.prune(0, 100, 100, 10**12, ANY_SIZE)
    assert [trace["traceId"] for trace in await traces.traces(10)] == ["t2", "t0"]


async def test_pruning_removes_in_the_end_what_seems_to_run_for_ever(traces: TraceStore) -> None:
    def ended(number: int) -> list[TraceRecord]:
        return [run(f"r{number}", f"t{number}"), end(f"r{number}", 1, "completed", trace_id=f"t{number}")]

    await traces.write([run("lost", "lost"), *(record for number in range(1, 40) for record in ended(number))])
    await traces.prune(3, 100, 100, 0, ANY_SIZE)
    assert [trace["traceId"] for trace in await traces.traces(10)] == ["t39", "t38", "t37", "lost"]
    await traces.write(ended(40))
    while await traces.prune(3, 100, 100, 0, ANY_SIZE):
        pass
    assert await traces.trace("lost") is None
    # What comes of it later after all is nobody's any more.
    await traces.write([end("lost", 1, "completed", trace_id="lost")])
    assert await traces.trace("lost") is None


async def test_pruning_goes_by_portions_and_says_when_there_is_more(traces: TraceStore) -> None:
    records: list[TraceRecord] = []
    for number in range(2500):
        trace_id, run_id = f"t{number:04}", f"r{number:04}"
        records += [run(run_id, trace_id), end(run_id, 1, "completed", trace_id=trace_id)]
    await traces.write(records)
    portions = 1
    while await traces.prune(10, 100, 100, 0, ANY_SIZE):
        portions += 1
    assert portions > 1
    assert [trace["traceId"] for trace in await traces.traces(100)] == [f"t{n:04}" for n in range(2499, 2489, -1)]


async def test_nothing_is_kept_of_a_run_that_is_not(traces: TraceStore) -> None:
    rows: list[TraceRecord] = [operation("lost", 1, 1150, "state", {"n": 1}), end("lost", 1, "completed")]
    await traces.write([attempt("lost", 1), *rows])
    await traces.write(rows)
    # Its own record would show whatever had been kept of it.
    await traces.write([run("lost")])
    (lost,) = (await _whole(traces))["runs"]
    assert (lost["attempts"], lost["operations"]) == ([], [])


async def test_pruning_a_long_trace_whose_runs_all_wait_comes_to_an_end(traces: TraceStore) -> None:
    # As many over the bound as are removed in one go.
    await traces.write([run(f"r{number}") for number in range(5010)])
    assert not await traces.prune(100, 10, 100, 0, ANY_SIZE)


async def test_pruning_keeps_the_last_runs_of_a_long_trace(traces: TraceStore) -> None:
    records: list[TraceRecord] = [run("open")]
    for number in range(50):
        run_id = f"r{number:02}"
        records += [run(run_id), attempt(run_id, 1), operation(run_id, 1, 1150, "state", {"n": number}),
                    end(run_id, 1, "completed")]  # fmt: skip
    await traces.write(records)
    assert not await traces.prune(100, 10, 100, 0, ANY_SIZE)
    whole = await _whole(traces)
    assert [each["runId"] for each in whole["runs"]] == ["open", *(f"r{number}" for number in range(41, 50))]
    assert len(whole["runs"][1]["operations"]) == 1
    assert (whole["status"], whole["runCount"]) == ("running", 51)
    await traces.write([end("open", 1, "completed"), attempt("r00", 2), end("r00", 2, "failed")])
    # What becomes of a run that was removed counts no more.
    assert [(each["status"], each["runCount"]) for each in await traces.traces(10)] == [("completed", 51)]


async def test_a_summary_follows_its_runs_from_batch_to_batch(traces: TraceStore) -> None:
    outcomes = ["completed", "failed", "rejected", "interrupted"]
    ended = {name: end(name, 1, name, at_ms=2000 + number) for number, name in enumerate(outcomes)}
    seen = []
    batches: list[list[TraceRecord]] = [
        [run(name) for name in outcomes],
        [attempt("completed", 1), ended["completed"], ended["rejected"]],
        [ended["failed"], ended["interrupted"]],
        [run("failed"), run("interrupted")],
        [end("failed", 2, "completed", at_ms=3000), end("interrupted", 2, "completed", at_ms=3001)],
    ]
    for batch in batches:
        await traces.write(batch)
        seen.append((await _summary(traces))[0])
    assert seen == ["running", "running", "failed", "running", "rejected"]
    assert await _summary(traces) == ("rejected", 4, 1000, 3001, 2001)


async def test_a_record_that_cannot_be_stored_costs_no_other(traces: TraceStore) -> None:
    await traces.write([log("before"), log("broken", time_ms=2**80), log("after"), run("r1"), attempt("r1", 1)])
    assert [row["message"] for row in await traces.logs(10)] == ["after", "before"]
    assert (await _summary(traces))[0] == "running"


STORY: list[TraceRecord] = [
    run("r1", step="api"),
    attempt("r1", 1, at_ms=1010),
    operation("r1", 1, 1015.5, "emit", {"topic": "t"}),
    run("r2", at_ms=1020, parent="r1"),
    end("r1", 1, "completed", at_ms=1030, result={"status": 200}),
    attempt("r2", 1, at_ms=1040),
    end("r2", 1, "failed", "waiting", at_ms=1050, error=ERROR),
    attempt("r2", 2, at_ms=2050),
    log("again", time_ms=2060, trace_id="t1", run_id="r2", fields={"n": 2}),
    attempt("r2", 3, at_ms=3000),
    end("r2", 3, "failed", at_ms=3010, error=ERROR),
    run("r2", at_ms=4000, parent="r1"),
    attempt("r2", 4, at_ms=4010),
    end("r2", 4, "completed", at_ms=4020),
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, len(STORY)])
async def test_how_records_are_cut_into_batches_makes_no_difference(traces: TraceStore, size: int) -> None:
    for start in range(0, len(STORY), size):
        await traces.write(STORY[start : start + size])
    whole = await _whole(traces)
    assert (whole["status"], whole["runCount"], whole["endedAt"]) == ("completed", 2, 4020)
    first, second = whole["runs"]
    assert (first["status"], first["startedAt"], first["endedAt"]) == ("completed", 1010, 1030)
    assert (second["status"], second["startedAt"], second["endedAt"], second["error"]) == (
        "completed",
        1040,
        4020,
        None,
    )
    assert [(each["attempt"], each["status"], each["startedAt"], each["endedAt"]) for each in second["attempts"]] == [
        (1, "failed", 1040, 1050),
        (2, "interrupted", 2050, 3000),
        (3, "failed", 3000, 3010),
        (4, "completed", 4010, 4020),
    ]
    assert first["attempts"][0]["result"] == {"status": 200}
    assert [each["type"] for each in first["operations"]] == ["emit"]
    assert [each["message"] for each in second["logs"]] == ["again"]


async def used_bytes(folder: Path) -> int:
    return (folder / "traces.db").stat().st_size


async def test_beyond_its_bytes_the_oldest_go_and_their_space_is_used_again(tmp_path: Path, traces: TraceStore) -> None:
    bytes_max = 4_000_000

    async def write(first: int) -> None:
        records: list[TraceRecord] = []
        for number in range(first, first + 500):
            trace_id, run_id, at_ms = f"t{number:06}", f"r{number:06}", 1000 + number
            records += [run(run_id, trace_id, at_ms=at_ms), end(run_id, 1, "completed", trace_id=trace_id),
                        operation(run_id, 1, at_ms, "state", {"value": "x" * 2000}),
                        log("y" * 2000, time_ms=at_ms, trace_id=trace_id, run_id=run_id)]  # fmt: skip
        await traces.write(records)
        while await traces.prune(10**6, 10**6, 10**6, 0, bytes_max):
            pass

    sizes = []
    for first in range(0, 10_000, 500):
        await write(first)
        sizes.append(await used_bytes(tmp_path))
    # 4 MB a round: the file holds the bound and one round, however many there were.
    assert max(sizes) < bytes_max + 6_000_000
    assert max(sizes[10:]) <= max(sizes[:10]) * 1.1
    kept, lines = await traces.traces(10_000), await traces.logs(10_000)
    assert kept[0]["traceId"] == "t009999"
    assert lines[0]["traceId"] == "t009999"
    assert 100 < len(kept) < 1000
    assert 100 < len(lines) < 1000


async def test_a_single_trace_that_runs_for_ever_is_bounded_in_bytes_too(tmp_path: Path, traces: TraceStore) -> None:
    records: list[TraceRecord] = [run("open")]
    for number in range(2000):
        run_id = f"r{number}"
        records += [run(run_id), end(run_id, 1, "completed"),
                    operation(run_id, 1, 1150, "state", {"value": "x" * 2000})]  # fmt: skip
    await traces.write(records)
    while await traces.prune(10**6, 10**6, 10**6, 0, 1_000_000):
        pass
    whole = await _whole(traces)
    assert "open" in [each["runId"] for each in whole["runs"]]
    assert len(whole["runs"]) < 1000


async def test_traces_are_found_by_the_beginning_and_the_end_of_their_id(traces: TraceStore) -> None:
    ids = ["aaaa1111", "aaaa2222", "bbbbaaaa", "a%aa1111"]
    await traces.write([run(f"r{number}", trace_id) for number, trace_id in enumerate(ids)])
    found = {
        part: [each["traceId"] for each in await traces.traces_like(part, limit)]
        for part, limit in (("aaaa", 10), ("2222", 10), ("aaaa1", 10), ("a%aa", 10), ("%", 10), ("cccc", 10))
    }
    assert found == {
        "aaaa": ["bbbbaaaa", "aaaa2222", "aaaa1111"],
        "2222": ["aaaa2222"],
        "aaaa1": ["aaaa1111"],
        "a%aa": ["a%aa1111"],
        "%": [],
        "cccc": [],
    }
    assert len(await traces.traces_like("aaaa", 2)) == 2
