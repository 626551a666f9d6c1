"""Operations on many things at once: dead letters by filter, what waits in a queue, and histories of values."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from polystep.contracts.errors import Issue
from polystep.contracts.operations import OperationRefused
from polystep.contracts.steps import CronTrigger, Flow
from polystep.discovery import Loaded, SchemaValidator, Validators
from polystep.execution import LetterPatches
from polystep.operations import ProjectAdmin
from polystep.schedule import Timetable
from polystep.wire import pack
from tests.unit.execution.rooms import TRACE, Rooms
from tests.unit.execution.rooms import rooms as make_rooms
from tests.unit.operations.test_admin import CRON, EVENT, Admin, admin_of, rooms_of
from tests.unit.operations.test_operating import ask, bury


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    async with make_rooms(tmp_path, EVENT, CRON) as built:
        yield built


@pytest.fixture
def admin(rooms: Rooms) -> Admin:
    return admin_of(rooms)


class NumberNeeded:
    """Validator of data with a number `n`."""

    def issues(self, value: object) -> list[Issue]:
        fits = isinstance(value, dict) and isinstance(value.get("n"), int)
        return [] if fits else [Issue(("n",), "must be a number", "type")]


def needing_numbers(rooms: Rooms) -> tuple[Admin, Loaded]:
    """Operations on a project whose event step takes data with a number `n`."""
    project = rooms_of(rooms)
    loaded = project.work.loaded
    loaded.validators = Validators({}, {"E": cast("SchemaValidator", NumberNeeded())}, {})
    return Admin(ProjectAdmin(project)), loaded


async def plan(rooms: Rooms, *data: object, key: str | None = None) -> None:
    for each in data:
        await rooms.queue.enqueue(
            rooms.bus.plan("t", pack(cast("Any", each)), trace_id=TRACE, parent_run_id=None, fifo_key=key)
        )


async def test_letters_are_found_and_counted_by_their_data(admin: Admin, rooms: Rooms) -> None:
    await bury(rooms, {"item": "Vase", "order": 12345}, {"item": "bowl", "order": 12346})
    for text, items in (("vase", ["Vase"]), ("12346", ["bowl"]), ("12345 BOWL", []), ("", ["bowl", "Vase"])):
        found = await ask(admin, "dead_letters", text=text)
        assert [each["data"]["item"] for each in found["deadLetters"]] == items, text
        assert (await ask(admin, "dead_letter_count", text=text))["count"] == len(items)
    (group,) = (await ask(admin, "dead_letter_groups"))["groups"]
    assert (group["count"], group["steps"], group["error"]["message"]) == (2, ["E"], "m")
    assert len((await ask(admin, "dead_letters", fingerprint=group["fingerprint"]))["deadLetters"]) == 2
    assert (await ask(admin, "dead_letters", fingerprint="other"))["deadLetters"] == []


async def test_a_bulk_begins_with_the_number_that_was_seen(admin: Admin, rooms: Rooms) -> None:
    await bury(rooms, "a", "b")
    count = await ask(admin, "dead_letter_count", step="E")
    assert count == {"count": 2, "steps": [{"step": "E", "count": 2}], "fifoKeys": 0, "uptoId": count["uptoId"]}
    await bury(rooms, "late")
    given = {"act": "replay", "step": "E", "count": 2}
    with pytest.raises(OperationRefused, match="3 dead letters match by now, not 2") as refused:
        await ask(admin, "bulk_start", **given)
    assert (refused.value.status, refused.value.body["count"]) == (409, 3)
    begun = await ask(admin, "bulk_start", **given, uptoId=count["uptoId"])
    assert (begun["total"], begun["status"], begun["chosen"]) == (2, "running", {"step": "E"})
    await rooms.queue.bulks.advance(begun["id"], 10, 0)
    found = await ask(admin, "bulk", id=begun["id"])
    assert {name: found[name] for name in ("status", "done", "waiting", "running", "dead", "completed")} == {
        "status": "done", "done": 2, "waiting": 2, "running": 0, "dead": 0, "completed": 0,
    }  # fmt: skip
    assert [each["id"] for each in (await ask(admin, "bulks"))["bulks"]] == [begun["id"]]
    assert await ask(admin, "bulk", id=99) is None
    assert (await ask(admin, "bulk_stop", id=begun["id"]))["status"] == "done"
    with pytest.raises(OperationRefused, match="or give all"):
        await ask(admin, "bulk_start", act="discard")


async def test_a_patch_is_shown_on_the_first_letters_and_kept_with_the_bulk(rooms: Rooms) -> None:
    admin, loaded = needing_numbers(rooms)
    await bury(rooms, {"n": "1", "far": 2**53 - 1}, {"n": 2, "more": {"a": 1, "b": 2}}, [3])
    given: dict[str, Any] = {"step": "E", "patch": {"more": {"a": None}, "n": 5}}
    shown = await ask(admin, "bulk_preview", **given, limit=2)
    assert [(each["before"], each["after"], each["refusal"]) for each in shown["letters"]] == [
        ({"n": "1", "far": 2**53 - 1}, {"n": 5, "far": 2**53 - 1, "more": {}}, None),
        ({"n": 2, "more": {"a": 1, "b": 2}}, {"n": 5, "more": {"b": 2}}, None),
    ]
    refused = await ask(admin, "bulk_preview", step="E", patch={"n": "no"})
    assert refused["refused"] == 3
    assert refused["letters"][0]["refusal"] == 'The event "t" does not fit the input of E: data.n must be a number.'
    begun = await ask(admin, "bulk_start", act="replay", count=3, **given)
    assert (begun["patch"], begun["refused"]) == (given["patch"], 0)
    patches = LetterPatches(loaded)
    letters = await rooms.queue.bulks.next(begun["id"], 9, 10_000)
    changes = {each.id: patches.change(each, pack({"n": None})) for each in letters}
    await rooms.queue.bulks.advance(begun["id"], 9, 0, changes)
    found = await ask(admin, "bulk", id=begun["id"])
    assert (found["refused"], [each["id"] for each in found["refusals"]]) == (3, [each.id for each in letters])
    assert len((await ask(admin, "dead_letters"))["deadLetters"]) == 3
    wrong = [
        ({"act": "discard", "all": True, "patch": {}}, "patch is for a replay"),
        ({"act": "replay", "all": True, "patch": {"t": "x" * 70_000}}, "at most 65536"),
        ({"act": "replay", "all": True, "patch": [1]}, "patch is"),
    ]
    for params, words in wrong:
        with pytest.raises(OperationRefused, match=words):
            await ask(admin, "bulk_start", **params)


async def test_one_letter_is_replayed_with_a_patch_that_fits(rooms: Rooms) -> None:
    admin, loaded = needing_numbers(rooms)
    flow, loaded.flow = loaded.flow, Flow()
    (id_,) = await bury(rooms, {"n": 1, "keep": True})
    with pytest.raises(OperationRefused, match="E is not loaded"):
        await ask(admin, "replay", id=id_, patch={"n": 2})
    loaded.flow = flow
    with pytest.raises(OperationRefused, match=r"data\.n must be a number"):
        await ask(admin, "replay", id=id_, patch={"n": None})
    assert await ask(admin, "replay", id=99, patch={"n": 2}) is None
    assert (await ask(admin, "replay", id=id_, patch={"n": 2}))["replayed"] == id_
    (claimed,) = (await rooms.queue.claim({"E": 9}, "test", rooms.clock.now_ms(), 1000)).deliveries
    assert claimed.data == pack({"n": 2, "keep": True})


async def test_a_tick_has_no_data_that_could_be_changed(rooms: Rooms) -> None:
    await bury(rooms, 1000)
    (letter,) = await rooms.queue.dead_letters(1)
    tick = dataclasses.replace(letter, kind="cron")
    assert LetterPatches(Loaded()).change(tick, pack({"n": 1})).refusal.startswith("A tick has no data")


async def test_what_waits_is_listed_by_state_and_key_and_tried_or_dropped(admin: Admin, rooms: Rooms) -> None:
    await plan(rooms, {"n": 1}, {"n": 2}, {"n": 3}, key="k1")
    await plan(rooms, {"n": 4}, key="k2")
    await plan(rooms, {"n": 5})
    (later,) = (await rooms.queue.claim({"E": 1}, "test", rooms.clock.now_ms(), 1000)).deliveries
    await rooms.queue.retry(later, rooms.clock.now_ms() + 5000, {"name": "E", "message": "no"})

    async def numbers(**given: Any) -> list[int]:
        found = await ask(admin, "queue", step="E", **given)
        return [each["data"]["n"] for each in found["deliveries"]]

    assert [await numbers(state=state) for state in ("ready", "blocked", "retrying", "delayed", "running")] == [
        [4, 5], [2, 3], [1], [], [],
    ]  # fmt: skip
    assert await numbers(key="k1") == [1, 2, 3]
    assert (await ask(admin, "queue_keys", step="E"))["keys"] == [
        {"key": "k1", "count": 3, "head": later.id}, {"key": "k2", "count": 1, "head": later.id + 3},
    ]  # fmt: skip
    for given in ({}, {"key": "k1"}):
        first = await ask(admin, "queue", step="E", limit=1, **given)
        rest = await ask(admin, "queue", step="E", cursor=first["cursor"], **given)
        whole = await ask(admin, "queue", step="E", **given)
        assert first["deliveries"] + rest["deliveries"] == whole["deliveries"]
    with pytest.raises(OperationRefused, match="is not a cursor of a queue"):
        await ask(admin, "queue", step="E", cursor="x")
    (row,) = (await ask(admin, "queue", step="E", state="retrying"))["deliveries"]
    assert (row["attempts"], row["error"]["message"], row["traceId"], row["fifoKey"]) == (1, "no", TRACE, "k1")
    assert await ask(admin, "try_now", step="E", id=later.id) == {"step": "E", "due": 1}
    assert await ask(admin, "try_now", step="E") == {"step": "E", "due": 0}
    assert await numbers(state="ready") == [1, 4, 5] or await numbers(state="ready") == [4, 5, 1]
    # The next one of the key takes the place of the first.
    assert (await ask(admin, "drop", step="E", id=later.id))["dropped"] == later.id
    assert (await numbers(key="k1"), await numbers(state="blocked")) == ([2, 3], [3])
    assert await ask(admin, "drop", step="E", id=later.id) is None
    (running,) = (await rooms.queue.claim({"E": 1}, "test", rooms.clock.now_ms(), 1000)).deliveries
    assert await ask(admin, "drop", step="E", id=running.id) is None, "what runs is not removed"


async def test_a_value_is_renamed_but_over_no_other(admin: Admin, rooms: Rooms) -> None:
    for key in ("a", "b"):
        await rooms.state.set("g", key, key)
    with pytest.raises(OperationRefused, match="with the key b already"):
        await ask(admin, "state_rename", group="g", key="a", to="b")
    with pytest.raises(OperationRefused, match="another one by now"):
        await ask(admin, "state_rename", group="g", key="a", to="c", version="old")
    renamed = await ask(admin, "state_rename", group="g", key="a", to="c")
    assert (renamed["key"], (await ask(admin, "state_value", group="g", key="c"))["version"]) == (
        "c", renamed["version"],
    )  # fmt: skip
    assert await ask(admin, "state_rename", group="g", key="a", to="d") is None
    assert (await ask(admin, "state", group="g"))["items"] == {"b": "b", "c": "a"}


async def test_a_read_never_creates_anything(admin: Admin, rooms: Rooms) -> None:
    database = rooms.queue._database
    before = database.commits
    for name, given in (
        ("state_groups", {}), ("state", {"group": "none"}), ("state_keys", {"group": "none"}),
        ("state_value", {"group": "none", "key": "k"}), ("state_history", {"group": "none", "key": "k"}),
        ("stream_groups", {"stream": "s"}), ("stream", {"stream": "s", "group": "none"}),
        ("stream_item", {"stream": "s", "group": "none", "id": "i"}), ("stream_subscribers", {"stream": "s"}),
        ("stream_history", {"stream": "s", "group": "none"}), ("queue", {"step": "none"}),
        ("queue_keys", {"step": "none"}), ("dead_letters", {}), ("dead_letter_count", {}), ("bulks", {}),
    ):  # fmt: skip
        await ask(admin, name, **given)
    assert database.commits == before
    assert await rooms.state.groups() == []


async def test_the_last_writer_of_a_value_is_known_by_its_trace(admin: Admin, rooms: Rooms) -> None:
    attempt = rooms.open(EVENT)
    for operation, key in (("set", "k"), ("set", "k2"), ("get", "k"), ("delete", "k")):
        call = {"operation": operation, "group": "g", "key": key} | ({"value": 1} if operation == "set" else {})
        rooms.recorder.context_call(attempt, "state", cast("Any", call), rooms.recorder.now_s())
        await rooms.clock.advance(1)
    await ask(admin, "state_set", group="g", key="k", value=5)
    found = await ask(admin, "state_history", group="g", key="k")
    assert [(each["operation"], each["step"], each["traceId"], each["byOperator"]) for each in found["writes"]] == [
        ("set", None, None, True), ("delete", "E", TRACE, False), ("set", "E", TRACE, False),
    ]  # fmt: skip
    assert found["writes"][2]["data"]["value"] == 1
    assert found["since"] is not None
    part = await ask(admin, "state_history", group="g", key="k", limit=1)
    rest = await ask(admin, "state_history", group="g", key="k", cursor=part["cursor"])
    assert [each["operation"] for each in rest["writes"]] == ["set"]


async def test_an_item_has_a_history_and_a_group_the_events_that_were_sent(admin: Admin, rooms: Rooms) -> None:
    attempt = rooms.open(EVENT)
    place = {"stream": "s", "group": "g"}
    for call in (
        {"operation": "set", **place, "id": "i", "data": {"n": 1}},
        {"operation": "send", **place, "id": None, "event": {"type": "typing"}},
    ):
        rooms.recorder.context_call(attempt, "stream", cast("Any", call), rooms.recorder.now_s())
    await rooms.streams.set("s", "g", "i", {"n": 1})
    await rooms.clock.advance(1)
    await ask(admin, "stream_delete", **place, id="i")
    history = await ask(admin, "stream_history", **place, id="i")
    assert [(each["operation"], each["byOperator"]) for each in history["writes"]] == [("delete", True), ("set", False)]
    (sent,) = (await ask(admin, "stream_history", **place))["writes"]
    assert sent["data"]["event"] == {"type": "typing"}
    assert await ask(admin, "stream_history", stream="none", group="g") is None


async def test_subscribers_of_a_stream_are_counted(admin: Admin, rooms: Rooms) -> None:
    class Nobody:
        def changed(self, change: object) -> None:
            """Takes nothing."""

    seen: list[str] = []
    rooms.streams.on_subscribers = seen.append
    one, two = cast("Any", Nobody()), cast("Any", Nobody())
    rooms.streams.subscribe(one, "s", "g", None)
    rooms.streams.subscribe(two, "s", "g", None)
    rooms.streams.subscribe(two, "s", "g", "i")
    found = await ask(admin, "stream_subscribers", stream="s")
    assert (found["total"], found["subscribers"]) == (
        3, [{"group": "g", "id": None, "subscribers": 2}, {"group": "g", "id": "i", "subscribers": 1}],
    )  # fmt: skip
    rooms.streams.forget(two)
    assert (await ask(admin, "stream_subscribers", stream="s"))["total"] == 1
    assert seen == ["s"] * 4
    assert await ask(admin, "stream_subscribers", stream="none") is None


async def test_a_cron_step_is_paused_with_a_note_and_runs_by_hand_for_another_time(admin: Admin, rooms: Rooms) -> None:
    paused = await ask(admin, "pause_cron", step="C", note="until the disk is mended")
    assert paused == {"step": "C", "pausedAt": rooms.clock.now_ms(), "note": "until the disk is mended"}
    (row,) = (await ask(admin, "cron"))["cron"]
    assert (row["pausedAt"], row["note"]) == (paused["pausedAt"], paused["note"])
    fired = await ask(admin, "fire", step="C", at=1_700_000_000_000)
    (tick,) = (await rooms.queue.claim({"C": 1}, "test", rooms.clock.now_ms(), 1000)).deliveries
    assert (tick.data, tick.trace_id) == (pack(1_700_000_000_000), fired["traceId"])
    assert (await ask(admin, "resume_cron", step="C"))["pausedAt"] is None
    assert (await ask(admin, "cron"))["cron"][0]["pausedAt"] is None
    assert await ask(admin, "pause_cron", step="E") is None
    assert await ask(admin, "resume_cron", step="none") is None


async def test_a_week_shows_the_hours_of_each_step_and_which_fire_in_the_same_minute(rooms: Rooms) -> None:
    project = rooms_of(rooms)
    schedule = cast("Timetable", project.work.schedule)
    expressions = {"A": "0 3 * * *", "B": "0 3,9 * * *", "C": "*/5 8-9 * * *", "D": "0 3 * * 1", "Bad": "nonsense"}
    schedule.replace({name: CronTrigger(text, "UTC") for name, text in expressions.items()})
    admin = Admin(ProjectAdmin(project))
    monday_ms = 1_700_438_400_000
    found = await ask(admin, "cron_week", begin=monday_ms)
    hours = {each["step"]: {hour for hour, count in enumerate(each["counts"]) if count} for each in found["steps"]}
    assert hours["A"] == {3 + 24 * day for day in range(7)}
    assert hours["B"] == {hour + 24 * day for day in range(7) for hour in (3, 9)}
    # 24 an hour for seven days are no more than are found one by one.
    assert [each["counts"][8] for each in found["steps"] if each["step"] == "C"] == [12]
    assert sorted(hours) == ["A", "B", "C", "D"]
    assert [(each["steps"], each["count"]) for each in found["collisions"]] == [
        (["B", "C"], 7), (["A", "B"], 6), (["A", "B", "D"], 1),
    ]  # fmt: skip
    assert found["collisions"][2]["times"] == [monday_ms + 3 * 3_600_000]
    assert found["cut"] is False


async def test_a_step_that_fires_often_shows_its_hours_and_collides_with_nobody(rooms: Rooms) -> None:
    project = rooms_of(rooms)
    schedule = cast("Timetable", project.work.schedule)
    schedule.replace({"A": CronTrigger("0 3 * * *", "UTC"), "Often": CronTrigger("*/5 0-5 * * *", "UTC")})
    found = await ask(Admin(ProjectAdmin(project)), "cron_week", begin=1_700_438_400_000)
    (often,) = (each for each in found["steps"] if each["often"])
    assert (often["step"], often["counts"][:8], found["collisions"]) == ("Often", [1] * 6 + [0, 0], [])


async def test_ticks_that_did_not_fire_are_named_with_the_reason(admin: Admin, rooms: Rooms) -> None:
    hour_ms, now_ms = 3_600_000, rooms.clock.now_ms()
    first_ms = now_ms - 4 * hour_ms
    for at, hours in enumerate((0, 2)):
        trigger = {"kind": "cron", "at": first_ms + hours * hour_ms}
        rooms.recorder.run_queued(f"{at:016}", f"{at:032}", None, "C", "cron", cast("Any", trigger))
    for hours, why in ((1, "the one before is still at work"), (3, "the step is paused")):
        message = f"This tick was skipped: {why}."
        rooms.recorder.log("warn", message, step="C", source="host", time_ms=first_ms + hours * hour_ms)
    await rooms.clock.advance(10)
    found = await ask(admin, "cron_history", step="C")
    assert [each["scheduledAt"] for each in found["ticks"]] == [first_ms + 2 * hour_ms, first_ms]
    assert [((each["at"] - first_ms) / hour_ms, each["reason"]) for each in found["missed"]] == [
        (4, "The host did not run or slept, or the trace of this tick is not kept any more."),
        (3, "This tick was skipped: the step is paused."),
        (1, "This tick was skipped: the one before is still at work."),
    ]
