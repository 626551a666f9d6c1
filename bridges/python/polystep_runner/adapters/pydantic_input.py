"""JSON Schema of pydantic's input side: the host checks by it and must not refuse values that pydantic takes."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

_CLOCK: Final = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d{1,9})?)?"
_DATE: Final = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_OFFSET: Final = r"([Zz]|[+-]\d\d:?\d\d)"
_NUMBER: Final = r"\d+([.,]\d+)?"
_HOURS: Final = r"\d+:[0-5]\d(:[0-5]\d([.,]\d+)?)?"
_DURATION: Final = (
    rf"[-+]?P(?=[\dT])({_NUMBER}[YMWD])*(T(?=\d)({_NUMBER}[HMS])+)?"  # PT0.5S, -P1D: as pydantic writes them
    rf"|[-+]?(\d+ ?d(ays?)?(,? ?{_HOURS})?|{_HOURS})"  # 1 day, 02:00:00
)
# What the regular expressions of Rust and Python have and those of JSON Schema have not.
_FOREIGN: Final = re.compile(r"(?<!\\)(\\\\)*\\[AzZ]|\(\?(?![:=!<])|\(\?<(?![=!a-zA-Z_])|\[\[:|\[:\^?\w+:\]")
_REWRITTEN: Final = ("strip_whitespace", "to_lower", "to_upper")
_AFTER_REWRITING: Final = ("minLength", "maxLength", "pattern")


class InputSchema(GenerateJsonSchema):
    """Differs from pydantic's own where JSON Schema is narrower than what pydantic does.

    `iso-date-time`, `iso-time` and `iso-duration` tell readers what a text means; the pattern beside them counts.
    """

    def str_schema(self, schema: Any) -> dict[str, Any]:
        """No length and pattern for a text that is stripped or changed before it is checked; no foreign patterns."""
        described = super().str_schema(schema)
        config = self._config.config_dict
        rewritten = any(schema.get(rule, config.get(f"str_{rule}")) for rule in _REWRITTEN)
        pattern = described.get("pattern", "")
        # To Python, `$` is also the place before a last line feed.
        foreign = _FOREIGN.search(pattern) or (config.get("regex_engine") == "python-re" and "$" in pattern)
        return _without(described, _AFTER_REWRITING if rewritten else ("pattern",) if foreign else ())

    def datetime_schema(self, schema: Any) -> dict[str, Any]:
        """`datetime.isoformat()` writes no offset where there is none; `date-time` must have one."""
        constraint = schema.get("tz_constraint")
        offset = "" if constraint == "naive" else _OFFSET if constraint == "aware" else f"{_OFFSET}?"
        whole = constraint == "aware" or schema.get("strict", self._config.config_dict.get("strict"))
        clock = f"([Tt _]{_CLOCK}{offset})" + ("" if whole else "?")
        return _spelled(super().datetime_schema(schema), "date-time", f"^{_DATE}{clock}$")

    def time_schema(self, schema: Any) -> dict[str, Any]:
        """As for `datetime_schema`."""
        return _spelled(super().time_schema(schema), "time", f"^{_CLOCK}{_OFFSET}?$")

    def timedelta_schema(self, schema: Any) -> dict[str, Any]:
        """Pydantic takes and writes fractions and signs, which `duration` has not."""
        return _spelled(super().timedelta_schema(schema), "duration", f"^({_DURATION})$")

    def float_schema(self, schema: Any) -> dict[str, Any]:
        """Pydantic overlooks what floating point adds: 1.1 * 3 is a multiple of 0.1 to it, and not to the host."""
        described = super().float_schema(schema)
        return _without(described, ("multipleOf",) if described.get("multipleOf", 1) % 1 else ())

    def get_decimal_pattern(self, schema: Any) -> str:
        """The texts that are numbers; whether they are in their bounds, pydantic alone can say."""
        return self.build_decimal_pattern(schema)

    def url_schema(self, schema: Any) -> dict[str, Any]:
        """Describe URLs as browsers take them: pydantic escapes spaces and letters that `uri` refuses."""
        return super().url_schema(schema) | {"format": "url", "pattern": r"^\s*[A-Za-z][A-Za-z0-9+.-]*:"}

    def set_schema(self, schema: Any) -> dict[str, Any]:
        """Allow repeated items in the list, which stand once in the set that is made of it."""
        return _without(super().set_schema(schema), ("uniqueItems", "maxItems"))

    def frozenset_schema(self, schema: Any) -> dict[str, Any]:
        """As for `set_schema`."""
        return _without(super().frozenset_schema(schema), ("uniqueItems", "maxItems"))

    def function_before_schema(self, schema: Any) -> dict[str, Any]:
        """Take anything, or `json_schema_input_type`, before a validator that runs first: its author knows more."""
        return super().function_before_schema(schema) if "json_schema_input_schema" in schema else {}

    def function_wrap_schema(self, schema: Any) -> dict[str, Any]:
        """As for `function_before_schema`."""
        return super().function_wrap_schema(schema) if "json_schema_input_schema" in schema else {}

    def field_is_required(self, field: Any, *args: Any, **options: Any) -> bool:
        """A field with several names is required under none of them."""
        alias = field.get("validation_alias")
        if isinstance(alias, list) or (alias is not None and _by_name(self._config.config_dict)):
            return False
        return super().field_is_required(field, *args, **options)

    def field_is_present(self, field: Any) -> bool:
        """Leave out members that a dataclass sets by itself: they are ignored in the input."""
        return bool(field.get("init", True)) and super().field_is_present(field)

    def model_schema(self, schema: Any) -> dict[str, Any]:
        """A field's second name is none of the `properties`, but it is no extra member either."""
        described = super().model_schema(schema)
        aliased = any(field.validation_alias is not None for field in schema["cls"].model_fields.values())
        closed = described.get("additionalProperties") is False
        return _without(
            described, ("additionalProperties",) if closed and aliased and _by_name(schema.get("config", {})) else ()
        )


def _by_name(config: Any) -> bool:
    return bool(config.get("populate_by_name") or config.get("validate_by_name"))


def _spelled(described: dict[str, Any], form: str, pattern: str) -> dict[str, Any]:
    """A text by its pattern; what is no text stays as it is, as a config can ask for seconds."""
    return described | {"format": f"iso-{form}", "pattern": pattern} if described.get("format") == form else described


def _without(described: dict[str, Any], keywords: tuple[str, ...]) -> dict[str, Any]:
    return {keyword: value for keyword, value in described.items() if keyword not in keywords}
