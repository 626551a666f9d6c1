"""Payloads as traces keep them: redacted, cut, always JSON."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polystep.trace import Preview

SECRET = "sk-verysecretvalue"
REDACTED = "[redacted]"


@pytest.fixture
def preview() -> Preview:
    return Preview(
        {"OPENAI_API_KEY": SECRET, "SHORT_KEY": "short", "HOME": "/home/someone", "DB_PASSWORD": SECRET + "2"}
    )


def encoded(preview: Preview, payload: object) -> Any:
    return json.loads(preview.encode(payload))


@pytest.mark.parametrize(
    "key",
    ["password", "Password", "userPassword", "passwd", "passphrase", "secret", "clientSecret", "token", "access_token",
     "accessToken", "refreshToken", "idToken", "apiKey", "api_key", "x-api-key", "Authorization", "cookie",
     "set-cookie", "privateKey", "credentials", "bearer", "jwt", "pin", "otp", "pwd", "signature"],
)  # fmt: skip
def test_values_under_secret_names_are_redacted_at_any_depth(preview: Preview, key: str) -> None:
    assert encoded(preview, {key: "x", "deep": [{key: {"y": 1}}]}) == {key: REDACTED, "deep": [{key: REDACTED}]}


@pytest.mark.parametrize(
    "key",
    [
        "name",
        "tokens",
        "max_tokens",
        "nextPageToken",
        "author",
        "keyboard",
        "passenger",
        "sessionId",
        "secretary",
        "cookieConsent",
    ],
)
def test_ordinary_names_are_kept(preview: Preview, key: str) -> None:
    assert encoded(preview, {key: "x"}) == {key: "x"}


def test_secrets_of_the_environment_are_cut_out_wherever_they_turn_up(preview: Preview) -> None:
    payload = {"a": f"Bearer {SECRET}!", "b": [f"{SECRET}{SECRET}"], SECRET: 1, "home": "/home/someone", "s": "short"}
    assert encoded(preview, payload) == {
        "a": f"Bearer {REDACTED}!",
        "b": [REDACTED * 2],
        REDACTED: 1,
        "home": "/home/someone",
        "s": "short",
    }
    assert preview.text(f"key {SECRET}2 and {SECRET}") == f"key {REDACTED} and {REDACTED}"


def test_a_payload_that_is_a_text_is_redacted_too(preview: Preview) -> None:
    assert encoded(preview, SECRET) == REDACTED


def test_a_large_member_is_cut_and_says_how_large_it_was() -> None:
    preview = Preview({}, value_bytes_max=10)
    assert encoded(preview, {"large": "x" * 50, "small": "y"}) == {
        "large": {"$cut": '"xxxxxxxxx', "bytes": 52},
        "small": "y",
    }


def test_a_cut_never_splits_a_character() -> None:
    assert encoded(Preview({}, value_bytes_max=10), {"a": "é" * 50}) == {"a": {"$cut": '"éééé', "bytes": 102}}


def test_bytes_are_counted_and_not_kept(preview: Preview) -> None:
    assert encoded(preview, {"file": b"\x00" * 1000, "more": [bytearray(3)]}) == {
        "file": {"$bytes": 1000},
        "more": [{"$bytes": 3}],
    }


def test_what_is_nested_too_deep_is_left_out(preview: Preview) -> None:
    value: object = "bottom"
    for _ in range(50):
        value = [value]
    kept, depth = encoded(preview, {"deep": value})["deep"], 0
    while isinstance(kept, list):
        (kept,) = kept
        depth += 1
    assert (kept, depth) == ("…", 12)


def test_a_cycle_ends(preview: Preview) -> None:
    cycle: dict[str, object] = {}
    cycle["again"] = cycle
    assert "…" in preview.encode(cycle)


def test_long_lists_and_maps_keep_their_beginning_and_say_so(preview: Preview) -> None:
    kept = encoded(preview, {"list": list(range(150)), "map": {f"{n:03}": n for n in range(150)}})
    assert kept == {
        "list": [*range(100), "… 50 more"],
        "map": {**{f"{n:03}": n for n in range(100)}, "…": "50 more"},
    }
    assert encoded(preview, {str(n): n for n in range(101)}) == {**{str(n): n for n in range(100)}, "…": "1 more"}


class Angry:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Halved:
    def __repr__(self) -> str:
        return "\ud800"


class Measure(float):
    pass


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        pytest.param(2**63 - 1, 2**63 - 1, id="the largest integer"),
        pytest.param(2**63, str(2**63), id="a larger one"),
        pytest.param(-(2**70), str(-(2**70)), id="a far smaller one"),
        pytest.param(10**6000, "<int>", id="one with too many digits to print"),
        pytest.param(float("nan"), None, id="NaN"),
        pytest.param(float("inf"), None, id="infinity"),
        pytest.param(Measure(1.5), 1.5, id="a kind of float"),
        pytest.param("a\ud800b", "a?b", id="a lone surrogate"),
        pytest.param(Angry(), "<Angry>", id="an object that cannot be printed"),
        pytest.param(Halved(), "?", id="an object that prints a surrogate"),
        pytest.param({1}, "{1}", id="a set"),
        pytest.param((1, 2), [1, 2], id="a tuple"),
    ],
)
def test_odd_values_never_raise(preview: Preview, value: object, kept: object) -> None:
    assert encoded(preview, {"v": value, "deep": [value]}) == {"v": kept, "deep": [kept]}
    assert encoded(preview, value) == kept


@pytest.mark.parametrize(("key", "kept"), [("\ud800", "?"), (1, "1"), (None, "None"), (Angry(), "<Angry>")])
def test_odd_keys_never_raise(preview: Preview, key: object, kept: str) -> None:
    assert encoded(preview, {key: 1, "deep": {key: 2}}) == {kept: 1, "deep": {kept: 2}}


def test_a_huge_key_is_cut(preview: Preview) -> None:
    assert len(preview.encode({"k" * 1_000_000: 1})) < 3000


ANYTHING: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.complex_numbers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()) | st.integers(), inner) | st.tuples(inner),
    max_leaves=20,
)


@given(ANYTHING)
@settings(max_examples=200, deadline=None)
def test_anything_at_all_becomes_bounded_json(payload: object) -> None:
    text = Preview({}, value_bytes_max=200).encode(payload)
    json.loads(text)
    assert len(text.encode()) <= 101 * (200 * 6 + 600)


@given(ANYTHING)
@settings(max_examples=300, deadline=None)
def test_the_look_at_the_whole_says_the_same_as_the_look_at_every_part(payload: object) -> None:
    preview = Preview({"API_KEY": 'quote"and\\slash'})
    plain = preview._plain(payload, 2048)
    if plain is not None:
        parts: dict[str, Any] = {"whole": payload}
        assert json.loads(plain) == orjson.loads(orjson.dumps(preview.redacted(parts)))["whole"]


def test_a_secret_whose_characters_json_escapes_is_cut_out_too() -> None:
    preview = Preview({"API_KEY": 'quote"and\\slash'})
    assert encoded(preview, {"url": 'https://x/quote"and\\slash/y'}) == {"url": f"https://x/{REDACTED}/y"}
