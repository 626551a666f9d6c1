"""The differences between host and libraries that are by design: docs/contracts.md says why, this says exactly when."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.contract.verdicts.comparison import Declared, Divergence, Refusal
from tests.contract.verdicts.exported import is_open, said_at


@dataclass(frozen=True, slots=True)
class Difference:
    """One row of the table in docs/contracts.md: `excuses` says whether it explains one reason of a refusal."""

    name: str
    refused_by: str
    excuses: Callable[[Refusal, Declared], bool]


def explanation(divergence: Divergence) -> list[Difference] | None:
    """The differences that explain every reason of the side that refuses; None if there is a reason without one.

    Of a union, one branch must be explained: the one through which the other side takes the value.
    """
    used: list[Difference] = []
    for reason in divergence.reasons:
        found = _explained(reason, divergence)
        if found is None:
            return None
        used += found
    return used or None


def _explained(reason: Refusal, divergence: Divergence) -> list[Difference] | None:
    for difference in DIFFERENCES:
        if difference.refused_by == divergence.refused_by and difference.excuses(reason, divergence.declared):
            return [difference]
    for branch in reason.branches:
        found = [_explained(each, divergence) for each in branch]
        if found and None not in found:
            return [difference for each in found if each is not None for difference in each]
    return None


# --- What the library alone refuses -----------------------------------------------------------------------------------


def _own_rules(reason: Refusal, declared: Declared) -> bool:
    code = reason.code in ("custom", "value_error", "assertion_error")
    return code and re.search(r"efine\(|instanceof|validator\(|Validator\(", declared.source) is not None


def _left_open(reason: Refusal, declared: Declared) -> bool:
    return is_open(declared.schema, reason.path) and _LEAVING_OPEN.search(declared.source) is not None


_LEAVING_OPEN: Final = re.compile(
    r"coerce|preprocess|BeforeValidator|PlainValidator|WrapValidator|mode='(before|wrap)'"
)


def _no_json(reason: Refusal, _declared: Declared) -> bool:
    return reason.code == "invalid_type" and reason.about.get("expected") in _NOT_IN_JSON


_NOT_IN_JSON: Final = ("bigint", "symbol", "undefined", "void", "nan", "set", "map", "Date", "file")


def _after_transform(reason: Refusal, declared: Declared) -> bool:
    """What a transform makes of a text is no text, or breaks a rule that the text itself does not have."""
    if re.search(r"pipe\(|codec\(|stringbool", declared.source) is None or not isinstance(reason.value, str):
        return False
    expected = reason.about.get("expected", reason.about.get("origin", reason.about.get("type")))
    return expected in ("number", "date", "stringbool") or reason.code == "invalid_date" or _unsaid(reason, declared)


def _rewritten(reason: Refusal, declared: Declared) -> bool:
    rewriting = r"trim\(|toLowerCase|normalize\(|slugify|overwrite|strip_whitespace|to_lower|to_upper"
    return re.search(rewriting, declared.source) is not None and _unsaid(reason, declared)


def _unsaid(reason: Refusal, declared: Declared) -> bool:
    """Whether some schema of the same text has none of the keywords that could refuse it."""
    keywords = {"minLength", "maxLength", "pattern", "allOf", "format", "enum", "const"}
    texts = [each for each in said_at(declared.schema, reason.path) if "string" in (each.get("type") or ())]
    return _is_text_rule(reason) and any(not keywords & each.keys() for each in texts)


def _is_text_rule(reason: Refusal) -> bool:
    codes = ("too_big", "too_small", "invalid_format", "invalid_string")
    return isinstance(reason.value, str) and (reason.code in codes or reason.code.startswith("string_"))


def _utf16(reason: Refusal, _declared: Declared) -> bool:
    zod = reason.library.startswith("zod") and (_is_text_rule(reason) or reason.code == "invalid_key")
    return zod and isinstance(reason.value, str) and _is_astral(reason.value)


def _is_astral(text: str) -> bool:
    return any(ord(letter) > 0xFFFF for letter in text)


def _url(reason: Refusal, _declared: Declared) -> bool:
    said = reason.about.get("format") == "url" or reason.about.get("validation") == "url"
    return said or reason.code in ("url_parsing", "url_scheme", "url_too_long", "url_syntax_violation")


def _no_word(reason: Refusal, declared: Declared) -> bool:
    """Formats that JSON Schema has no word for, or one that is not enforced."""
    zod = reason.about.get("format") in ("jwt", "cidrv6") or reason.about.get("validation") in _UNKNOWN_TO_JSON_SCHEMA
    network = reason.code == "value_error" and re.search("IPv[46]", declared.source) is not None
    return zod or network or reason.code in _CODES_OF_OWN_FORMATS


_UNKNOWN_TO_JSON_SCHEMA: Final = ("time", "duration", "base64", "base64url", "jwt", "cuid2", "cidr")
_CODES_OF_OWN_FORMATS: Final = (
    *("ip_v6_network", "ip_v4_network", "base64_decode", "json_invalid", "byte_size", "byte_size_unit"),
    *("complex_type", "complex_str_parsing", "uuid_version", "uuid_parsing"),
)


def _inside_json_text(reason: Refusal, declared: Declared) -> bool:
    said = said_at(declared.schema, reason.path)
    return isinstance(reason.value, str) and any("contentSchema" in each for each in said)


def _stricter_format(reason: Refusal, _declared: Declared) -> bool:
    return reason.code == "invalid_string" and reason.about.get("validation") in ("email", "datetime", "uuid", "ip")


def _calendar(reason: Refusal, _declared: Declared) -> bool:
    dates = ("date", "time", "invalid_date", "invalid_type")
    return (
        reason.code.startswith(dates) and isinstance(reason.value, str) and _NO_MOMENT.search(reason.value) is not None
    )


_NO_MOMENT: Final = re.compile(r"^0000|:60|-02-3\d|^2023-02-29|[+-]24:?|\d{4}-\d\d-\d\dT.*[,_]")


def _date_in_union(reason: Refusal, declared: Declared) -> bool:
    """Where another branch is nearer to fit, Zod does not say that a date is missed."""
    text = isinstance(reason.value, str) and reason.about.get("expected") == "date" and reason.value[4:5] == "-"
    return text and "union(" in declared.source


def _bounds_of_text(reason: Refusal, declared: Declared) -> bool:
    """Bounds of dates, durations and decimals, which come as texts."""
    zod = reason.code in ("too_big", "too_small") and "z.date().min(" in declared.source
    bounds = ("greater_than", "less_than", "date_future", "decimal_max", "decimal_whole", "multiple_of", "timezone")
    return isinstance(reason.value, str) and (zod or reason.code.startswith(bounds))


def _decimal_digits(reason: Refusal, _declared: Declared) -> bool:
    return reason.code in ("decimal_max_digits", "decimal_max_places", "decimal_whole_digits")


def _steps(reason: Refusal, _declared: Declared) -> bool:
    """Floating point: the remainder of a division is not exact."""
    multiple = reason.code in ("multipleOf", "not_multiple_of", "multiple_of")
    value = reason.value
    return multiple and isinstance(value, int | float) and (isinstance(value, float) or abs(value) > 2**49)


def _throws(reason: Refusal, declared: Declared) -> bool:
    return reason.code == "thrown" and re.search(r"coerce|Number\(|PlainValidator", declared.source) is not None


def _large_integer(reason: Refusal, _declared: Declared) -> bool:
    integral = reason.code in ("int_parsing_size", "int_from_float", "int_type", "finite_number")
    return integral and isinstance(reason.value, float) and abs(reason.value) >= 2**63


def _strict_integer(reason: Refusal, _declared: Declared) -> bool:
    return reason.code == "int_type" and isinstance(reason.value, float) and reason.value.is_integer()


def _enum_member(reason: Refusal, declared: Declared) -> bool:
    return reason.code == "literal_error" and reason.value == "red" and "Literal[Color.RED]" in declared.source


def _strict_intersection(reason: Refusal, declared: Declared) -> bool:
    return reason.code == "unrecognized_keys" and "intersection" in declared.source


def _bytes_length(reason: Refusal, _declared: Declared) -> bool:
    return reason.code == "bytes_too_long" and not reason.value.isascii()


def _keys(reason: Refusal, _declared: Declared) -> bool:
    """Keys in JSON are texts; pydantic makes numbers, dates and booleans of them."""
    return reason.code == "union" and reason.about == {"labels": ["[key]"]}


def _set_size(reason: Refusal, _declared: Declared) -> bool:
    if reason.code not in ("too_short", "too_long") or not isinstance(reason.value, list):
        return False
    return len({repr(each) for each in reason.value}) < len(reason.value) or reason.code == "too_long"


def _foreign_pattern(reason: Refusal, declared: Declared) -> bool:
    foreign = re.search(r"\(\?[iP]|\\[AzZ]|\[:alpha:\]|/i\)|/m\)", declared.source) is not None
    return foreign and _unsaid(reason, declared)


def _inherited(reason: Refusal, _declared: Declared) -> bool:
    inherited = reason.path[-1:] in (("toString",), ("constructor",))
    return reason.library.startswith("zod") and inherited and reason.value is None


def _other_name(reason: Refusal, declared: Declared) -> bool:
    if re.search(r"by_name=True|AliasChoices", declared.source) is None:
        return False
    named = any(
        reason.path[-1:] == (name,) for each in said_at(declared.schema, reason.path[:-1]) for name in _names(each)
    )
    return reason.code in ("missing", "extra_forbidden") or not named


def _names(schema: dict[str, Any]) -> list[str]:
    return list(schema.get("properties", ()))


def _unicode_in_lookaround(reason: Refusal, declared: Declared) -> bool:
    """With look-around the host's engine reads all of Unicode."""
    pattern = reason.code in ("invalid_string", "invalid_format", "string_pattern_mismatch")
    return pattern and r"(?!x)\w" in declared.source and isinstance(reason.value, str) and not reason.value.isascii()


def _chosen_by_code(reason: Refusal, declared: Declared) -> bool:
    return reason.code == "model_type" and "Discriminator(" in declared.source


# --- What the host alone refuses --------------------------------------------------------------------------------------


def _lax(reason: Refusal, declared: Declared) -> bool:
    """Pydantic makes numbers of texts, booleans of numbers and so on; the contract is the type itself."""
    if declared.library != "pydantic" or not isinstance(reason.value, str | int | float):
        return False
    types = reason.about.get("types", reason.about.get("type", ()))
    if reason.code == "type":
        return bool({"integer", "number", "boolean"} & set(types)) or not isinstance(reason.value, str)
    same = isinstance(reason.value, bool | int | float)
    return reason.code in ("const", "enum") and same


def _timestamp(reason: Refusal, declared: Declared) -> bool:
    number = declared.library == "pydantic" and isinstance(reason.value, str) and _TIMESTAMP.match(reason.value)
    return bool(number) and reason.code in ("format", "pattern")


_TIMESTAMP: Final = re.compile(r"^\s*[+-]?\d[\d_]*(\.\d+)?\s*$|^\d{4}-\d\d-\d\d[T_ ]00:00(:00)?")


def _uuid_spelling(reason: Refusal, declared: Declared) -> bool:
    return declared.library == "pydantic" and reason.code == "format" and reason.about["format"] == "uuid"


def _utf16_host(reason: Refusal, declared: Declared) -> bool:
    zod = declared.library.startswith("zod") and isinstance(reason.value, str) and _is_astral(reason.value)
    return zod and reason.code in ("minLength", "pattern")


def _email(reason: Refusal, declared: Declared) -> bool:
    mail = reason.code == "format" and reason.about["format"] == "email"
    return mail and (len(reason.value) > 64 or "pattern: z.regexes" in declared.source)


def _zod_3_format(reason: Refusal, declared: Declared) -> bool:
    """Zod 3 counts digits only: hours up to 99, addresses with leading zeros."""
    zod = declared.library.startswith("zod 3") and reason.code == "format" and reason.value in _MISREAD
    return zod and reason.about["format"] in ("date-time", "ipv4", "ipv6")


_MISREAD: Final = (
    "2024-02-29T24:00:00Z",
    "2024-02-30T12:30:00Z",
    "2024-02-29T12:30:00+24:00",
    "01.2.3.4",
    "fe80::1%eth0",
    "2024-02-29T12:30:00+0200",
)


def _proto(reason: Refusal, declared: Declared) -> bool:
    inside = "__proto__" in reason.path or (isinstance(reason.value, dict) and "__proto__" in reason.value)
    return declared.library.startswith("zod") and (inside or reason.value == "__proto__")


def _unicode_classes(reason: Refusal, declared: Declared) -> bool:
    classes = reason.code == "pattern" and re.search(r"\\[dws]|\.\{", reason.about["pattern"]) is not None
    return declared.library == "pydantic" and classes and not reason.value.isascii()


def _tuple_as_map(reason: Refusal, declared: Declared) -> bool:
    return "Point" in declared.source and reason.code == "type" and isinstance(reason.value, dict)


DIFFERENCES: Final = (
    Difference("own rules", "native", _own_rules),
    Difference("left open", "native", _left_open),
    Difference("values JSON does not have", "native", _no_json),
    Difference("after a transform", "native", _after_transform),
    Difference("rewritten texts", "native", _rewritten),
    Difference("foreign patterns", "native", _foreign_pattern),
    Difference("UTF-16, longer", "native", _utf16),
    Difference("URLs", "native", _url),
    Difference("formats without a word", "native", _no_word),
    Difference("JSON in a text", "native", _inside_json_text),
    Difference("narrower formats", "native", _stricter_format),
    Difference("days that no calendar has", "native", _calendar),
    Difference("dates in a union", "native", _date_in_union),
    Difference("bounds of texts", "native", _bounds_of_text),
    Difference("digits of decimals", "native", _decimal_digits),
    Difference("inexact steps, refused", "native", _steps),
    Difference("code that throws", "native", _throws),
    Difference("integers beyond 64 bits", "native", _large_integer),
    Difference("1.0 for a strict integer", "native", _strict_integer),
    Difference("literal enum members", "native", _enum_member),
    Difference("strict intersections", "native", _strict_intersection),
    Difference("length in bytes", "native", _bytes_length),
    Difference("keys that are no texts", "native", _keys),
    Difference("size of a set", "native", _set_size),
    Difference("inherited names", "native", _inherited),
    Difference("unions chosen by code", "native", _chosen_by_code),
    Difference("fields with several names", "native", _other_name),
    Difference("letters behind look-around", "native", _unicode_in_lookaround),
    Difference("lax types", "host", _lax),
    Difference("timestamps in texts", "host", _timestamp),
    Difference("other spellings of a UUID", "host", _uuid_spelling),
    Difference("UTF-16, shorter", "host", _utf16_host),
    Difference("e-mail addresses", "host", _email),
    Difference("moments and addresses of Zod 3", "host", _zod_3_format),
    Difference("__proto__", "host", _proto),
    Difference("inexact steps, taken", "host", _steps),
    Difference("classes of letters", "host", _unicode_classes),
    Difference("named tuples as maps", "host", _tuple_as_map),
)
