"""Generated Python types, as the modules that people write: each names its type `Schema`."""

# ruff: noqa: E501 - tables are read by column

from __future__ import annotations

from random import Random
from typing import Final

HEADER: Final = """
import enum
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, Optional, TypedDict, TypeVar, Union

import annotated_types
import typing_extensions
from pydantic import (
    AfterValidator, AliasChoices, AnyUrl, AwareDatetime, Base64Bytes, BaseModel, BeforeValidator, ByteSize, ConfigDict, Discriminator,
    Field, FutureDate, HttpUrl, Json, NaiveDatetime, PlainValidator, RootModel, SecretStr, StrictInt, StrictStr, StringConstraints,
    Tag, TypeAdapter, UUID4, WrapValidator, computed_field, conint, conlist, constr, field_validator, model_validator,
)

class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"

class Level(enum.IntEnum):
    LOW = 1
    HIGH = 5

class Point(NamedTuple):
    x: int
    label: str = "a"

class Circle(BaseModel):
    kind: Literal["circle"]
    r: float

class Square(BaseModel):
    kind: Literal["square"]
    a: int
    model_config = ConfigDict(extra="forbid")

def even(value: int) -> int:
    if value % 2:
        raise ValueError("odd")
    return value

def split(value: object) -> object:
    return value.split(",") if isinstance(value, str) else value
"""

_LEAVES: Final = (
    *("str", "int", "float", "bool", "None", "Any", "object", "bytes", "list", "dict", "Optional[int]", "str | None", "int | str", "float | int | None", "bool | int"),
    *("Annotated[str, Field(min_length=1)]", "Annotated[str, Field(min_length=2, max_length=4)]", "constr(min_length=1, max_length=3)", "Annotated[str, Field(pattern=r'^[a-z]+$')]"),
    *("Annotated[str, Field(pattern=r'^\\d+$')]", "Annotated[str, Field(pattern=r'^\\w+$')]", "Annotated[str, Field(pattern=r'^(?i)ab')]", "Annotated[str, Field(pattern=r'^(?P<n>a|b)\\d$')]"),
    *("Annotated[str, Field(pattern=r'\\Aab\\z')]", "Annotated[str, Field(pattern=r'^\\p{L}+$')]", "Annotated[str, Field(pattern=r'^.{2}$')]", "Annotated[str, Field(pattern=r'[[:alpha:]]b')]", "Annotated[str, Field(pattern=r'^a\\s?b$')]"),
    *("constr(strip_whitespace=True, max_length=3)", "constr(strip_whitespace=True, min_length=1)", "constr(to_lower=True, pattern=r'^[a-z]+$')", "Annotated[str, StringConstraints(to_upper=True, min_length=2)]"),
    *("Annotated[int, Field(ge=1, le=10)]", "Annotated[int, Field(gt=0, lt=5)]", "conint(multiple_of=5)", "Annotated[float, Field(ge=0.5, le=2.5)]", "Annotated[float, Field(gt=0)]", "Annotated[float, Field(multiple_of=0.1)]"),
    *("Annotated[float, Field(multiple_of=0.25)]", "Annotated[int, annotated_types.Interval(ge=-5, lt=10)]", "Annotated[float, Field(allow_inf_nan=False)]", "StrictInt", "StrictStr", "Annotated[float, Field(strict=True)]"),
    *("Annotated[bool, Field(strict=True)]", "Annotated[int, Field(strict=True, ge=1)]", "Annotated[date, Field(strict=True)]", "Annotated[list[int], Field(strict=True)]", "Annotated[set[int], Field(strict=True)]"),
    *("Literal['red']", "Literal['red', 'blue', 5]", "Literal[1]", "Literal[True]", "Literal[None, 'a']", "Color", "Level", "Literal[Color.RED]", "Optional[Color]"),
    *("datetime", "date", "time", "timedelta", "AwareDatetime", "NaiveDatetime", "Optional[datetime]", "datetime | int", "date | datetime", "Annotated[datetime, Field(ge=datetime(2024, 1, 1))]", "Annotated[timedelta, Field(ge=timedelta(0))]"),
    *("uuid.UUID", "UUID4", "Decimal", "Annotated[Decimal, Field(ge=0, le=10)]", "Annotated[Decimal, Field(max_digits=3, decimal_places=1)]", "IPv4Address", "IPv6Network", "Path", "AnyUrl", "HttpUrl", "SecretStr", "ByteSize"),
    *("Base64Bytes", "Json", "Json[list[int]]", "Annotated[bytes, Field(max_length=2)]", "Annotated[Decimal, Field(multiple_of=Decimal('0.5'))]", "complex", "FutureDate"),
    *("list[int]", "list[str]", "Annotated[list[int], Field(min_length=1, max_length=3)]", "conlist(str, min_length=2)", "set[int]", "frozenset[str]", "Annotated[set[int], Field(min_length=2, max_length=2)]"),
    *("tuple[int, str]", "tuple[int, ...]", "tuple[()]", "Sequence[int]", "deque[int]", "Mapping[str, int]", "dict[str, int]", "dict[int, str]", "dict[Color, int]", "dict[Annotated[str, Field(min_length=2)], int]"),
    *("Annotated[dict[str, int], Field(min_length=1, max_length=2)]", "dict[date, int]", "dict[uuid.UUID, int]", "dict[Literal['red', 'blue'], int]", "dict[bool, int]", "dict[str, Any]"),
    *("Point", "Circle", "Square", "Circle | Square", "Annotated[Circle | Square, Field(discriminator='kind')]", "list[Annotated[Circle | Square, Field(discriminator='kind')]]", "dict[str, Circle]"),
    *("Annotated[int, AfterValidator(even)]", "Annotated[list[str], BeforeValidator(split)]", "Annotated[int, PlainValidator(lambda v: int(v))]", "Annotated[int, WrapValidator(lambda v, inner: 0 if v == 'none' else inner(v))]"),
    *("Annotated[list[str], BeforeValidator(split, json_schema_input_type=str | list[str])]", "Annotated[str, Field(description='a text', examples=['a'])]", "Annotated[int | str, Field(union_mode='left_to_right')]"),
    "Annotated[Annotated[Circle, Tag('c')] | Annotated[int, Tag('i')], Discriminator(lambda v: 'i' if isinstance(v, int) else 'c')]",
)  # fmt: skip

_MODULES: Final = (
    "class Schema(BaseModel):\n    a: int\n    b: str = 'x'\n    c: float | None = None\n    d: list[int] = Field(default_factory=list)",
    "class Schema(BaseModel):\n    model_config = ConfigDict(strict=True)\n    a: int\n    b: float\n    c: date\n    d: set[str]\n    e: bool = True\n    f: tuple[int, str] = (1, 'a')",
    "class Schema(BaseModel):\n    model_config = ConfigDict(extra='forbid')\n    a: int\n    b: Optional[Circle] = None",
    "class Schema(BaseModel):\n    model_config = ConfigDict(extra='allow')\n    __pydantic_extra__: dict[str, int]\n    a: str",
    "class Schema(BaseModel):\n    model_config = ConfigDict(str_strip_whitespace=True, str_max_length=4)\n    a: str\n    b: Annotated[str, Field(min_length=2)]",
    "class Schema(BaseModel):\n    model_config = ConfigDict(str_to_lower=True)\n    a: Annotated[str, Field(pattern='^[a-z]+$')]",
    "class Schema(BaseModel):\n    model_config = ConfigDict(coerce_numbers_to_str=True)\n    a: str\n    b: Optional[Annotated[str, Field(max_length=2)]] = None",
    "class Schema(BaseModel):\n    model_config = ConfigDict(regex_engine='python-re')\n    a: Annotated[str, Field(pattern=r'^(?!x)\\w+$')]\n    b: Annotated[str, Field(pattern=r'^a(?P<n>b)?\\Z')] = 'a'",
    "class Schema(BaseModel):\n    model_config = ConfigDict(populate_by_name=True)\n    a: int = Field(alias='x1')\n    b: str = Field('x', alias='id')",
    "class Schema(BaseModel):\n    a: int = Field(alias='x1')\n    b: str = Field(validation_alias=AliasChoices('id', 'extra'))",
    "class Schema(BaseModel):\n    a: int = Field(serialization_alias='x1')\n    b: str = Field(validation_alias='id', serialization_alias='a b')",
    "class Schema(BaseModel):\n    model_config = ConfigDict(alias_generator=lambda name: name + '1', validate_by_name=True, extra='forbid')\n    x: int",
    "class Schema(BaseModel):\n    a: list[str]\n    @field_validator('a', mode='before')\n    @classmethod\n    def parts(cls, value: object) -> object:\n        return split(value)",
    "class Schema(BaseModel):\n    a: str\n    @field_validator('a')\n    @classmethod\n    def short(cls, value: str) -> str:\n        assert len(value) < 4\n        return value",
    "class Schema(BaseModel):\n    a: int\n    @model_validator(mode='before')\n    @classmethod\n    def legacy(cls, value: Any) -> Any:\n        return {**value, 'a': value['x1']} if isinstance(value, dict) and 'x1' in value else value",
    "class Schema(BaseModel):\n    a: int\n    b: int\n    @model_validator(mode='after')\n    def ordered(self) -> 'Schema':\n        if self.a > self.b:\n            raise ValueError('a is above b')\n        return self",
    "class Schema(BaseModel):\n    a: int\n    @model_validator(mode='wrap')\n    @classmethod\n    def either(cls, value: Any, inner: Any) -> Any:\n        return inner({'a': value} if isinstance(value, int) else value)",
    "class Schema(BaseModel):\n    name: str\n    children: list['Schema'] = []",
    "class Schema(BaseModel):\n    value: Annotated[int, Field(ge=0)]\n    next: Optional['Schema'] = None\n    model_config = ConfigDict(extra='forbid')",
    "class Schema(BaseModel):\n    a: int\n    @computed_field\n    @property\n    def double(self) -> int:\n        return self.a * 2",
    "class Schema(BaseModel):\n    a: int = Field(default=1, exclude=True)\n    b: int = Field(default=2, frozen=True)\n    c: int = Field(default=3, deprecated=True)",
    "T = TypeVar('T')\nclass Box(BaseModel, Generic[T]):\n    item: T\nclass Schema(BaseModel):\n    a: Box[int]\n    b: Box[list[str]]",
    "class Schema(RootModel[list[Annotated[int, Field(ge=1)]]]):\n    pass",
    "class Schema(RootModel[dict[str, Circle]]):\n    pass",
    "class Base(BaseModel):\n    a: int\nclass Schema(Base):\n    a: Annotated[int, Field(le=10)]\n    b: Color",
    "@dataclass\nclass Schema:\n    a: int\n    b: str = 'x'\n    c: list[int] = field(default_factory=list)",
    "@dataclass\nclass Part:\n    at: datetime\n@dataclass\nclass Schema:\n    part: Part\n    parts: list[Part] = field(default_factory=list)\n    d: int = field(default=1, init=False)",
    "@dataclass\nclass Schema:\n    a: Annotated[int, Field(ge=1)]\n    next: 'Schema | None' = None",
    "from pydantic.dataclasses import dataclass as pydantic_dataclass\n@pydantic_dataclass(config=ConfigDict(extra='forbid'))\nclass Schema:\n    a: int\n    b: str = 'x'",
    "class Schema(TypedDict):\n    a: int\n    b: NotRequired[str]",
    "class Schema(TypedDict, total=False):\n    a: int\n    b: list[Circle]",
    "class Part(TypedDict):\n    x: NotRequired[float]\nclass Schema(TypedDict):\n    part: Part\n    parts: list[Part]\n    either: Part | int\n    named: dict[str, Part]",
    "class Schema(typing_extensions.TypedDict):\n    __pydantic_config__ = ConfigDict(extra='forbid')\n    a: int\n    b: typing_extensions.NotRequired[date]",
    "Schema = TypeAdapter(list[int])",
    "Schema = TypeAdapter(Annotated[Circle | Square, Field(discriminator='kind')])",
    "Schema = TypeAdapter(dict[str, datetime | int])",
    "Schema = TypeAdapter(tuple[int, str, float])",
    "Schema = list[Circle]",
    "Schema = int | None",
    "Schema = Point",
    "Schema = Annotated[str, Field(pattern=r'^\\d+$')]",
    "Schema = Annotated[str, Field(pattern=r'^\\w+$')]",
    "Schema = dict[str, list[date]]",
    "Schema = Literal['red', 'blue']",
    "Tree = typing_extensions.TypeAliasType('Tree', 'dict[str, Tree] | int')\nSchema = TypeAdapter(Tree)",
)  # fmt: skip

_CONFIGS: Final = ("", "", "", "extra='forbid'", "strict=True", "extra='allow'")


def python_sources(count: int, seed: str) -> list[str]:
    """Every leaf once as a field of a model, every module, then random compositions: `count` modules after `HEADER`."""
    random = Random(f"{seed} python")
    fields = [f"class Schema(BaseModel):\n    a: {leaf}\n    b: Optional[str] = None" for leaf in _LEAVES]
    sources = [*_MODULES, *fields][:count]
    return sources + [_Composer(random).module() for _ in range(count - len(sources))]


class _Composer:
    """Writes one module: the classes that an annotation needs stand before it."""

    def __init__(self, random: Random) -> None:
        self._random, self._classes = random, list[str]()

    def module(self) -> str:
        last = self._class("Schema", 2)
        return "\n".join([*self._classes, last])

    def _class(self, name: str, depth: int) -> str:
        random = self._random
        style = random.choice(("model", "model", "model", "dataclass", "typeddict"))
        fields = [f"    {member}: {self._annotation(depth)}" for member in random.sample("abcdef", 3)]
        if style == "dataclass":
            return "\n".join(["@dataclass", f"class {name}:", *fields])
        if style == "typeddict":
            return "\n".join(
                [
                    f"class {name}(typing_extensions.TypedDict):",
                    *fields[:2],
                    f"    g: NotRequired[{self._annotation(0)}]",
                ]
            )
        config = random.choice(_CONFIGS)
        optional = f"    g: {self._annotation(0)} = None  # type: ignore"
        return "\n".join([f"class {name}(BaseModel):", f"    model_config = ConfigDict({config})", *fields, optional])

    def _annotation(self, depth: int) -> str:
        random = self._random
        if depth == 0 or random.random() < 0.4:
            return random.choice(_LEAVES)
        match random.randrange(7):
            case 0 | 1:
                name = f"Part{len(self._classes)}"
                self._classes.append("")  # its place: the classes that it needs come before it
                text = self._class(name, depth - 1)
                self._classes.append(text)
                return name
            case 2:
                return f"list[{self._annotation(depth - 1)}]"
            case 3:
                return f"Optional[{self._annotation(depth - 1)}]"
            case 4:
                return f"Union[{self._annotation(depth - 1)}, {self._annotation(depth - 1)}]"
            case 5:
                return f"dict[str, {self._annotation(depth - 1)}]"
            case _:
                return f"tuple[{self._annotation(depth - 1)}, {self._annotation(depth - 1)}]"
