"""Queues, dead letters and cron in the Workbench, in a real browser: many at once, counted before, followed after."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.e2e.browser import WAIT_S, browse, chromium
from tests.e2e.hostile import HOSTILE
from tests.e2e.running import Running, make_project
from tests.e2e.workbench import NARROWEST, PHONE, WIDE, Shown, assert_only_text, fill, violations

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

TIMES = "\u00d7"
AT_MS = 1_700_000_000_000  # 2023-11-14T22:13:20Z


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    project = make_project(
        tmp_path_factory.mktemp("queues"),
        {
            "steps/send_step.py": SEND,
            "steps/pack_step.py": PACK,
            "steps/mail_step.py": MAIL,
            "steps/slow_step.py": SLOW,
            "steps/label_step.py": LABEL,
            "steps/nightly_step.py": NIGHTLY,
            "steps/nightly.step.ts": NIGHTLY_TS,
        },
    )
    async with Running(project) as host, browse(tmp_path_factory.mktemp("profile")) as page:
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Shown(host, page, project)
        assert page.complaints == []
        assert [url for url in page.requests if not url.startswith((host.url, "about:", "data:", "blob:"))] == []


async def test_letters_are_found_on_the_host_and_those_that_match_are_replayed(shown: Shown) -> None:
    await _die(shown, 6, topic="pack", text="no stock for order")
    await _die(shown, 3, topic="mail", text="Timeout")
    await shown.go("dead-letters?q=timeout")
    text = await shown.page.text("3 dead letters", "Timeout", "Replay all that match…")
    assert "no stock" not in text
    await shown.page.click("Replay all that match…")
    await shown.page.text("Replay 3 dead letters?", "3 events of 1 step.")
    await _act(shown)
    # The record has an address of its own, and tells what became of the events: they died again.
    await shown.page.text("Replay of 3 dead letters", "3 of 3", "text timeout")
    await shown.page.until("location.search.includes('bulk=')")
    await shown.page.until(_count_is("Dead letters again", 3))
    address = await shown.page.evaluate("location.href")
    await shown.page.open("about:blank")
    await shown.page.open(address)
    await shown.page.text("Replay of 3 dead letters", "Done")
    assert await _letters(shown) == 9


async def test_letters_are_grouped_by_error_without_their_ids(shown: Shown) -> None:
    await shown.go("dead-letters?show=errors")
    await shown.page.text(f"{TIMES}6", "no stock for order", f"{TIMES}3", "Timeout")
    await shown.page.click("no stock for order")
    await shown.page.text("error:", "6 dead letters")
    await shown.page.until("location.search.includes('error=')")
    # Only those, on the host.
    address = await shown.page.evaluate("location.href")
    await shown.page.open("about:blank")
    await shown.page.open(address)
    assert "Timeout" not in await shown.page.text("6 dead letters")


async def test_some_are_selected_while_the_list_stands_still(shown: Shown) -> None:
    await shown.go("dead-letters?step=Mail")
    await shown.page.text("3 dead letters")
    await _check(shown, 0)
    await shown.page.text("1 selected", "The list stands still while you select")
    await _die(shown, 1, topic="mail", text="Timeout")
    await _check(shown, 2, shift=True)
    await shown.page.text("Replay 3 selected…")
    await shown.page.click("Discard 3 selected…")
    await shown.page.text("Discard 3 dead letters?", "Type 3 to discard them")
    # It asks for the number: the button does nothing before.
    assert await shown.page.evaluate("[...document.querySelectorAll('dialog[open] button')].at(-1).disabled")
    await fill(shown.page, "Type 3 to discard them", "3")
    await _act(shown)
    await shown.page.text("Discard of 3 dead letters", "3 of 3", "selected 3")
    # The one that came meanwhile is not among them.
    await shown.page.text("1 dead letter")
    assert len((await shown.host.api("dead-letters?step=Mail"))["deadLetters"]) == 1


async def test_a_replayed_letter_keeps_numbers_as_they_are_written(shown: Shown) -> None:
    await _emit(shown, "pack", {"n": 1, "whole": 1.0, "text": "boom", "fail": True})
    await _until_letters(shown, "text=boom", 1)
    await shown.go("dead-letters?q=boom")
    await shown.page.click("boom")
    await shown.page.text("whole: 1.0", "Edit first")
    await shown.page.click("Edit first")
    text = await shown.page.evaluate("document.querySelector('textarea').value")
    assert '"whole": 1.0' in text
    since = len(shown.host.lines)
    await fill(shown.page, "Data of the event", text.replace('"fail": true', '"fail": false'))
    await shown.page.click("Replay edited")
    await shown.host.line("[INFO] Pack packed", "float", since=since)
    await shown.page.until("location.pathname.includes('/traces/')")


async def test_a_queue_shows_what_waits_and_one_is_tried_or_removed(shown: Shown) -> None:
    await shown.host.post("/__polystep/api/queues/Pack/pause", {})
    for n in (1, 2, 3):
        await _emit(shown, "pack", {"n": n, "text": "x", "fail": False}, key="k1")
    await _emit(shown, "pack", {"n": 9.0, "text": "y", "fail": False})
    await shown.go("queues")
    await shown.page.text("Pack", "Oldest", "Paused")
    await shown.page.click("Pack")
    await shown.page.text("What waits or runs", "FIFO keys", "k1", "1 and 2 deliveries behind it", "Blocked")
    await shown.page.until("document.querySelectorAll('aside li [aria-expanded]').length === 4")
    await shown.page.evaluate(
        "[...document.querySelectorAll('aside button')].find((b) => b.innerText.trim() === 'k1').click()"
    )
    await shown.page.text("Deliveries of the FIFO key k1", "All keys")
    # The order of the key is that of the list.
    await shown.page.until("document.querySelectorAll('aside li [aria-expanded]').length === 3")
    await shown.page.evaluate("document.querySelector('aside li [aria-expanded]').click()")
    await shown.page.text("n: 1", "Show in its trace", "Remove…")
    await shown.page.click("Remove…")
    await shown.page.text("Remove this delivery?", "takes its place")
    await _act(shown)
    await shown.page.until("document.querySelectorAll('aside li [aria-expanded]').length === 2")
    left = (await shown.host.api("queues/Pack?key=k1"))["deliveries"]
    assert [(each["data"]["n"], each["state"]) for each in left] == [(2, "ready"), (3, "blocked")]
    await shown.page.text("Blocked")
    address = await shown.page.evaluate("location.href")
    await shown.page.open("about:blank")
    await shown.page.open(address)
    await shown.page.text("Deliveries of the FIFO key k1")
    await shown.host.post("/__polystep/api/queues/Pack/resume", {})
    await shown.page.text("Nothing matches.")


async def test_a_queue_says_what_died_and_how_it_moves(shown: Shown) -> None:
    page, before = shown.page, (await shown.host.api("dead-letter-count"))["count"]
    await shown.host.post("/__polystep/api/queues/Mail/pause", {})
    await shown.go("queues")
    await page.text("In / out a min", "Drained")
    await _emit(shown, "mail", {"n": 1, "text": "x", "fail": False})
    row = "[...document.querySelectorAll('tbody tr')].find((each) => each.innerText.includes('Mail'))"
    await page.press("j", "j", "k")
    await page.until("document.activeElement.dataset.row === '0'")
    await page.until(f"{row}?.querySelector('[data-label=Drained]').innerText === 'paused'")
    await page.until(f"/^[1-9]/.test({row}?.querySelector('[data-label=\"In / out\"]').innerText)")
    # What dies is counted beside the name of its page, wherever somebody is.
    await _die(shown, 1, topic="pack", text="for the count")
    await page.until(f"document.querySelector('nav [data-page=\"/dead-letters\"]')?.innerText === '{before + 1}'")
    died = (await shown.host.api("dead-letter-count?step=Pack"))["count"]
    link = "document.querySelector('tbody a[aria-label$=\"of Pack\"]')"
    await page.until(f"{link}?.innerText === '{died}'")
    await page.evaluate(f"{link}.click()")
    await page.text("Dead letters", "for the count")
    assert await page.evaluate("location.search") == "?step=Pack"
    await shown.host.post("/__polystep/api/queues/Mail/resume", {})


async def test_what_is_due_later_is_tried_now(shown: Shown) -> None:
    await _emit(shown, "slow", {"n": 5})
    await shown.go("queues?step=Slow")
    await shown.page.text("Retrying", "due in", "Try all that are due later now")
    since = len(shown.host.lines)
    await shown.page.evaluate("document.querySelector('aside li [aria-expanded]').click()")
    await shown.page.text("ValueError: not yet", "Try now")
    await shown.page.click("Try now")
    await shown.host.line("[INFO] Slow at last", since=since)
    await shown.page.text("Nothing waits or runs.")


async def test_a_cron_step_is_paused_with_a_note_and_resumed(shown: Shown) -> None:
    await shown.go("cron?step=Nightly")
    await shown.page.text("At 03:00", "Fires next", "UTC", "in ")
    await shown.page.click("Pause…")
    await fill(shown.page, "Why, for those who look at it later", "the disk is full")
    await shown.page.evaluate(
        "[...document.querySelectorAll('aside button')].find((b) => b.innerText === 'Pause').click()"
    )
    await shown.page.text("Paused", "the disk is full", "Would fire next")
    assert (await shown.host.api("cron/Nightly"))["note"] == "the disk is full"
    await shown.page.click("Resume")
    await shown.page.text("Pause…", "Fires next")


async def test_a_week_shows_when_steps_fire_and_which_fire_together(shown: Shown) -> None:
    await shown.go("cron")
    await shown.page.click("Week")
    await shown.page.until("location.search.includes('show=week')")
    await shown.page.text("The next seven days", "No two steps fire in the same minute", "By step and day", "04:00")
    # Each day has 24 hours, and every tick is said in words.
    cells = "document.querySelectorAll('table[aria-label=\"Ticks by day and hour\"] tbody td')"
    assert await shown.page.evaluate(f"{cells}.length") == 7 * 24
    words = await shown.page.evaluate(f"[...{cells}].map((each) => each.textContent).join()")
    assert "NightlyTs" in words
    await shown.page.click("NightlyTs")
    await shown.page.text("Fires next")


@pytest.mark.parametrize("step", ["Nightly", "NightlyTs"])
async def test_a_step_runs_as_at_another_time(shown: Shown, step: str) -> None:
    await shown.go(f"cron?step={step}")
    await shown.page.text("Run as at")
    # The field takes the reader's own time, to the minute.
    text = await shown.page.evaluate(f"""(() => {{
      const at = new Date({AT_MS})
      at.setSeconds(0)
      return new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16)
    }})()""")
    await fill(shown.page, "Run as at", text)
    await shown.page.text("2023-11-14 22:13:00 UTC as its time")
    since = len(shown.host.lines)
    await shown.page.click("Run for that time")
    await shown.host.line(f"[INFO] {step} runs for 2023-11-14T22:13:00", since=since)
    await shown.page.until("location.pathname.includes('/traces/')")
    async with asyncio.timeout(WAIT_S):
        while not (ticks := (await shown.host.api(f"cron/{step}"))["ticks"]) or ticks[0]["status"] == "running":
            pass
    assert ticks[0]["scheduledAt"] == AT_MS - 20_000
    await shown.go(f"cron?step={step}")
    await shown.page.text("Last ticks", "Done", "ran as at another time", "Missed ticks", "The host did not run")


async def test_hostile_names_and_values_stay_text(shown: Shown) -> None:
    await shown.host.post("/__polystep/api/queues/Pack/pause", {})
    for text in HOSTILE[::4]:
        await _emit(shown, "pack", {"n": 1, "text": text, "fail": False}, key=text[:100] or "empty")
    await shown.go("queues?step=Pack")
    await shown.page.text("FIFO keys")
    await assert_only_text(shown.page)
    await shown.go("queues?step=Pack&key=" + quote(json.dumps(HOSTILE[0])))
    await shown.page.text("Deliveries")
    await assert_only_text(shown.page)
    await shown.host.post("/__polystep/api/queues/Pack/purge", {})
    await shown.host.post("/__polystep/api/queues/Pack/resume", {})
    for text in HOSTILE[::6]:
        await _emit(shown, "pack", {"n": 1, "text": text or "empty", "fail": True})
    await _until_letters(shown, "step=Pack", len(HOSTILE[::6]))
    for path in ("dead-letters", "dead-letters?show=errors", "dead-letters?show=bulks"):
        await shown.go(path)
        await shown.page.text("Live")
        await assert_only_text(shown.page)
    for letter in (await shown.host.api("dead-letters?step=Pack&limit=4"))["deadLetters"]:
        await shown.go(f"dead-letters?letter={letter['id']}")
        await shown.page.text("Edit first")
        await assert_only_text(shown.page)


async def test_letters_are_replayed_with_a_change_that_is_shown_before(shown: Shown) -> None:
    for n in (1, 2, 3):
        await _emit(shown, "label", {"n": n, "fail": n == 3, "far": 9007199254740991})
    await _until_letters(shown, "step=Label", 3)
    await shown.go("dead-letters?step=Label")
    await shown.page.click("Replay all that match…")
    await shown.page.text("Replay 3 dead letters?")
    await shown.page.click("Change their data first")
    await shown.page.text("It changes nothing yet.", "Change and replay 3 dead letters")
    await fill(shown.page, "Merge patch", '{"country": 7}')
    await shown.page.text("3 of the first 3 do not fit", "Stays dead:", "country")
    assert await violations(shown.page) == []
    await fill(shown.page, "Merge patch", '{"country": "DE", "far": null}')
    await shown.page.text("The first 3 fit.", "added", '"DE"', "removed")
    await _act(shown)
    await shown.page.text("Replay of 3 dead letters", "3 of 3", "Their data got this merge patch", 'country: "DE"')
    # One fails again, with the data that it was given.
    await _until_letters(shown, "step=Label", 1)
    await shown.page.until(_count_is("Dead letters again", 1))
    letter = (await shown.host.api("dead-letters?step=Label"))["deadLetters"][0]
    assert letter["data"] == {"n": 3, "fail": True, "country": "DE"}
    # What its step does not take is left dead, and the record says why.
    await shown.go("dead-letters?step=Label")
    await shown.page.click("Replay all that match…")
    await shown.page.click("Change their data first")
    await fill(shown.page, "Merge patch", '{"country": null}')
    await shown.page.text("1 of the first 1 does not fit")
    await _act(shown)
    await shown.page.text("Left dead, as their step does not take the changed data", "country is required")
    await shown.page.until(_count_is("Left dead: does not fit", 1))
    after = (await shown.host.api("dead-letters?step=Label"))["deadLetters"][0]
    assert (after["id"], after["data"]) == (letter["id"], letter["data"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_breaks_a_rule_of_accessibility(shown: Shown, scheme: str, tmp_path: Path) -> None:
    await shown.host.post("/__polystep/api/queues/Pack/pause", {})
    await _emit(shown, "pack", {"n": 1, "text": "x", "fail": False}, key="k1")
    delivery = (await shown.host.api("queues/Pack"))["deliveries"][0]["id"]
    letter = (await shown.host.api("dead-letters"))["deadLetters"][0]["id"]
    bulk = (await shown.host.api("bulks"))["bulks"][0]["id"]
    pages = {
        f"queues?step=Pack&id={delivery}": "Show in its trace",
        f"dead-letters?letter={letter}": "Edit first",
        "cron?show=week": "By step and day",
        f"dead-letters?show=bulks&bulk={bulk}": "Progress",
        "dead-letters?show=errors": "By error",
        "cron?step=Nightly": "Missed ticks",
    }
    for size in (WIDE, PHONE, NARROWEST):
        await shown.page.shape(*size, scheme)
        for path, text in pages.items():
            await shown.go(path)
            await shown.page.text(text)
            assert await violations(shown.page) == [], (path, size)
            wide = await shown.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{path} is {wide} px wider than a window of {size[0]} px"
            await shown.page.screenshot(tmp_path / f"{path.partition('?')[0]}-{size[0]}-{scheme}.png")
    await shown.page.shape(*WIDE)
    await shown.host.post("/__polystep/api/queues/Pack/resume", {})


async def _act(shown: Shown) -> None:
    """Press the last button of the open question."""
    await shown.page.until("[...document.querySelectorAll('dialog[open] button')].at(-1)?.disabled === false")
    await shown.page.evaluate("[...document.querySelectorAll('dialog[open] button')].at(-1).click()")


async def _check(shown: Shown, at: int, *, shift: bool = False) -> None:
    """Click the box of a row."""
    await shown.page.until(f"document.querySelectorAll('[role=listitem] input[type=checkbox]').length > {at}")
    event = f"new MouseEvent('click', {{ bubbles: true, cancelable: true, shiftKey: {json.dumps(shift)} }})"
    boxes = "document.querySelectorAll('[role=listitem] input[type=checkbox]')"
    await shown.page.evaluate(f"{boxes}[{at}].dispatchEvent({event})")


def _count_is(word: str, count: int) -> str:
    return (
        f"[...document.querySelectorAll('dt')].some((dt) => dt.innerText === {json.dumps(word)} && "
        f"dt.nextElementSibling.innerText === '{count}')"
    )


async def _emit(shown: Shown, topic: str, data: object, key: str | None = None) -> None:
    await shown.host.post("/send", {"topic": topic, "data": data, "key": key})


async def _die(shown: Shown, count: int, *, topic: str, text: str) -> None:
    before = await _letters(shown)
    for n in range(count):
        await _emit(shown, topic, {"n": n, "text": f"{text} {1000 + n}", "fail": True})
    async with asyncio.timeout(WAIT_S):
        while await _letters(shown) < before + count:
            pass


async def _letters(shown: Shown) -> int:
    return int((await shown.host.api("dead-letter-count"))["count"])


async def _until_letters(shown: Shown, query: str, count: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while (await _found(shown, query)) < count:
            pass


async def _found(shown: Shown, query: str) -> Any:
    return (await shown.host.api(f"dead-letter-count?{query}"))["count"]


SEND = """
config = {"type": "api", "name": "Send", "method": "POST", "path": "/send", "emits": ["pack", "mail", "slow", "label"]}

async def handler(req, context):
    body = req["body"]
    event = {"topic": body["topic"], "data": body["data"]}
    if body["key"] is not None:
        event["messageGroupId"] = body["key"]
    await context.emit(event)
    return {"status": 200, "body": {}}
"""
PACK = """
config = {
    "type": "event", "name": "Pack", "subscribes": ["pack"], "emits": [], "flows": ["shop"],
    "infrastructure": {"queue": {"maxRetries": 0}},
}

async def handler(data, context):
    if data["fail"]:
        raise ValueError(data["text"])
    context.logger.info("packed", {"kind": type(data.get("whole")).__name__})
"""
MAIL = """
config = {
    "type": "event", "name": "Mail", "subscribes": ["mail"], "emits": [],
    "infrastructure": {"queue": {"maxRetries": 0}},
}

async def handler(data, context):
    raise TimeoutError(data["text"])
"""
LABEL = """
config = {
    "type": "event", "name": "Label", "subscribes": ["label"], "emits": [],
    "input": {"type": "object", "required": ["country"], "properties": {"country": {"type": "string"}}},
    "infrastructure": {"queue": {"maxRetries": 0}},
}

async def handler(data, context):
    if data["fail"]:
        raise ValueError("no printer")
"""
SLOW = """
config = {
    "type": "event", "name": "Slow", "subscribes": ["slow"], "emits": [],
    "infrastructure": {"queue": {"maxRetries": 3}},
}

async def handler(data, context):
    if context.attempt == 1:
        error = ValueError("not yet")
        error.retry_after = "1h"
        raise error
    context.logger.info("at last")
"""
NIGHTLY = """
config = {"type": "cron", "name": "Nightly", "cron": "0 3 * * *", "timezone": "Europe/Berlin", "emits": []}

async def handler(context):
    context.logger.info(f"runs for {context.scheduled_at.isoformat()}")
"""
NIGHTLY_TS = """
export const config = { type: 'cron', name: 'NightlyTs', cron: '0 4 * * *', emits: [] }
export const handler = async ({ logger, scheduledAt }: any) => { logger.info(`runs for ${scheduledAt.toISOString()}`) }
"""
