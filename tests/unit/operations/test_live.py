"""The live feed: what is noticed, how often, and who is told of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from polystep.contracts.trace import AttemptEnded, LogLine, RunQueued, SpanEnded
from polystep.contracts.values import JSONObject
from polystep.operations.live import CHANGES_MAX, NOTICE_S, ProjectFeed
from polystep.testing.clock import FakeClock
from polystep.testing.turns import until
from tests.unit.http.fakes import FakeRecorder

TRACE, RUN = "a" * 32, "b" * 16


class Client:
    def __init__(self) -> None:
        self.notices: list[Any] = []
        self.keeps_up = True

    def notify(self, notice: JSONObject) -> bool:
        if self.keeps_up:
            self.notices.append(notice)
        return self.keeps_up

    def changes(self, subject: str) -> list[Any]:
        return [each["changes"] for each in self.notices if each["subject"] == subject]


class Feed(ProjectFeed):
    def __init__(self) -> None:
        self.recorder, self.clock, self.loads = FakeRecorder(), FakeClock(), 1
        super().__init__(self.recorder, self.clock, lambda: self.loads)


def line(level: str = "info", step: str | None = "A") -> LogLine:
    return LogLine(1, level, "m", None, step, TRACE, RUN, "logger")


def queued(trace_id: str = TRACE, parent: str | None = None, type_: str = "event") -> RunQueued:
    return RunQueued(RUN, trace_id, parent, "A", type_, "{}", 1)


def operation(type_: str, data: str) -> SpanEnded:
    return SpanEnded(RUN, TRACE, 1, "s", type_, 1.0, 1.0, data)


async def test_the_feed_is_joined_to_the_recorder_only_while_somebody_subscribes() -> None:
    feed, client, other = Feed(), Client(), Client()
    assert feed.recorder.sinks == {}
    await feed.subscribe(client, "logs")
    await feed.subscribe(other, "logs")
    await feed.unsubscribe(client, "logs")
    assert list(feed.recorder.sinks) == ["live feed"]
    await feed.forget(other)
    assert feed.recorder.sinks == {}
    await feed.subscribe(client, "logs")
    await feed.stop()
    assert feed.recorder.sinks == {}


@pytest.mark.parametrize(
    ("subject", "known"),
    [("logs", True), ("trace:a", True), ("state:a:b", True), ("stream:s", True), ("logs:a", False), ("state:", False),
     ("", False), ("other", False)],
)  # fmt: skip
def test_subjects_are_known_by_name(subject: str, known: bool) -> None:
    assert Feed().knows(subject) is known


async def test_a_notice_gathers_the_changes_of_a_tenth_of_a_second() -> None:
    feed, client = Feed(), Client()
    await feed.subscribe(client, "logs")
    await feed.write([line(), line(), line("warn", None)])
    await feed.write([line()])
    assert client.notices == []
    await feed.clock.advance(NOTICE_S)
    assert client.notices == [
        {
            "epoch": feed.epoch,
            "seq": 1,
            "subject": "logs",
            "changes": [{"level": "info", "step": "A", "count": 3}, {"level": "warn", "step": None, "count": 1}],
        }
    ]
    await feed.clock.advance(NOTICE_S)
    assert len(client.notices) == 1
    await feed.stop()


async def test_what_comes_after_a_rest_is_told_at_once_and_then_at_most_ten_times_a_second() -> None:
    feed, client = Feed(), Client()
    await feed.subscribe(client, "logs")
    await feed.clock.advance(3 * NOTICE_S)
    await feed.write([line()])
    await until(lambda: len(client.notices) == 1)
    await feed.write([line()])
    await feed.clock.advance(NOTICE_S * 0.9)
    assert len(client.notices) == 1
    await feed.clock.advance(NOTICE_S * 0.1)
    await until(lambda: len(client.notices) == 2)
    await feed.stop()


async def test_a_batch_without_anything_of_a_subject_is_no_notice_of_it() -> None:
    feed, client = Feed(), Client()
    for subject in ("flows", "cron", "traces"):
        await feed.subscribe(client, subject)
    await feed.write([line()])
    feed.notify()
    assert client.notices == []
    await feed.write([queued()])
    feed.notify()
    assert [each["subject"] for each in client.notices] == ["traces", "flows"]
    await feed.stop()


async def test_records_are_noticed_by_the_subjects_that_they_concern() -> None:
    feed, client = Feed(), Client()
    alone = ("traces", "queues", "cron", "dead-letters", "state", "overview")
    for subject in (*alone, f"trace:{TRACE}", "state:g", "stream:s"):
        await feed.subscribe(client, subject)
    await feed.write(
        [
            queued(),
            queued("c" * 32, parent="x", type_="cron"),
            operation("state", '{"operation": "set", "group": "g", "key": "k"}'),
            operation("state", '{"operation": "get", "group": "g", "key": "other"}'),
            operation("stream", '{"operation": "set", "stream": "s", "group": "h", "id": "i"}'),
            AttemptEnded(RUN, TRACE, 1, 2, 1.0, "failed", "failed", None, None),
        ]
    )
    feed.notify()
    assert client.changes("traces") == [[{"traceId": TRACE, "runStatus": "failed"}]]
    assert {each["what"] for each in client.changes(f"trace:{TRACE}")[0]} == {"run", "operation", "attempt"}
    assert client.changes("queues") == [[{"step": "A", "count": 2}, {"runStatus": "failed", "count": 1}]]
    assert client.changes("cron") == [[{"step": "A", "traceId": "c" * 32}]]
    assert client.changes("dead-letters") == [[{"runId": RUN, "traceId": TRACE}]]
    assert client.changes("state") == client.changes("state:g") == [[{"key": "k", "group": "g"}]]
    assert client.changes("stream:s") == [[{"group": "h", "id": "i", "stream": "s"}]]
    assert client.changes("overview") == [[{"what": "queued", "count": 2}, {"what": "failed", "count": 1}]]
    await feed.stop()


async def test_a_reload_is_a_change_of_the_steps() -> None:
    feed, client = Feed(), Client()
    await feed.subscribe(client, "steps")
    feed.loads = 2
    feed.notify()
    feed.notify()
    assert client.changes("steps") == [[{"revision": 2}]]
    await feed.stop()


async def test_a_notice_is_bounded_and_says_when_there_was_more() -> None:
    feed, client = Feed(), Client()
    await feed.subscribe(client, "traces")
    await feed.write([queued(f"{number:032}") for number in range(CHANGES_MAX + 1)])
    feed.notify()
    (notice,) = client.notices
    assert (len(notice["changes"]), notice["more"]) == (CHANGES_MAX, True)
    await feed.stop()


async def test_a_client_that_falls_behind_hears_what_to_ask_for_again() -> None:
    feed, slow, quick = Feed(), Client(), Client()
    for client in (slow, quick):
        await feed.subscribe(client, "logs")
        await feed.subscribe(client, "traces")
    slow.keeps_up = False
    for _ in range(3):
        await feed.write([line()])
        feed.notify()
    assert (len(slow.notices), len(quick.notices)) == (0, 3)
    slow.keeps_up = True
    await feed.write([line()])
    feed.notify()
    assert [(each["subject"], each.get("resync", False)) for each in slow.notices] == [("logs", True), ("logs", False)]
    seqs = [each["seq"] for each in (*slow.notices, *quick.notices)]
    assert slow.notices[0]["seq"] < slow.notices[1]["seq"] == max(seqs)
    await feed.stop()


async def test_one_that_leaves_while_it_joins_leaves_nothing_behind() -> None:
    feed, client = Feed(), Client()
    await asyncio.gather(feed.subscribe(client, "logs"), feed.forget(client), feed.subscribe(client, "traces"))
    await feed.forget(client)
    assert feed.recorder.sinks == {}


async def test_a_reader_of_some_lines_hears_of_those_alone() -> None:
    feed, client = Feed(), Client()
    subject = "logs:minLevel=warn&step=A"
    assert feed.knows(subject)
    await feed.subscribe(client, subject)
    await feed.write([line(), line("warn", "B")])
    feed.notify()
    assert client.notices == []
    await feed.write([line("warn"), line("error"), line()])
    feed.notify()
    assert client.changes(subject) == [[{"count": 2}]]
    await feed.unsubscribe(client, subject)
    await feed.write([line("error")])
    feed.notify()
    assert len(client.notices) == 1
    await feed.stop()
