"""Download of log lines: all that match, oldest first, up to its bounds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer, TestClient

from polystep.contracts.operations import bad_parameter
from polystep.contracts.ports.admin import Admin
from polystep.http.log_download import LogDownload
from polystep.http.refusals import RequestRefused, refusal_answer

LINES = 2500


class FakeLogs:
    """The operation `logs` with so many lines; more come while they are read."""

    name = "logs"

    def __init__(self) -> None:
        self.newest = LINES
        self.asked: list[Mapping[str, Any]] = []

    async def call(self, given: Mapping[str, Any]) -> Any:
        self.asked.append(given)
        if given.get("level") == "loud":
            raise bad_parameter("level is 'loud'; give one of debug, info.")
        if "after" not in given:
            return {"logs": [{"id": self.newest}]}
        self.newest += 10
        after = given["after"]
        return {"logs": [{"id": each, "m": "x" * 100} for each in range(after + 1, min(after + 1000, self.newest) + 1)]}


class FakeAdmin:
    def __init__(self) -> None:
        self.logs = FakeLogs()
        self.operations = [self.logs]


async def downloaded(query: Mapping[str, Any], **bounds: int) -> tuple[Any, list[Any], FakeLogs]:
    admin = FakeAdmin()
    download = LogDownload(cast("Admin", admin), **bounds)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await download.serve(request, dict(query))
        except RequestRefused as refused:
            return refusal_answer(refused)

    client: TestClient[web.BaseRequest, None] = TestClient(RawTestServer(handle))
    async with client, client.get("/") as answer:
        lines = [json.loads(each) for each in (await answer.text()).splitlines()]
        return answer, lines, admin.logs


async def test_all_lines_that_were_there_are_sent_oldest_first() -> None:
    answer, lines, logs = await downloaded({"level": "info", "cursor": "7", "after": "9", "limit": "1"})
    assert [each["id"] for each in lines] == list(range(1, LINES + 1))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="polystep-logs.ndjson"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert {each["level"] for each in logs.asked} == {"info"}


@pytest.mark.parametrize("bounds", [{"lines_max": 1500}, {"bytes_max": 50_000}])
async def test_a_download_that_is_cut_says_so_at_its_end(bounds: dict[str, int]) -> None:
    _, lines, _ = await downloaded({}, **bounds)
    assert lines[-1] == {"cut": True, "lines": 1000, "hint": "Narrow the filter."}
    assert len(lines) == 1001


async def test_a_wrong_parameter_is_refused() -> None:
    answer, (told,), _ = await downloaded({"level": "loud"})
    assert (answer.status, told["error"]) == (400, "Bad parameter")
