"""`ask` and `callback` in every language: parked runs, answers over API and link, and what a second answer hears."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.durable_project import LANGUAGES, begin, counts, make_durable, reaches, result
from tests.e2e.running import WAIT_S, Running
from tests.e2e.tools import need

pytestmark = pytest.mark.e2e

REVIEW = {"type": "object", "properties": {"ok": {"type": "boolean"}, "edit": {"type": "string"}}, "required": ["ok"]}


@pytest.fixture(autouse=True)
def ruby() -> None:
    need("install it (Debian, Ubuntu: apt install ruby ruby-msgpack)", "ruby", "-e", "require 'msgpack'")


def ask(key: str, **options: Any) -> dict[str, Any]:
    given = {"title": "Send it?", "data": {"text": "<b>hello</b>"}, "schema": REVIEW, "timeout": "1h", **options}
    return {"do": "ask", "key": key, "options": given}


def callback(key: str, **options: Any) -> dict[str, Any]:
    return {"do": "callback", "key": key, "options": {"timeout": "1h", **options}}


async def open_asks(host: Running, count: int) -> dict[str, Any]:
    """The open asks by the step that asks, once there are so many."""
    loop, found = asyncio.get_running_loop(), list[Any]()
    end_s = loop.time() + WAIT_S
    while len(found) < count:
        found = (await host.api("asks"))["asks"]
        if loop.time() > end_s:
            raise AssertionError(f"{found} is asked; printed was:\n" + "\n".join(host.lines[-60:]))
    assert len(found) == count
    return {each["step"]: each for each in found}


async def answer(host: Running, ask_id: str, value: object, status: int = 200) -> Any:
    return await host.post(f"/__polystep/api/asks/{ask_id}", {"value": value, "by": "ann"}, status)


def operations_of(traced: Any, kind: str) -> list[Any]:
    """Operations of a kind, wherever they stand in an answer."""
    if isinstance(traced, list):
        return [found for each in traced for found in operations_of(each, kind)]
    if not isinstance(traced, dict):
        return []
    return [traced] if traced.get("type") == kind else operations_of(list(traced.values()), kind)


async def parked(host: Running, count: int) -> None:
    """Wait until so many runs wait without a process."""
    async with asyncio.timeout(WAIT_S):
        while True:
            rows = (await host.api("queues"))["queues"]
            if sum(row["delayed"] for row in rows) == count and not any(row["running"] for row in rows):
                return


async def test_a_person_decides_in_every_language(tmp_path: Path) -> None:
    """Behaviours 36 to 40, 44, 60, 61."""
    async with Running(make_durable(tmp_path)) as host:
        notify = {"topic": "out", "data": {"id": "told", "what": "asked"}}
        for language in LANGUAGES:
            before = {"do": "once", "key": "paid", "value": 1}
            await begin(host, language, f"a-{language}", before, ask("review", notify=notify))
        asks = await open_asks(host, 4)
        await reaches(host, "told", "out:asked", 4)
        await parked(host, 4)
        for language in LANGUAGES:
            row = asks[f"Do-{language}"]
            assert (row["key"], row["title"], row["data"]) == ("review", "Send it?", {"text": "<b>hello</b>"})
            assert row["schema"] == REVIEW
            assert row["dueAt"] > time.time() * 1000
            assert (await host.api(f"traces/{row['traceId']}"))["traceId"] == row["traceId"]
            refused = await answer(host, row["id"], {"ok": "yes"}, 400)
            assert [each["path"] for each in refused["issues"]] == [["ok"]]
        assert len((await host.api("asks"))["asks"]) == 4
        for language in LANGUAGES:
            closed = await answer(host, asks[f"Do-{language}"]["id"], {"ok": True, "edit": "ä"})
            assert (closed["status"], closed["answeredBy"]) == ("answered", "ann")
            got = await result(host, f"a-{language}")
            assert got == {"paid": 1, "review": {"status": "answered", "value": {"ok": True, "edit": "ä"}}}
            n = await counts(host, f"a-{language}")
            # The leg before the wait and the one behind it; what was paid was paid once.
            assert (n["leg"], n["paid"]) == (2, 1)
            await answer(host, asks[f"Do-{language}"]["id"], {"ok": True, "edit": "ä"})
            second = await answer(host, asks[f"Do-{language}"]["id"], {"ok": False}, 409)
            assert second["answeredBy"] == "ann"
        assert (await counts(host, "told"))["out:asked"] == 4
        await answer(host, "0" * 16, {"ok": True}, 404)


async def test_a_step_answers_in_every_language(tmp_path: Path) -> None:
    """A handler answers the ask of another run, with the errors that HTTP has as statuses."""
    async with Running(make_durable(tmp_path)) as host:
        for language in LANGUAGES:
            await begin(host, language, f"asks-{language}", ask("review"))
        for row in (await open_asks(host, 4)).values():
            language, id_ = row["step"].removeprefix("Do-"), row["id"]
            values = {"wrong": {"ok": "yes"}, "first": {"ok": True}, "same": {"ok": True}, "other": {"ok": False}}
            tried = [{"do": "answer", "key": key, "id": id_, "value": value} for key, value in values.items()]
            tried.append({"do": "answer", "key": "unknown", "id": "0" * 16, "value": None})
            await begin(host, language, f"answers-{language}", *({**each, "caught": True} for each in tried))
            got = await result(host, f"answers-{language}")
            assert (got["first"], got["same"]) == ("answered", "answered")
            names = {key: got[key].partition(":")[0] for key in ("wrong", "other", "unknown")}
            assert names == {"wrong": "contract_broken", "other": "ask_answered", "unknown": "ask_not_found"}
            wanted = {"review": {"status": "answered", "value": {"ok": True}}}
            assert await result(host, f"asks-{language}") == wanted
            assert (await host.api(f"asks/{id_}"))["answeredBy"] == row["step"]
        await begin(host, "ts", "off", ask("off"))
        id_ = (await open_asks(host, 1))["Do-ts"]["id"]
        async with host.http.delete(f"/__polystep/api/asks/{id_}", json={}) as response:
            assert response.status == 200
        await begin(host, "ts", "late", {"do": "answer", "key": "a", "id": id_, "value": {"ok": True}, "caught": True})
        assert (await result(host, "late"))["a"].startswith("ask_closed: ")


async def test_time_ends_an_ask_in_every_language_and_cancelling_too(tmp_path: Path) -> None:
    """Behaviours 36, 37, 63."""
    async with Running(make_durable(tmp_path)) as host:
        for language in LANGUAGES:
            await begin(host, language, f"t-{language}", ask("late", timeout="300ms"))
            await begin(host, language, f"c-{language}", ask("off"))
        for language in LANGUAGES:
            assert await result(host, f"t-{language}") == {"late": {"status": "timed_out", "value": None}}
        for row in (await open_asks(host, 4)).values():
            async with host.http.delete(f"/__polystep/api/asks/{row['id']}", json={}) as response:
                assert response.status == 200
            await answer(host, row["id"], {"ok": True}, 410)
        for language in LANGUAGES:
            assert await result(host, f"c-{language}") == {"off": {"status": "cancelled", "value": None}}


async def test_a_link_shows_on_get_and_answers_on_post(tmp_path: Path) -> None:
    """Behaviours 59, 60, 62, 63, 65."""
    async with Running(make_durable(tmp_path, "ts", "py")) as host:
        await begin(host, "ts", "person", ask("review"))
        await begin(host, "py", "machine", callback("hook", schema={"type": "object", "required": ["n"]}))
        asks = await open_asks(host, 2)
        link, hook = asks["Do-ts"]["url"], asks["Do-py"]["url"]
        assert asks["Do-ts"]["url"].startswith(f"{host.url}/__polystep/ask/")
        for method in ("GET", "HEAD", "OPTIONS", "PUT"):
            async with host.http.request(method, link, headers={"Authorization": ""}) as response:
                assert (response.status == 200) == (method in ("GET", "HEAD")), method
                text = await response.text()
                assert "<b>" not in text
                assert "Access-Control-Allow-Origin" not in response.headers
        async with host.http.get(link, headers={"Accept": "text/html"}) as response:
            text = await response.text()
            assert "&lt;b&gt;hello" in text
            assert "script" not in text
            assert "form-action 'self'" in response.headers["Content-Security-Policy"]
        assert len((await host.api("asks"))["asks"]) == 2
        async with host.http.post(link, data={"ok": "", "edit": "x"}) as response:
            assert response.status == 400
            assert "x" in await response.text()
        async with host.http.post(link, data={"ok": "false", "edit": "no\r\nway", "_by": "bob"}) as response:
            assert response.status == 200
            assert "Thank you" in await response.text()
        review = {"status": "answered", "value": {"ok": False, "edit": "no\nway"}}
        assert await result(host, "person") == {"review": review}
        async with host.http.post(link, json={"ok": True}) as response:
            assert (response.status, (await response.json())["answeredBy"]) == (409, "bob")
        async with host.http.post(hook, json={"m": 1}) as response:
            assert response.status == 400
        async with host.http.post(hook, json={"n": 2**53 + 1}) as response:
            assert (response.status, "2^53" in await response.text()) == (400, True)
        async with host.http.post(hook, json={"n": 7}) as response:
            assert response.status == 202
        assert (await result(host, "machine"))["hook"]["status"] == "answered"
        # 65: each leg gets the same link.
        urls = set((await host.group("urls")).values())
        assert urls == {hook}
        wrong = f"{host.url}/__polystep/ask/{'0' * 32}"
        async with host.http.post(wrong, json={}) as response:
            assert response.status == 404


async def test_a_link_is_for_people_elsewhere(tmp_path: Path) -> None:
    """Under the public name a browser may open the link, and nothing else of the admin surface."""
    project = make_durable(tmp_path, "ts")
    with (project / "polystep.toml").open("a") as file:
        file.write('[http]\nallowed_hosts = ["app.example"]\n[asks]\npublic_url = "https://app.example"\n')
    async with Running(project) as host:
        await begin(host, "ts", "far", ask("review"))
        link = (await open_asks(host, 1))["Do-ts"]["url"]
        assert link.startswith("https://app.example/__polystep/ask/")
        path = link.removeprefix("https://app.example")
        browser = {
            "Host": "app.example",
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Accept": "text/html",
        }
        async with host.http.get(path, headers={**browser, "Authorization": ""}) as response:
            assert (response.status, "Send the answer" in await response.text()) == (200, True)
        async with host.http.get("/__polystep/traces", headers={**browser, "Authorization": ""}) as response:
            assert response.status == 403
        sent = {**browser, "Sec-Fetch-Site": "same-origin", "Origin": "https://app.example", "Authorization": ""}
        async with host.http.post(path, data={"ok": "true"}, headers=sent) as response:
            assert response.status == 200
        assert (await result(host, "far"))["review"]["value"] == {"ok": True}


async def test_answers_outlive_kills_of_the_host(tmp_path: Path) -> None:
    project = make_durable(tmp_path, "ts", "py")
    host = Running(project)
    async with host:
        await begin(host, "ts", "a", ask("review"))
        await begin(host, "py", "b", ask("review"))
        asks = await open_asks(host, 2)
        await parked(host, 2)
        await answer(host, asks["Do-ts"]["id"], {"ok": True})
        await host.kill()
    again = Running(project)
    async with again:
        assert (await result(again, "a"))["review"]["status"] == "answered"
        assert set(await open_asks(again, 1)) == {"Do-py"}
        await answer(again, asks["Do-py"]["id"], {"ok": False})
        assert (await result(again, "b"))["review"]["value"] == {"ok": False}


async def test_links_can_be_off_and_sensitive_data_is_shown_nowhere(tmp_path: Path) -> None:
    project = make_durable(tmp_path, "ts")
    with (project / "polystep.toml").open("a") as file:
        file.write("[asks]\nlinks = false\n")
    async with Running(project) as host:
        await begin(host, "ts", "s", ask("review", sensitive=True, data={"word": f"hush-{4000 + 711}"}))
        row = (await open_asks(host, 1))["Do-ts"]
        assert (row["url"], row["data"], row["isSensitive"]) == (None, None, True)
        await answer(host, row["id"], {"ok": True, "edit": f"quiet-{4000 + 711}"})
        await result(host, "s")
        # What the handler writes elsewhere is the project's to hide.
        asked = operations_of(await host.api(f"traces/{row['traceId']}"), "ask")
        assert asked
        assert "4711" not in json.dumps([asked, await host.api("logs")])


async def test_the_command_line_lists_and_answers(tmp_path: Path) -> None:
    async with Running(make_durable(tmp_path, "ts")) as host:
        await begin(host, "ts", "x", ask("review"))
        row = (await open_asks(host, 1))["Do-ts"]
        _, shown = await host.command("asks")
        assert row["id"] in shown
        assert "Send it?" in shown
        status, shown = await host.command("answer", row["id"], '{"ok": 3}')
        assert (status, "ok" in shown) == (1, True)
        status, shown = await host.command("answer", row["id"], '{"ok": true}', "--by", "cli")
        assert status == 0, shown
        assert (await result(host, "x"))["review"]["value"] == {"ok": True}


async def test_a_wrong_signature_is_refused(tmp_path: Path) -> None:
    """Behaviour 66, in every language."""
    project = make_durable(tmp_path)
    (project / ".env").write_text("RENDERER=s3cret\n")
    async with Running(project) as host:
        verify = {"header": "X-Sign", "secretEnv": "RENDERER"}
        for language in LANGUAGES:
            await begin(host, language, f"v-{language}", callback("hook", verify=verify))
        for row in (await open_asks(host, 4)).values():
            body = b'{"n": 1}'
            made = hmac.new(b"s3cret", body, "sha256").digest()
            other = hmac.new(b"other", body, "sha256").hexdigest()
            for given in ({}, {"X-Sign": other}, {"X-Sign": f"sha256={other}"}, {"X-Sign": "\u00e4"}):
                async with host.http.post(row["url"], data=body, headers=given) as response:
                    assert response.status == 401, given
            good = {"X-Sign": f"sha256={made.hex()}", "Content-Type": "application/json"}
            async with host.http.post(row["url"], data=body, headers=good) as response:
                assert response.status == 202
        for language in LANGUAGES:
            assert (await result(host, f"v-{language}"))["hook"]["value"] == {"n": 1}
