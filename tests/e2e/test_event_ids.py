"""Events with ids and times, in every language: one event with an id, due when it says, moved and cancelled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.event_project import BUSY, LANGUAGES, emit, idle, make_events, operations, tell, value
from tests.e2e.running import Running
from tests.e2e.test_crash import dead_letters
from tests.e2e.tools import need

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def ruby() -> None:
    need("install it (Debian, Ubuntu: apt install ruby ruby-msgpack)", "ruby", "-e", "require 'msgpack'")


def event(what: str, **options: Any) -> dict[str, Any]:
    more = {name: options.pop(name) for name in ("fails",) if name in options}
    return {"do": "emit", "event": {"data": {"what": what, **more}, **options}}


def cancel(id_: str) -> dict[str, Any]:
    return {"do": "cancel", "id": id_}


async def test_an_event_id_counts_once_over_steps_and_languages(tmp_path: Path) -> None:
    """Behaviours 97, 98."""
    async with Running(make_events(tmp_path)) as host:
        # The first one comes from a request; each of the others from another language, twice in one run.
        first = await emit(host, {"what": "one"}, id="id")
        for language in LANGUAGES:
            assert await tell(host, language, language, event("one", id="id"), event("one", id="id")) == [None, None]
        await tell(host, "py", "other id", event("two", id="other"), event("three"))
        await value(host, "n", "three")
        await idle(host)
        assert await host.group("n") == {"one": 1, "two": 1, "three": 1}
        # In the trace of the emit, a duplicate names the event that counts.
        (stored,) = [each for each in await operations(host, first, "Door") if "topic" in each]
        assert (stored["topic"], stored["id"]) == ("out", "id")
        again = await emit(host, {"what": "one"}, id="id")
        notes = [each.get("note", "") for each in await operations(host, again, "Door")]
        assert any(note.startswith("duplicate of ") for note in notes), notes
        # 98: a dead letter keeps its id; when it is discarded, the id is free.
        await emit(host, {"what": "dead", "fails": True}, id="dead")
        (letter,) = await dead_letters(host, 1)
        await emit(host, {"what": "dead"}, id="dead")
        await idle(host)
        assert (await host.group("n"))["dead"] == 1
        await host.post(f"/__polystep/api/dead-letters/{letter['id']}/discard")
        await emit(host, {"what": "dead"}, id="dead")
        await value(host, "n", "dead", at_least=2)


async def test_a_delayed_event_is_moved_and_cancelled_until_it_starts(tmp_path: Path) -> None:
    """Behaviour 99."""
    async with Running(make_events(tmp_path)) as host:
        soon = (datetime.now(UTC) + timedelta(days=30)).isoformat()
        for language in LANGUAGES:
            late, at = (
                event("late", id=language, delay="1h"),
                event("at", id=f"at-{language}", at=soon),
            )
            moved = event(f"moved-{language}", id=language, delay="100ms", replace=True)
            got = await tell(host, language, language, late, at, cancel(f"at-{language}"), cancel(f"at-{language}"))
            # What the same run has emitted is not stored yet, and is cancelled too.
            assert got == [None, None, True, False]
            await tell(host, language, f"{language}-2", moved)
            await value(host, "n", f"moved-{language}")
            # It has run: it is neither moved nor cancelled any more.
            got = await tell(host, language, f"{language}-3", cancel(language), {**moved, "event": {**moved["event"]}})
            assert got == [False, None]
        await idle(host)
        assert await host.group("n") == {f"moved-{language}": 1 for language in LANGUAGES}
        # Times that are none, and options without an id, are refused where they stand.
        for wrong in ({"delay": "soon"}, {"at": "tomorrow"}, {"replace": True}, {"delay": "401d"}, {"id": ""}):
            await host.post("/door", {"topic": "out", "data": {"what": "wrong"}, **wrong}, 500)
        assert "wrong" not in await host.group("n")


async def test_expiry_is_a_dead_letter(tmp_path: Path) -> None:
    """Behaviour 107."""
    async with Running(make_events(tmp_path, more={"steps/busy.step.ts": BUSY})) as host:
        for what, ms in (("long", 2500), ("late", 0)):
            await host.post("/door", {"topic": "busy", "data": {"what": what, "ms": ms}})
        await host.post("/door", {"topic": "busy", "data": {"what": "delayed", "ms": 0}, "delay": "2s"})
        (letter,) = await dead_letters(host, 1)
        assert (letter["data"]["what"], letter["attempts"], letter["error"]["name"]) == ("late", 0, "expired")
        # The time counts from when an event is due.
        await value(host, "n", "delayed")
        assert await host.group("n") == {"long": 1, "delayed": 1}
        trace = await host.api(f"traces/{letter['traceId']}")
        (run,) = (run for run in trace["runs"] if run["step"] == "Busy")
        assert (run["status"], run["error"]) == ("failed", letter["error"])
        await host.post(f"/__polystep/api/dead-letters/{letter['id']}/replay")
        await value(host, "n", "late")


async def test_operators_emit_and_cancel_events_with_ids(tmp_path: Path) -> None:
    async with Running(make_events(tmp_path)) as host:
        status, text = await host.command(
            "emit", "out", '{"what": "later"}', "--id", "seven", "--delay", "1h", "--json"
        )
        assert status == 0, text
        status, text = await host.command("emit", "out", '{"what": "later"}', "--id", "seven")
        assert (status, "has this id already" in text) == (0, True), text
        (queue,) = (await host.api("queues"))["queues"]
        assert (queue["step"], queue["delayed"]) == ("Sink", 1)
        status, text = await host.command("cancel-event", "out", "seven")
        assert (status, "cancelled for Sink" in text) == (0, True), text
        assert (await host.api("queues"))["queues"] == []
        assert (await host.post("/__polystep/api/events/cancel", {"topic": "out", "id": "seven"}))["removed"] == []
        (trace,) = [each for each in (await host.api("traces"))["traces"] if each["name"] == "Sink"]
        shown = await host.api(f"traces/{trace['traceId']}")
        assert [run["status"] for run in shown["runs"]] == ["cancelled"]
        # The id is free again.
        await host.command("emit", "out", '{"what": "now"}', "--id", "seven")
        await value(host, "n", "now")
