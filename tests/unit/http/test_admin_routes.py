"""The admin API's paths and parameters."""

from __future__ import annotations

import json

import pytest
from yarl import URL

from polystep.contracts.values import JSONObject
from polystep.http import HttpSettings
from tests.unit.http.fakes import TOKEN, running

GONE = "it never was, or is not kept any more"
API = "/__polystep/api/"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def test_health_is_503_until_the_project_is_ready() -> None:
    async with running() as harness:
        harness.project.ready = False
        answer = await harness.client.get("/__polystep/health")
        assert (answer.status, await answer.json()) == (503, {"status": "starting", "version": "0.1.0"})
        harness.project.ready = True
        answer = await harness.client.get("/__polystep/health")
        assert (answer.status, await answer.json()) == (200, {"status": "ready", "version": "0.1.0"})


@pytest.mark.parametrize(
    ("status", "plain", "strict"), [("ready", 200, 200), ("degraded", 200, 503), ("unavailable", 503, 503)]
)
async def test_readiness_may_be_strict_and_liveness_is_not(status: str, plain: int, strict: int) -> None:
    async with running() as harness:
        harness.admin.told = {"status": status, "failing": [{"file": "a", "message": "m"}], "runnersMissing": []}
        for query, expected in (("", plain), ("?strict", strict), ("?strict=1", strict)):
            answer = await harness.client.get(f"/__polystep/health{query}")
            assert (answer.status, await answer.json()) == (expected, harness.admin.told)
            assert answer.headers.get("Retry-After") == ("1" if expected == 503 else None)
        harness.project.ready = False
        answer = await harness.client.get("/__polystep/alive")
        assert (answer.status, await answer.json()) == (200, {"status": "alive"})


async def test_probes_have_their_usual_addresses_where_no_step_claims_them() -> None:
    async with running() as harness:
        harness.admin.told = {"status": "degraded", "failing": [], "runnersMissing": []}
        for path, expected in (("/livez", 200), ("/readyz", 200), ("/readyz?strict", 503)):
            answer = await harness.client.get(path)
            assert answer.status == expected
            assert answer.headers["Cache-Control"] == "no-store"
        assert (await harness.client.post("/livez")).status == 404


async def test_health_lists_files_and_messages_only_for_those_who_may_read_the_admin_api() -> None:
    told: JSONObject = {"status": "degraded", "failing": [{"file": "a", "message": "m"}], "runnersMissing": []}
    async with running(settings=HttpSettings(port=0, token=TOKEN, require_token_for_reads=True)) as harness:
        harness.admin.told = told
        answer = await harness.client.get("/__polystep/health")
        assert (answer.status, await answer.json()) == (200, {"status": "degraded"})
        answer = await harness.client.get("/__polystep/health", headers={"Authorization": f"Bearer {TOKEN}"})
        assert await answer.json() == told


async def test_the_openapi_document_is_served() -> None:
    async with running() as harness:
        answer = await harness.client.get("/__polystep/openapi.json")
        assert (answer.status, await answer.json()) == (200, {"openapi": "3.1.0"})


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("steps", ("steps", {})),
        ("state", ("state_groups", {})),
        ("state?limit=7&cursor=gx%26", ("state_groups", {"limit": 7, "cursor": "gx&"})),
        ("state/g?limit=7&cursor=kx%26", ("state", {"group": "g", "limit": 7, "cursor": "kx&"})),
        ("state/a%2Fb/c%20%25d", ("state_value", {"group": "a/b", "key": "c %d"})),
        ("state/%2E%2E/%00", ("state_value", {"group": "..", "key": "\0"})),
        ("state//", ("state_value", {"group": "", "key": ""})),
        ("state//?group=..&key=.", ("state_value", {"group": "..", "key": "."})),
        ("state/g/k?group=..", ("state_value", {"group": "g", "key": "k"})),
        ("streams/chat/g%2F1", ("stream", {"stream": "chat", "group": "g/1"})),
        (
            "streams/chat/g?limit=9999&cursor=1.2",
            ("stream", {"stream": "chat", "group": "g", "limit": 1000, "cursor": "1.2"}),
        ),
        ("traces", ("traces", {})),
        ("traces?limit=5&before=99&status=failed", ("traces", {"limit": 5, "before": 99, "status": "failed"})),
        ("traces?limit=0", ("traces", {"limit": 1})),
        ("traces?limit=99999", ("traces", {"limit": 1000})),
        ("traces/abc", ("trace", {"id": "abc"})),
        (
            "logs?limit=7&traceId=t&level=warn&step=Triage%20A",
            ("logs", {"limit": 7, "trace_id": "t", "level": "warn", "step": "Triage A"}),
        ),
        ("queues", ("queues", {})),
        ("dead-letters?before=3", ("dead_letters", {"before": 3})),
        ("cron", ("cron", {})),
    ],
)
async def test_paths_and_queries_become_parameters(path: str, asked: tuple[str, JSONObject]) -> None:
    async with running() as harness:
        answer = await harness.raw(f"GET {API}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        head, _, text = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert json.loads(text) == {"did": asked[0], **asked[1], "blob": {"$bytes": "AP8="}}
        assert harness.admin.asked == [asked]


@pytest.mark.parametrize(
    ("path", "status", "asked"),
    [
        ("queues/a%2Fb/purge", 200, ("purge", {"step": "a/b"})),
        ("queues/missing/purge", 404, ("purge", {"step": "missing"})),
        ("dead-letters/purge", 200, ("purge_dead_letters", {})),
        ("dead-letters/purge?step=a%2Fb", 200, ("purge_dead_letters", {"step": "a/b"})),
        ("dead-letters/7/replay", 200, ("replay", {"id": 7})),
        ("cron/Daily/run", 200, ("fire", {"step": "Daily"})),
    ],
)
async def test_changes_need_the_token(path: str, status: int, asked: tuple[str, JSONObject]) -> None:
    async with running() as harness:
        url = URL(f"{API}{path}", encoded=True)
        assert (await harness.client.post(url)).status == 403
        assert harness.admin.asked == []
        answer = await harness.client.post(url, headers=BEARER)
        assert answer.status == status
        assert harness.admin.asked == [asked]


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("traces?limit=x", "limit is 'x'; give a whole number."),
        ("traces?before=-1", "before is '-1'; give a whole number."),
        ("traces?before=99999999999999999999", "before is '99999999999999999999'; give a whole number."),
        ("traces?status=odd", "status is 'odd'; give one of running, completed, failed, rejected."),
        ("logs?level=loud", "level is 'loud'; give one of debug, info, warn, error."),
        ("dead-letters?limit=%C2%B2", "limit is '²'; give a whole number."),
        (f"steps?{'&'.join(f'a{n}=1' for n in range(21))}", "Give at most 20 parameters."),
    ],
)
async def test_bad_parameters_are_a_400_that_says_which(path: str, hint: str) -> None:
    async with running() as harness:
        answer = await harness.client.get(API + path)
        assert (answer.status, await answer.json()) == (400, {"error": "Bad parameter", "hint": hint})
        assert harness.admin.asked == []


@pytest.mark.parametrize("path", ["state/a/missing", "streams/missing/g", "traces/missing"])
async def test_what_does_not_exist_is_a_404(path: str) -> None:
    async with running() as harness:
        answer = await harness.client.get(API + path)
        assert (answer.status, (await answer.json())["error"]) == (404, "Not found")


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("queues/missing/purge", 404, {"error": "Not found", "hint": f"Nothing at queues / missing / purge: {GONE}."}),
        ("dead-letters/x/replay", 400, {"error": "Bad parameter", "hint": "id is 'x'; give a whole number."}),
        ("cron/missing/run", 404, {"error": "Not found", "hint": f"Nothing at cron / missing / run: {GONE}."}),
        ("steps", 405, {"error": "Method not allowed", "hint": "Use GET."}),
    ],
)
async def test_changes_that_are_refused(path: str, status: int, body: JSONObject) -> None:
    async with running() as harness:
        answer = await harness.client.post(API + path, headers=BEARER)
        assert (answer.status, await answer.json()) == (status, body)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"step": "A"}', "application/json", 200),
        (b"", "application/json", 200),
        (b"[1]", "application/json", 400),
        (b"{", "application/json", 400),
        (b"step=A", "application/x-www-form-urlencoded", 415),
        (b'{"step": "A"}', "text/plain", 415),
    ],
)
async def test_a_change_takes_its_parameters_from_a_json_object(body: bytes, kind: str, status: int) -> None:
    async with running() as harness:
        headers = {**BEARER, "Content-Type": kind}
        answer = await harness.client.post(f"{API}dead-letters/purge", headers=headers, data=body)
        assert answer.status == status
        asked = [("purge_dead_letters", {"step": "A"} if body else {})]
        assert harness.admin.asked == (asked if status == 200 else [])


async def test_a_change_is_never_made_by_a_get() -> None:
    async with running() as harness:
        answer = await harness.client.get(API + "dead-letters/7/replay")
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_an_unknown_path_lists_what_exists() -> None:
    async with running() as harness:
        answer = await harness.client.get(API + "nope")
        body = await answer.json()
        assert (answer.status, body["error"]) == (404, "Not found")
        assert "POST /__polystep/api/cron/{step}/run" in body["routes"]
        assert (await harness.client.head(API + "steps")).status == 200
        assert (await harness.client.get("/__polystep", allow_redirects=False)).headers["Location"] == "/__polystep/"
