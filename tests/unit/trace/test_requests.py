"""Whole requests are kept with their runs, without secrets in their headers."""

from __future__ import annotations

from typing import Any, cast

import pytest

from polystep.trace import Preview
from polystep.trace.requests import RequestInputs
from polystep.wire import unpack

SECRET = "correct-horse-battery"
JSON = {"content-type": "application/json; charset=utf-8"}


def _kept(requests: RequestInputs, request: dict[str, Any], target: str = "/a?b=1") -> Any:
    packed = requests.pack("POST", target, request)
    return None if packed is None else unpack(packed)


def test_a_request_is_kept_as_it_can_be_sent_again() -> None:
    request = {"headers": {**JSON, "host": "x", "x-team": "blue"}, "body": {"n": 1.0}, "rawBody": '{"n":1.0}'}
    kept = _kept(RequestInputs(Preview({})), request)
    assert kept == {"method": "POST", "path": "/a?b=1", "headers": {**JSON, "x-team": "blue"}, "body": {"n": 1.0}}
    # A JSON text would be sent without its quotes; a form is text, too.
    text = {"headers": JSON, "body": "a", "rawBody": '"a"'}
    assert _kept(RequestInputs(Preview({})), text)["body"] == '"a"'
    form = {"headers": {"content-type": "application/x-www-form-urlencoded"}, "body": {"a": "1"}, "rawBody": "a=1"}
    assert _kept(RequestInputs(Preview({})), form)["body"] == "a=1"
    assert "body" not in _kept(RequestInputs(Preview({})), {"headers": {}, "body": None, "rawBody": ""})


def test_headers_that_name_or_hold_a_secret_are_left_out() -> None:
    preview = Preview({"API_KEY": "very-secret-value"})
    requests = RequestInputs(preview)
    headers = {
        "authorization": "Bearer abcdefghijklmnop", "cookie": "a=1", "x-api-key": "k", "x-plain": "plain",
        "x-shaped": "ghp_abcdefghijklmnopqrstuvwx", "x-known": "very-secret-value", "x-later": "another-secret-1",
    }  # fmt: skip
    for _ in range(2):
        assert _kept(requests, {"headers": headers})["headers"] == {"x-plain": "plain", "x-later": "another-secret-1"}
    preview.learn({"OTHER_TOKEN": "another-secret-1"})
    assert _kept(requests, {"headers": headers})["headers"] == {"x-plain": "plain"}


def test_what_cannot_be_sent_again_is_not_kept() -> None:
    requests = RequestInputs(Preview({}))
    assert _kept(requests, {"headers": {}, "rawBody": "x" * 300_000}) is None
    assert _kept(requests, {"headers": {}, "files": []}) is None
    assert _kept(requests, {"headers": {}}, target="") is None
    for number in range(1000):
        assert _kept(requests, {"headers": {"n": str(number)}})["headers"] == {"n": str(number)}
    assert len(requests._known) <= 256


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({"note": f"the key is {SECRET}"}, "/a"),
        ({"user": {"password": "hunter2hunter2"}}, "/a"),
        ({"long": "x" * 5000, "list": [{"apiKey": "k"}]}, "/a"),
        (f"grant={SECRET}".encode(), "/a"),
        ({"fine": 1}, f"/a?next={SECRET}"),
    ],
)
def test_a_request_that_holds_a_secret_is_not_kept_whole(body: object, target: str) -> None:
    inputs = RequestInputs(Preview({"API_KEY": SECRET}))
    assert inputs.hides(target, {"body": cast("Any", body)})
    assert not inputs.hides("/a", {"body": {"fine": [1, "x" * 5000]}, "queryParams": {"page": "2"}})
