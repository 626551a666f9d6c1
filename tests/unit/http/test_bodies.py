"""Bodies to values, without HTTP."""

import pytest

from polystep.contracts.limits import VALUE_DEPTH_MAX
from polystep.http.bodies import Body, parse_body, parse_fields
from polystep.http.refusals import RequestRefused

JSON = "application/json"


def refused(content_type: str, data: bytes) -> tuple[int, object]:
    with pytest.raises(RequestRefused) as caught:
        parse_body(content_type, data, present=True)
    return caught.value.status, caught.value.body


@pytest.mark.parametrize(
    ("content_type", "data", "expected"),
    [
        (JSON, b'{"a":[1,2.5,null]}', Body({"a": [1, 2.5, None]}, '{"a":[1,2.5,null]}')),
        ("Application/JSON; charset=utf-8", b'"x"', Body("x", '"x"')),
        ("application/vnd.api+json", b"[]", Body([], "[]")),
        (JSON, b"", Body({}, "")),
        (JSON, b"9007199254740991", Body(2**53 - 1, "9007199254740991")),
        (JSON, b'"12345678901234567890"', Body("12345678901234567890", '"12345678901234567890"')),
        (
            "application/x-www-form-urlencoded",
            b"a=1&b=2&a=3&c=",
            Body({"a": ["1", "3"], "b": "2", "c": ""}, "a=1&b=2&a=3&c="),
        ),
        ("text/plain", "é".encode(), Body("é", "é")),
        ("text/plain; charset=latin-1", b"\xe9", Body("é", "é")),
        ("text/plain", b"", Body("", "")),
        ("image/png", b"\x89PNG", Body(b"\x89PNG", b"\x89PNG")),
        ("", b"x", Body(b"x", b"x")),
        ("", b"", Body({}, "")),
    ],
)
def test_a_body_becomes_what_its_content_type_says(content_type: str, data: bytes, expected: Body) -> None:
    assert parse_body(content_type, data, present=True) == expected


def test_malformed_json_says_where() -> None:
    assert refused(JSON, '{"é": 1,\n "b": }'.encode()) == (
        400,
        {
            "error": "Malformed JSON",
            "issues": [
                {
                    "path": [],
                    "message": "unexpected character, expected a JSON value at line 2, column 7 (byte 16)",
                    "code": "invalid_json",
                }
            ],
        },
    )


@pytest.mark.parametrize(
    "data", [b'"\xff"', b'"\\ud800"', b"NaN", b"1e400", b"9" * 309, b'{"a":1,}', b"\xef\xbb\xbf{}"]
)
def test_what_json_cannot_say_is_malformed(data: bytes) -> None:
    status, body = refused(JSON, data)
    assert status == 400
    assert isinstance(body, dict)
    assert body["issues"][0]["code"] == "invalid_json"


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a":[0,{"id":9007199254740993}]}', {"a": [0, {"id": 9007199254740993}]}),
        (b"[18446744073709551615,-9223372036854775808]", [2**64 - 1, -(2**63)]),
        (b"[18446744073709551616,-9223372036854775809]", [float(2**64), -float(2**63)]),
        (b'{"a":1e20,"b":-1234567890.5E+10}', {"a": 1e20, "b": -12345678905000000000.0}),
        (b"9007199254740993.0", 9007199254740992.0),
    ],
)
def test_integers_of_64_bits_are_exact_and_larger_numbers_doubles(data: bytes, value: object) -> None:
    found = parse_body(JSON, data, present=True)
    assert (found.value, found.raw) == (value, data.decode())
    assert repr(found.value) == repr(value)


def test_a_long_float_is_not_an_integer() -> None:
    assert parse_body(JSON, b"[0.12345678901234567890]", present=True).value == [0.12345678901234568]


def test_nesting_is_allowed_up_to_the_limit_and_no_deeper() -> None:
    allowed = b"[" * VALUE_DEPTH_MAX + b"]" * VALUE_DEPTH_MAX
    assert parse_body(JSON, allowed, present=True).raw == allowed.decode()
    for data in (b"[" + allowed + b"]", b'{"a":' * 5000 + b"1" + b"}" * 5000):
        status, body = refused(JSON, data)
        assert status == 400
        assert isinstance(body, dict)
        assert body["issues"][0]["code"] == "too_deep"


def test_a_wide_body_is_not_taken_for_a_deep_one() -> None:
    assert len(parse_body(JSON, b"[" + b"{}," * 500 + b"{}]", present=True).value) == 501  # type: ignore[arg-type]


def test_text_that_is_not_its_charset_is_refused() -> None:
    assert refused("text/plain", b"a\xff")[0] == 400
    assert refused("application/x-www-form-urlencoded", b"\xff")[0] == 400
    assert refused("text/plain; charset=idna", b"a")[0] == 415


def test_fields_keep_order_repeats_and_names_that_languages_reserve() -> None:
    assert parse_fields("b=2&a=1&b=3&b=4&__proto__=x&e=%C3%A9+%20") == {
        "b": ["2", "3", "4"],
        "a": "1",
        "e": "é  ",
    }


def test_too_many_fields_are_refused() -> None:
    with pytest.raises(RequestRefused) as caught:
        parse_fields("&".join(["a=1"] * 1001))
    assert caught.value.status == 400
