"""State and streams in the Workbench, in a real browser: exact values, edits that overwrite nothing, live rows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from yarl import URL

from tests.e2e.browser import Page, browse, chromium
from tests.e2e.hostile import HOSTILE
from tests.e2e.running import Running, make_project
from tests.e2e.workbench import NARROWEST, PHONE, WIDE, Shown, assert_only_text, fill, violations

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

FAR = 9_007_199_254_740_992.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    chromium()
    project = make_project(
        tmp_path_factory.mktemp("data"),
        {
            "steps/count_step.py": COUNT,
            "steps/fill_step.py": FILL,
            "steps/tell_step.py": TELL,
            "steps/messages.stream.ts": MESSAGES,
        },
    )
    async with Running(project) as host, browse(tmp_path_factory.mktemp("profile")) as page:
        await page.open("about:blank")
        await page.shape(*WIDE)
        yield Shown(host, page, project)
        assert page.complaints == []
        assert [url for url in page.requests if not url.startswith((host.url, "about:", "data:", "blob:"))] == []


async def test_the_empty_state_says_what_fills_it_and_takes_a_first_value(shown: Shown) -> None:
    await shown.go("state")
    await shown.page.text("The state is empty", "state.set(group, key, value)")
    await shown.page.click("Write a value")
    await fill(shown.page, "Group", "counters")
    await fill(shown.page, "Key", "visits")
    await fill(shown.page, "Value as JSON", '{"count": 41}')
    await shown.page.click("Create")
    await shown.page.text("counters", "visits", "41", "Edit")
    assert await _value(shown, "counters", "visits") == {"count": 41}


async def test_a_value_is_edited_exactly_and_a_step_reads_it(shown: Shown) -> None:
    await _put(shown, "counters", "visits", {"count": 41, "whole": 1.0, "far": FAR})
    await shown.go("state/counters?key=visits")
    await shown.page.text("count: 41", "whole: 1.0", f"far: {FAR}")
    await shown.page.click("Edit")
    text = await shown.page.evaluate("document.querySelector('textarea').value")
    await fill(shown.page, "Value as JSON", text.replace("41", "9007199254740993"))
    await shown.page.click("Save")
    # A number that no step could read is refused as it was written, not rounded to another.
    await shown.page.text("value.count: the integer 9007199254740993 is beyond", "send it as text")
    await fill(shown.page, "Value as JSON", text.replace("41", "51"))
    await shown.page.click("Save")
    await shown.page.text("count: 51", "whole: 1.0")
    assert await shown.host.post("/count", {}) == {"count": 52, "whole": "1.0", "far": str(FAR)}
    # What the step wrote is shown without a question.
    await shown.page.text("count: 52", "whole: 1.0", f"far: {FAR}")
    shown.page.forget("visits", 400)


async def test_an_edit_does_not_overwrite_what_somebody_else_wrote(shown: Shown) -> None:
    await _put(shown, "counters", "shared", "base")
    await shown.go("state/counters?key=shared")
    await shown.page.click("Edit")
    await fill(shown.page, "Value as JSON", '"mine"')
    await _put(shown, "counters", "shared", "theirs")
    await shown.page.text("The value has changed since you began to edit")
    await shown.page.click("Save")
    await shown.page.text("Somebody else has written this value", '"theirs"', '"base"', "Take theirs")
    assert await _value(shown, "counters", "shared") == "theirs"
    await shown.page.click("Save mine over theirs")
    await shown.page.text("Delete")
    assert await _value(shown, "counters", "shared") == "mine"
    shown.page.forget("shared", 409)


async def test_a_new_value_is_not_written_over_another(shown: Shown) -> None:
    await shown.go("state/counters?new=on")
    await fill(shown.page, "Key", "shared")
    await shown.page.click("Create")
    await shown.page.text("There is a value with this key already")
    await shown.page.click("Show it")
    await shown.page.text('"mine"')
    shown.page.forget("shared", 409)


async def test_a_deletion_can_be_undone(shown: Shown) -> None:
    await _put(shown, "counters", "short", [FAR])
    await shown.go("state/counters?key=short")
    await shown.page.text("Delete")
    await _answer_deletions_after(shown.page, "No value")
    await shown.page.click("Delete")
    await shown.page.text("Deleted short", "Undo")
    await shown.page.until("![...document.querySelectorAll('[data-row]')].some((r) => r.innerText.includes('short'))")
    await shown.page.click("Undo")
    await shown.page.until("[...document.querySelectorAll('[data-row]')].some((r) => r.innerText.includes('short'))")
    assert await _value(shown, "counters", "short") == [FAR]
    shown.page.forget("short")


async def test_a_large_value_is_a_file_and_many_keys_come_in_parts(shown: Shown) -> None:
    await shown.host.post("/fill", {})
    await shown.go("state/many?key=large")
    await shown.page.text("too large to show here", "Download", "1.1 MiB")
    await shown.go("state/many")
    await shown.page.text("The first 500 keys", "Next")
    assert await shown.page.evaluate("document.querySelectorAll('[data-row]').length") <= 80
    await shown.page.click("Next")
    await shown.page.text("101 more keys", "k0500")
    await shown.go("state/many?prefix=k059")
    text = await shown.page.text("k0599", "k0590")
    assert "k0589" not in text


async def test_hostile_names_and_values_stay_text(shown: Shown) -> None:
    for at, text in enumerate(HOSTILE):
        await _put(shown, "hostile", f"{at}", {"value": text, text[:60]: [text]})
    for text in (HOSTILE[0], "..", '"', "<img src=x onerror=alert(1)>"):
        await _put(shown, "names", text, text)
    await shown.go("state")
    await shown.page.text("hostile")
    for at in range(len(HOSTILE)):
        if at % 6 == 0:
            await shown.go(f"state/hostile?key={at}")
            await shown.page.text("Edit")
            await assert_only_text(shown.page)
    await shown.go("state/names?key=" + quote(json.dumps(HOSTILE[0])))
    await shown.page.text("Edit")
    await assert_only_text(shown.page)


async def test_a_stream_shows_its_items_as_they_come(shown: Shown) -> None:
    await shown.go("streams")
    await shown.page.text("messages", "author, text, at", "steps/messages.stream.ts")
    await shown.page.click("messages")
    await shown.page.text("No items yet", "streams.messages.set(group, id, data)")
    await _item(shown, "messages", "room 1", "m1", {"author": "ann", "text": "first", "at": 1.0})
    await shown.page.text("room 1", "1 item")
    await shown.page.click("room 1")
    await shown.page.text("m1", "ann", "first", "1.0")
    await _item(shown, "messages", "room 1", "m2", {"author": "bob", "text": "second", "at": 2})
    await shown.page.text("bob", "second")
    # All of it again, from the address alone.
    address = await shown.page.evaluate("location.href")
    await shown.page.open("about:blank")
    await shown.page.open(address)
    await shown.page.text("m1", "second")


async def test_an_item_is_edited_with_its_schema_and_deleted_with_a_way_back(shown: Shown) -> None:
    await shown.go("streams/messages?group=room%201&id=m1")
    await shown.page.text("ann", "Edit")
    await shown.page.click("Edit")
    await shown.page.text("Schema", "properties")
    await fill(shown.page, "Data as JSON", '{"author": 7, "text": "edited", "at": 1.0}')
    await shown.page.click("Save")
    await shown.page.text("does not fit the schema of stream messages")
    await fill(shown.page, "Data as JSON", '{"author": "eve", "text": "edited", "at": 1.0}')
    await _item(shown, "messages", "room 1", "m1", {"author": "ann", "text": "theirs", "at": 3})
    await shown.page.text("The item has changed since you began to edit", "theirs")
    await shown.page.click("Save mine over theirs")
    await shown.page.text("eve", "Delete")
    await _answer_deletions_after(shown.page, "No item")
    await shown.page.click("Delete")
    await shown.page.text("Deleted m1", "Undo")
    await shown.page.click("Undo")
    await shown.page.text("eve", "edited")
    assert (await shown.host.api("streams/messages/room%201/m1"))["item"]["author"] == "eve"
    shown.page.forget("m1", 400)
    shown.page.forget("m1")


async def test_the_last_writer_of_a_value_is_shown_with_its_trace(shown: Shown) -> None:
    await _put(shown, "counters", "visits", {"count": 1})
    await shown.go("state/counters?key=visits")
    await shown.page.text("Last writer", "Written by an operator", "Known since")
    await shown.host.post("/count", {})
    await shown.page.text("Written by Count")
    await shown.page.evaluate("[...document.querySelectorAll('aside a')].find((a) => a.innerText === 'Count').click()")
    await shown.page.until("location.pathname.includes('/traces/')")
    await shown.page.text("POST /count")


async def test_a_key_is_renamed_but_over_no_other(shown: Shown) -> None:
    for key in ("old", "taken"):
        await _put(shown, "names 2", key, key)
    await shown.go("state/names%202?key=old")
    await shown.page.click("Rename…")
    await fill(shown.page, "New key", "taken")
    await shown.page.click("Move it there")
    await shown.page.text("with the key taken already")
    await fill(shown.page, "New key", "new")
    await shown.page.click("Move it there")
    await shown.page.until("location.search.includes('key=new')")
    await shown.page.text('"old"', "Edit")
    assert set((await shown.host.api("state/names%202"))["items"]) == {"new", "taken"}
    shown.page.forget("state-rename", 409)
    shown.page.forget("old")


async def test_several_values_are_deleted_and_put_back(shown: Shown) -> None:
    for key in ("a", "b", "c"):
        await _put(shown, "several", key, [key])
    await shown.go("state/several")
    for at in (0, 2):
        await shown.page.until("document.querySelectorAll('[role=listitem] input').length === 3")
        await shown.page.evaluate(f"document.querySelectorAll('[role=listitem] input')[{at}].click()")
    await shown.page.click("Delete 2 values")
    await shown.page.text("Deleted 2 values", "Undo")
    assert list((await shown.host.api("state/several"))["items"]) == ["b"]
    await shown.page.click("Undo")
    await shown.page.until("document.querySelectorAll('[role=listitem] input').length === 3")
    assert (await shown.host.api("state/several"))["items"] == {key: [key] for key in "abc"}


async def test_subscribers_and_events_of_a_stream_are_shown_as_they_come(shown: Shown) -> None:
    await _item(shown, "messages", "room 2", "m1", {"author": "ann", "text": "first", "at": 1})
    await shown.go("streams/messages?group=room%202&events=on")
    await shown.page.text("0 subscribers", "No event was sent to this group.")
    url = shown.host.url.replace("http", "ws", 1)
    async with shown.host.http.ws_connect(url) as socket:
        await socket.send_json(
            {"type": "join", "data": {"subscriptionId": "s", "streamName": "messages", "groupId": "room 2"}}
        )
        await shown.page.text("1 subscriber")
        await shown.host.post("/tell", {})
        await shown.page.text("Sent by Tell")
        await shown.page.click("What was written")
        await shown.page.text('type: "typing"')
    await shown.page.text("0 subscribers")
    await shown.go("streams/messages?group=room%202&id=m1")
    await shown.page.text("History", "Written by an operator")


async def test_items_are_filtered_and_saved_digit_by_digit_over_all_parts(shown: Shown) -> None:
    page = shown.page
    for at in range(3):
        await _item(shown, "messages", "saved", f"m{at}", {"author": "ann", "text": f"n{at % 2}", "at": FAR})
    await shown.go("streams/messages?group=saved")
    await page.text("m0", "m2", "Oldest first")
    await _keep_saved(page)
    await page.click("Download JSON")
    await page.text("Saved 3 items")
    await page.until("window.__saved[0]")
    saved = await page.evaluate("window.__saved[0]")
    assert [each["id"] for each in json.loads(saved)] == ["m0", "m1", "m2"]
    assert saved.count(f'"at":{FAR}') == 3
    await fill(page, "Words in an item", "N1 ann")
    await page.text("1 of 3 items here")
    await page.click("Download NDJSON")
    await page.text("Saved 1 item")
    await page.until("window.__saved[1]")
    assert json.loads(await page.evaluate("window.__saved[1]"))["id"] == "m1"
    # The filter is in the address.
    await page.until("new URLSearchParams(location.search).get('q') === 'N1 ann'")
    await fill(page, "Words in an item", "nobody")
    await page.text("Nothing matches")
    await page.click("Clear the filter")
    await page.text("m0", "m2")


async def test_the_frames_of_the_page_are_shown_paused_filtered_and_saved(shown: Shown) -> None:
    page = shown.page
    await _item(shown, "messages", "room 3", "m1", {"author": "ann", "text": "first", "at": 1})
    await shown.go("streams/messages?group=room%203")
    await page.text("m1")
    await page.click("Frames")
    await page.text("Subscribed", "not those of your clients", "opened", "join", "sync", "Out", "In")
    assert (await shown.host.api("stream-subscribers/messages"))["total"] == 1
    await _item(shown, "messages", "room 3", "m2", {"author": "bob", "text": "second", "at": 1.0})
    await page.text("create", "second")
    await page.click("Pause")
    await _item(shown, "messages", "room 3", "m2", {"author": "bob", "text": "third", "at": 2})
    await page.text("Paused · 1 new")
    assert "third" not in await page.text("Paused")
    await page.click("Paused · 1 new")
    await page.text("update", "third")
    await fill(page, "Words in a frame", "bob third")
    await page.until("document.querySelectorAll('[data-row]').length === 1")
    await _keep_saved(page)
    await page.click("Download NDJSON")
    await page.until("window.__saved[0]")
    frame = json.loads(await page.evaluate("window.__saved[0]"))
    assert (frame["way"], frame["kind"], json.loads(frame["text"])["event"]["data"]["text"]) == (
        "in",
        "update",
        "third",
    )
    assert frame["bytes"] == len(frame["text"])
    await page.evaluate("document.querySelector('[data-row]').click()")
    await page.text('streamName: "messages"')
    await page.press("Escape")
    await fill(page, "Words in a frame", "")
    await page.click("From now on")
    await page.text("No frames yet")
    await page.click("Items")
    await page.text("m1", "m2", "0 subscribers")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_breaks_a_rule_of_accessibility(shown: Shown, scheme: str) -> None:
    pages = {
        "state?new=on": "It needs a key",
        "state/counters?key=shared": "Edit",
        "state/many": "The first 500 keys",
        "streams": "messages",
        "streams/messages?group=room%201&id=m1": "Delete",
        "streams/messages?group=room%202&events=on": "Events sent",
        "streams/messages?group=room%201&frames=on": "Subscribed",
    }
    for size in (WIDE, PHONE, NARROWEST):
        await shown.page.shape(*size, scheme)
        for path, text in pages.items():
            await shown.go(path)
            await shown.page.text(text)
            assert await violations(shown.page) == [], (path, size)
            wide = await shown.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{path} is {wide} px wider than a window of {size[0]} px"
    await shown.page.shape(*WIDE)


async def _keep_saved(page: Page) -> None:
    """Keep the text of each file that the page saves, in `__saved`."""
    await page.evaluate("""(() => {
      const before = URL.createObjectURL
      window.__saved = []
      URL.createObjectURL = (content) => {
        const at = window.__saved.push('') - 1
        void content.text().then((text) => { window.__saved[at] = text })
        return before.call(URL, content)
      }
    })()""")


async def _answer_deletions_after(page: Page, text: str) -> None:
    """Let answers to DELETE reach the page only once it shows a text: the live feed is often faster than they are."""
    await page.evaluate(f"""(() => {{
      const before = window.fetch
      window.fetch = async (path, options) => {{
        const response = await before(path, options)
        if (options?.method !== 'DELETE') return response
        window.fetch = before
        while (!document.body.innerText.includes({json.dumps(text)})) await new Promise(requestAnimationFrame)
        return response
      }}
    }})()""")


async def _put(shown: Shown, group: str, key: str, value: object) -> None:
    path = f"/__polystep/api/state/{quote(group, safe='')}/{quote(key, safe='')}".replace("/..", "/%2E%2E")
    async with shown.host.http.put(URL(path, encoded=True), json={"value": value}) as response:
        assert response.status == 200, await response.text()


async def _item(shown: Shown, stream: str, group: str, item: str, data: object) -> None:
    path = "/".join(quote(each, safe="") for each in (stream, group, item))
    async with shown.host.http.put(
        URL(f"/__polystep/api/streams/{path}", encoded=True), json={"data": data}
    ) as response:
        assert response.status == 200, await response.text()


async def _value(shown: Shown, group: str, key: str) -> Any:
    return (await shown.host.api(f"state/{group}/{key}"))["value"]


COUNT = """
config = {"type": "api", "name": "Count", "method": "POST", "path": "/count", "emits": []}

async def handler(req, context):
    visits = await context.state.get("counters", "visits")
    visits["count"] += 1
    await context.state.set("counters", "visits", visits)
    return {"status": 200, "body": {name: str(v) if isinstance(v, float) else v for name, v in visits.items()}}
"""
FILL = """
config = {"type": "api", "name": "Fill", "method": "POST", "path": "/fill", "emits": []}

async def handler(req, context):
    await context.state.set("many", "large", "x" * 1_200_000)
    for at in range(600):
        await context.state.set("many", f"k{at:04}", at)
    return {"status": 200, "body": {}}
"""
TELL = """
config = {"type": "api", "name": "Tell", "method": "POST", "path": "/tell", "emits": []}

async def handler(req, context):
    await context.streams.messages.send({"groupId": "room 2"}, {"type": "typing", "data": {"who": "ann"}})
    return {"status": 200, "body": {}}
"""
MESSAGES = """
import { z } from 'zod'
export const config = {
  name: 'messages',
  schema: z.object({ author: z.string(), text: z.string(), at: z.number() }),
  baseConfig: { storageType: 'default' },
}
"""
