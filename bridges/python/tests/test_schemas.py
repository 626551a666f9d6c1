"""JSON Schema of Python types, and the values that they make."""

import typing
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Optional, TypedDict

import jsonschema
import pytest
from pydantic import (
    AliasChoices,
    AnyUrl,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NaiveDatetime,
    StringConstraints,
    TypeAdapter,
    WrapValidator,
)

from polystep_runner.adapters.schemas import check_of, describe_type


def exported(of: Any) -> Any:
    """The schema of a member, without what says nothing."""
    model = type("Model", (BaseModel,), {"__annotations__": {"a": of}, "__module__": __name__})
    member = describe_type(model)["properties"]["a"]
    return {key: value for key, value in member.items() if key != "title"}


def takes(of: Any, text: str) -> bool:
    return jsonschema.Draft202012Validator(exported(of)).is_valid(text)


@pytest.mark.parametrize(
    ("of", "taken", "refused"),
    [
        (datetime, ["2024-02-29T12:30:00", "2024-02-29 12:30:00.5+02:00", "2024-02-29"], ["2024-02", "12:30", "now"]),
        (AwareDatetime, ["2024-02-29T12:30:00Z"], ["2024-02-29T12:30:00", "2024-02-29"]),
        (NaiveDatetime, ["2024-02-29T12:30:00", "2024-02-29"], ["2024-02-29T12:30:00Z"]),
        (Annotated[datetime, Field(strict=True)], ["2024-02-29T12:30"], ["2024-02-29"]),
        (time, ["12:30", "12:30:00.5", "12:30:00+02:00"], ["24:00", "noon"]),
        (timedelta, ["PT0.5S", "-P1D", "P1DT2H", "1 day, 02:00:00", "1:30:00"], ["", "P", "PT", "soon"]),
        (Decimal, ["1.50", "-1e3"], ["much"]),
        (AnyUrl, ["https://example.org/a b", "https://bücher.example"], ["example.org"]),
    ],
)
def test_texts_that_pydantic_takes_fit_what_is_exported(of: Any, taken: list[str], refused: list[str]) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(of)
    for text in taken:
        adapter.validate_json(f'"{text}"')
    assert [text for text in taken if not takes(of, text)] == []
    assert [text for text in refused if takes(of, text)] == []


def test_what_a_date_means_is_still_said() -> None:
    assert [exported(of)["format"] for of in (datetime, time, timedelta, date)] == [
        "iso-date-time",
        "iso-time",
        "iso-duration",
        "date",
    ]


@pytest.mark.parametrize("pattern", [r"(?i)a", r"(?P<n>a)", r"\Aa", r"a\z", r"[[:alpha:]]"])
def test_a_pattern_that_json_schema_does_not_know_is_left_out(pattern: str) -> None:
    assert exported(Annotated[str, Field(pattern=pattern, max_length=3)]) == {"type": "string", "maxLength": 3}


@pytest.mark.parametrize("pattern", [r"^(?:a|b)\d$", r"\\A", r"^\p{L}+$"])
def test_any_other_pattern_is_kept(pattern: str) -> None:
    assert exported(Annotated[str, Field(pattern=pattern)])["pattern"] == pattern


@pytest.mark.parametrize(("pattern", "kept"), [(r"^(?!x)(?=a)(?<=b)(?<!c)\d", True), ("^a$", False), (r"a\Z", False)])
def test_to_python_the_end_is_also_before_a_line_feed(pattern: str, kept: bool) -> None:
    class Model(BaseModel):
        model_config = ConfigDict(regex_engine="python-re")
        a: Annotated[str, Field(pattern=pattern)]

    assert ("pattern" in describe_type(Model)["properties"]["a"]) == kept


def test_what_is_checked_after_a_text_is_stripped_is_left_out() -> None:
    strip = StringConstraints(strip_whitespace=True, max_length=3, pattern="^a")
    assert exported(Annotated[str, strip]) == {"type": "string"}

    class Model(BaseModel):
        model_config = ConfigDict(str_to_lower=True)
        a: Annotated[str, Field(pattern="^[a-z]$")]

    assert describe_type(Model)["properties"]["a"] == {"type": "string", "title": "A"}


def test_steps_are_asked_for_where_they_are_exact() -> None:
    assert exported(Annotated[float, Field(multiple_of=0.1)]) == {"type": "number"}
    assert exported(Annotated[float, Field(multiple_of=2)]) == {"type": "number", "multipleOf": 2}
    assert exported(Annotated[int, Field(multiple_of=5)]) == {"type": "integer", "multipleOf": 5}


def test_a_set_may_be_sent_with_doubles() -> None:
    assert exported(Annotated[set[int], Field(min_length=1, max_length=2)]) == {
        "type": "array",
        "items": {"type": "integer"},
        "minItems": 1,
    }
    assert "uniqueItems" not in exported(frozenset[str])


def test_what_runs_before_takes_anything_unless_it_says_what() -> None:
    split = BeforeValidator(lambda value: value.split(","))
    assert exported(Annotated[list[str], split]) == {}
    assert exported(Annotated[int, WrapValidator(lambda value, inner: inner(value))]) == {}
    said = BeforeValidator(lambda value: value.split(","), json_schema_input_type=str)
    assert exported(Annotated[list[str], said]) == {"type": "string"}


def test_a_field_of_several_names_is_required_under_none() -> None:
    class Model(BaseModel):
        model_config = ConfigDict(populate_by_name=True, extra="forbid")
        a: int = Field(alias="x")
        b: int = Field(validation_alias=AliasChoices("c", "d"))
        e: int

    described = describe_type(Model)
    assert (described["required"], "additionalProperties" in described) == (["e"], False)

    class Closed(BaseModel):
        model_config = ConfigDict(extra="forbid")
        a: int = Field(alias="x")

    described = describe_type(Closed)
    assert (described["required"], described["additionalProperties"]) == (["x"], False)


def test_what_a_dataclass_sets_itself_is_not_asked_for() -> None:
    @dataclass
    class Model:
        a: int
        b: int = field(default=1, init=False)

    assert [*describe_type(Model)["properties"]] == ["a"]


def test_an_object_that_describes_itself_is_asked_as_before() -> None:
    class Own:
        def json_schema(self, mode: str) -> dict[str, str]:
            return {"$comment": mode}

    assert describe_type(Own()) == {"$comment": "validation"}


class Part(TypedDict):
    x: typing.NotRequired[float]


class Whole(TypedDict):
    either: Part | int
    other: Optional[Part]  # noqa: UP045 - the older spelling
    noted: Annotated[Part, "a note"]


def test_the_standard_typed_dict_is_read_inside_unions() -> None:
    check = check_of(Whole)
    assert check is not None
    value = {"either": {"x": 1.5}, "other": None, "noted": {}}
    assert check(value) == (value, [])
    assert describe_type(Whole)["required"] == ["either", "other", "noted"]


def test_a_strict_model_is_told_only_what_is_wrong() -> None:
    class Model(BaseModel):
        model_config = ConfigDict(strict=True)
        on: date
        count: int

    check = check_of(Model)
    assert check is not None
    assert check({"on": "2024-02-29", "count": 1})[1] == []
    issues = check({"on": "2024-02-29", "count": "1"})[1]
    assert [(issue["path"], issue["code"]) for issue in issues] == [(["count"], "int_type")]


def test_what_user_code_raises_is_not_taken_for_an_issue() -> None:
    def broken(value: object) -> object:
        raise TypeError("a bug")

    check = check_of(Annotated[int, BeforeValidator(broken)])
    assert check is not None
    with pytest.raises(TypeError, match="a bug"):
        check(1)
