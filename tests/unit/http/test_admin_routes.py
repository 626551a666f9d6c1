"""The admin API's paths and parameters."""

from __future__ import annotations

import json

import pytest
from yarl import URL

from polystep.contracts.values import JSONObject
from polystep.http import HttpSettings
from tests.unit.http.fakes import TOKEN, running

API = "/__polystep/api/"


async def test_health_is_503_until_the_project_is_ready() -> None:
    async with running() as house:
        house.project.ready = False
        answer = await house.client.get("/__polystep/health")
        assert (answer.status, await answer.json()) == (503, {"status": "starting", "version": "0.1.0"})
        house.project.ready = True
        answer = await house.client.get("/__polystep/health")
        assert (answer.status, await answer.json()) == (200, {"status": "ready", "version": "0.1.0"})


@pytest.mark.parametrize(
    ("status", "plain", "strict"), [("ready", 200, 200), ("degraded", 200, 503), ("unavailable", 503, 503)]
)
async def test_readiness_may_be_strict_and_liveness_is_not(status: str, plain: int, strict: int) -> None:
    async with running() as house:
        house.admin.told = {"status": status, "failing": [{"file": "a", "message": "m"}], "runnersMissing": []}
        for query, expected in (("", plain), ("?strict", strict), ("?strict=1", strict)):
            answer = await house.client.get(f"/__polystep/health{query}")
            assert (answer.status, await answer.json()) == (expected, house.admin.told)
            assert answer.headers.get("Retry-After") == ("1" if expected == 503 else None)
        house.project.ready = False
        answer = await house.client.get("/__polystep/alive")
        assert (answer.status, await answer.json()) == (200, {"status": "alive"})


async def test_health_lists_files_and_messages_only_for_those_who_may_read_the_admin_api() -> None:
    told: JSONObject = {"status": "degraded", "failing": [{"file": "a", "message": "m"}], "runnersMissing": []}
    async with running(settings=HttpSettings(port=0, token=TOKEN, require_token_for_reads=True)) as house:
        house.admin.told = told
        answer = await house.client.get("/__polystep/health")
        assert (answer.status, await answer.json()) == (200, {"status": "degraded"})
        answer = await house.client.get("/__polystep/health", headers={"Authorization": f"Bearer {TOKEN}"})
        assert await answer.json() == told


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("state/g", ("state_items", 100, None)),
        ("state/g?limit=7&cursor=kx%26", ("state_items", 7, "kx&")),
        ("streams/chat/g", ("stream_items", 100, None)),
        ("streams/chat/g?limit=9999&cursor=1.2", ("stream_items", 1000, "1.2")),
    ],
)
async def test_lists_of_groups_take_a_limit_and_a_cursor(path: str, asked: tuple[object, ...]) -> None:
    async with running() as house:
        assert (await house.client.get(API + path)).status == 200
        assert house.admin.asked == [asked]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("steps", {"steps": [{"name": "Hello"}], "streams": []}),
        ("state", {"groups": [{"group": "tickets", "keys": 2}]}),
        ("state/a", {"items": {"blob": {"$bytes": "AP8="}, "group": "a"}}),
        ("state/a%2Fb/c%20%25d", {"value": ["a/b", "c %d"]}),
        ("state/%2E%2E/%00", {"value": ["..", "\0"]}),
        ("state//", {"value": ["", ""]}),
        ("streams/chat/g%2F1", {"items": ["chat", "g/1"]}),
        ("traces", {"traces": []}),
        ("traces/abc", {"traceId": "abc"}),
        ("logs", {"logs": []}),
        ("queues", {"queues": []}),
        ("dead-letters", {"deadLetters": []}),
        ("cron", {"cron": []}),
    ],
)
async def test_reads(path: str, body: JSONObject) -> None:
    async with running() as house:
        answer = await house.raw(f"GET {API}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        head, _, text = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert json.loads(text) == body


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("queues/a%2Fb/purge", 200, {"step": "a/b", "removed": 2}),
        ("queues/missing/purge", 404, None),
        ("dead-letters/purge", 200, {"step": None, "removed": 3}),
        ("dead-letters/purge?step=a%2Fb", 200, {"step": "a/b", "removed": 3}),
    ],
)
async def test_purges_need_the_token(path: str, status: int, body: JSONObject | None) -> None:
    async with running() as house:
        url = URL(f"{API}{path}", encoded=True)
        assert (await house.client.post(url)).status == 403
        answer = await house.client.post(url, headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status == status
        if body is not None:
            assert await answer.json() == body


async def test_parameters_reach_the_admin_port_and_limits_are_clamped() -> None:
    async with running() as house:
        for path in (
            "traces?limit=5&before=99&status=failed",
            "traces?limit=0",
            "traces?limit=99999",
            "logs?limit=7&traceId=t&level=warn&step=Triage%20A",
            "dead-letters?before=3",
        ):
            assert (await house.client.get(API + path)).status == 200
        assert house.admin.asked == [
            ("traces", 5, 99, "failed"),
            ("traces", 1, None, None),
            ("traces", 1000, None, None),
            ("logs", 7, "t", "warn", "Triage A"),
            ("dead_letters", 100, 3),
        ]


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("traces?limit=x", "limit is 'x'; give a whole number."),
        ("traces?before=-1", "before is '-1'; give a whole number."),
        ("traces?before=99999999999999999999", "before is '99999999999999999999'; give a whole number."),
        ("traces?status=odd", "status is 'odd'; give one of running, completed, failed, rejected."),
        ("logs?level=loud", "level is 'loud'; give one of debug, info, warn, error."),
        ("dead-letters?limit=%C2%B2", "limit is '²'; give a whole number."),
    ],
)
async def test_bad_parameters_are_a_400_that_says_which(path: str, hint: str) -> None:
    async with running() as house:
        answer = await house.client.get(API + path)
        assert (answer.status, await answer.json()) == (400, {"error": "Bad parameter", "hint": hint})
        assert house.admin.asked == []


@pytest.mark.parametrize("path", ["state/a/missing", "streams/missing/g", "traces/missing"])
async def test_what_does_not_exist_is_a_404(path: str) -> None:
    async with running() as house:
        answer = await house.client.get(API + path)
        assert (answer.status, (await answer.json())["error"]) == (404, "Not found")


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("dead-letters/7/replay", 200, {"replayed": 7, "step": "Triage", "traceId": "t"}),
        ("dead-letters/8/replay", 404, {"error": "Not found", "hint": "There is no dead-letters / 8 / replay."}),
        ("dead-letters/x/replay", 400, {"error": "Bad parameter", "hint": "id is 'x'; give a whole number."}),
        ("cron/Daily/run", 200, {"step": "Daily", "traceId": "t"}),
        ("cron/Nope/run", 404, {"error": "Not found", "hint": "There is no cron / Nope / run."}),
        ("steps", 405, {"error": "Method not allowed", "hint": "Use GET."}),
    ],
)
async def test_changes(path: str, status: int, body: JSONObject) -> None:
    async with running() as house:
        answer = await house.client.post(API + path, headers={"Authorization": f"Bearer {TOKEN}"})
        assert (answer.status, await answer.json()) == (status, body)


async def test_a_change_is_never_made_by_a_get() -> None:
    async with running() as house:
        answer = await house.client.get(API + "dead-letters/7/replay")
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_an_unknown_path_lists_what_exists() -> None:
    async with running() as house:
        answer = await house.client.get(API + "nope")
        body = await answer.json()
        assert (answer.status, body["error"]) == (404, "Not found")
        assert "POST /__polystep/api/cron/{step}/run" in body["routes"]
        assert (await house.client.head(API + "steps")).status == 200
        assert (await house.client.get("/__polystep", allow_redirects=False)).headers["Location"] == "/__polystep/"


async def test_a_part_of_a_trace_id_finds_the_only_trace_that_begins_or_ends_so() -> None:
    first, second = "0a" * 12 + "11112222", "0a" * 12 + "33334444"
    async with running() as house:
        house.admin.trace_ids = [first, second]
        for part, found in (("11112222", first), ("4444", second), (first[:30], first), (second, second)):
            answer = await house.client.get(f"{API}traces/{part}")
            assert (answer.status, await answer.json()) == (200, {"traceId": found})
            await house.client.get(f"{API}logs?traceId={part}")
            assert house.admin.asked[-1] == ("logs", 100, found, None, None)
        for part in ("0404", "22"):
            assert (await house.client.get(f"{API}traces/{part}")).status == 404
        for path in ("traces/0a0a0a", "logs?traceId=0a0a0a"):
            async with house.client.get(f"{API}{path}") as response:
                answer = await response.json()
                assert (response.status, answer["error"]) == (409, "Ambiguous trace id")
                assert [each["traceId"] for each in answer["traces"]] == [first, second]
