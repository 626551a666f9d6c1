"""A JSON body that came as another type gets a hint."""

from __future__ import annotations

import logging

import pytest

from polystep.http import HttpSettings
from polystep.http.json_hint import json_hint
from tests.unit.http.fakes import RequiresSubject, api_step, running

POST = api_step("Submit", "POST", "/tickets")
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("content_type", "raw", "came"),
    [
        (FORM, '{"subject": "x"}', f"came as {FORM}"),
        ("", b' \n[{"a": 1}]', "came without a Content-Type"),
        ("text/plain; charset=utf-8", "{}", "came as text/plain"),
        ("application/octet-stream", b"{}", "came as application/octet-stream"),
    ],
)
def test_json_of_another_type_is_recognised(content_type: str, raw: str | bytes, came: str) -> None:
    hint = f"The body is JSON, but it {came}: send the header `Content-Type: application/json`."
    assert json_hint(content_type, raw) == hint


@pytest.mark.parametrize(
    ("content_type", "raw"),
    [
        ("application/json", "{}"),
        ("application/merge-patch+json; charset=utf-8", "{}"),
        (FORM, "a=1"),
        ("", b"{not json"),
        ("", b""),
        ("text/plain", "12"),
        ("application/octet-stream", b"{\xff}"),
    ],
)
def test_everything_else_is_not(content_type: str, raw: str | bytes) -> None:
    assert json_hint(content_type, raw) is None


@pytest.mark.parametrize("dev", [True, False])
async def test_a_refusal_that_may_come_of_it_says_so(dev: bool) -> None:
    async with running(POST, settings=HttpSettings(port=0, dev=dev)) as harness:
        harness.project.validators["Submit"] = RequiresSubject()
        async with harness.client.post("/tickets", data='{"subject": "x"}', headers={"Content-Type": FORM}) as response:
            answer = await response.json()
            assert (response.status, answer["error"]) == (400, "Validation failed")
            assert answer["hint"].startswith(f"The body is JSON, but it came as {FORM}")
        async with harness.client.post("/tickets", json={}) as response:
            assert (response.status, "hint" in await response.json()) == (400, False)


async def test_in_development_a_step_without_a_contract_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "polystep.http")
    async with running(POST, settings=HttpSettings(port=0, dev=True)) as harness:
        for _ in range(2):
            async with harness.client.post("/tickets", data="{}", headers={"Content-Type": FORM}) as response:
                assert response.status == 200
        await harness.client.post("/tickets", json={})
    (message,) = caplog.messages
    assert message == (
        "A request to Submit is read as its type says. The body is JSON, but it came as "
        f"{FORM}: send the header `Content-Type: application/json`."
    )
