"""Operation on a running project: its name, its parameters, its result and the function that carries it out.

Parameters and results are pydantic models. Their members are camelCase in JSON. A member of a result that was not given
is left out; one that was given as `None` is `null`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from polystep.contracts.errors import InvalidParams, InvalidValue, PolystepError
from polystep.contracts.operations import OperationRefused, bad_parameter
from polystep.contracts.values import INTEGER_MAX, JSONObject, JSONValue
from polystep.operations.rooms import Rooms

ROWS_MAX: Final = 1000
"""Rows one result may hold; a larger `limit` is cut to it."""
ROWS_USUAL: Final = 100

_GIVEN_CHARS: Final = 80
"""Characters of a refused parameter that are shown again."""
_DIGITS_MAX: Final = 16
_TRUE: Final = ("", "1", "true", "yes")
_FALSE: Final = ("0", "false", "no")

Effect: TypeAlias = Literal["reads", "changes"]


class Params(BaseModel):
    """Parameters of an operation."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, defer_build=True)


class NoParams(Params):
    """Parameters of an operation that takes none."""


class Result(BaseModel):
    """Result of an operation, or a part of one."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, defer_build=True)


def _whole(value: object) -> int:
    if isinstance(value, str):
        is_number = value.isascii() and value.isdigit() and len(value) <= _DIGITS_MAX
        value = int(value) if is_number else None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= INTEGER_MAX:
        raise PydanticCustomError("whole_number", "give a whole number")
    return value


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in (*_TRUE, *_FALSE):
        return value.lower() in _TRUE
    raise PydanticCustomError("truth", "give true or false")


def _rows(value: int) -> int:
    return max(1, min(value, ROWS_MAX))


Whole = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=INTEGER_MAX)]
"""Whole number from 0."""
Truth = Annotated[bool, BeforeValidator(_truth)]
"""Yes or no."""
Rows = Annotated[
    int,
    BeforeValidator(_whole),
    AfterValidator(_rows),
    Field(
        description=f"At most so many entries, 1 to {ROWS_MAX}.", json_schema_extra={"minimum": 1, "maximum": ROWS_MAX}
    ),
]
"""Size of a list; what is out of range is cut to it."""
Value = Annotated[Any, Field(description='Any JSON value; bytes are `{"$bytes": base64}`.')]
"""Any value that steps exchange."""
Schema = Annotated[dict[str, Any], Field(description="JSON Schema.")]

IN_QUERY: Final[dict[str, Any]] = {"x-in": "query"}
"""Marks a parameter of a change that stands in the query as well as in the body."""


class Listed(Params):
    """Parameters of a list."""

    limit: Rows = ROWS_USUAL
    cursor: str | None = Field(None, description="Where to go on: the `cursor` of the part before.")


class ListedWhole(Params):
    """Parameters of a list that is whole as long as it is no longer than one result may be."""

    limit: Rows = ROWS_MAX
    cursor: str | None = Field(None, description="Where to go on: the `cursor` of the part before.")


class Part(Result):
    """Part of a list."""

    cursor: str | None = Field(description="Where the next part begins; null at the end, when nothing was cut.")


def position(cursor: str) -> int:
    """Return the number that a cursor of rows is.

    Raises:
        OperationRefused: It is none.
    """
    try:
        return _whole(cursor)
    except PydanticCustomError:
        raise bad_parameter(f"cursor is {cursor[:_GIVEN_CHARS]!r}; give the `cursor` of the part before.") from None


RowT = TypeVar("RowT")


def part_of(rows: Sequence[RowT], params: ListedWhole) -> tuple[Sequence[RowT], str | None]:
    """Return the part of a list in memory that `params` choose, and the cursor of the next one.

    Raises:
        OperationRefused: The cursor is none.
    """
    begin = 0 if params.cursor is None else position(params.cursor)
    end = begin + params.limit
    return rows[begin:end], str(end) if end < len(rows) else None


ParamsT = TypeVar("ParamsT", bound=Params)
ResultT = TypeVar("ResultT", bound=Result)


@dataclass(frozen=True, slots=True)
class Operation(Generic[ParamsT, ResultT]):
    """Entry of the table of operations. The help text is the docstring of `run`."""

    name: str
    """Also the verb of the command line, with hyphens."""
    route: str
    """Method and path behind `/__polystep/api/`, such as `GET state/{group}`; `{name}` is the parameter `name`."""
    params: type[ParamsT]
    result: type[ResultT]
    effect: Effect
    run: Callable[[Rooms, ParamsT], Awaitable[ResultT | None]]
    """Returns `None` when the thing that it is about does not exist."""

    @property
    def method(self) -> str:
        """HTTP method."""
        return self.route.partition(" ")[0]

    @property
    def path(self) -> str:
        """Path behind `/__polystep/api/`."""
        return self.route.partition(" ")[2]

    @property
    def in_path(self) -> tuple[str, ...]:
        """Parameters that stand in the path."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    @property
    def takes_body(self) -> bool:
        """Parameters may come in a JSON body: there are some that stand neither in the path nor in a GET."""
        return self.method != "GET" and len(self.params.model_fields) > len(self.in_path)

    @property
    def help(self) -> str:
        """Description, in sentences."""
        return inspect.cleandoc(self.run.__doc__ or "")


@dataclass(frozen=True, slots=True)
class BoundOperation:
    """Operation on one project. Implements `AdminOperation`."""

    operation: Operation[Any, Any]
    rooms: Rooms

    @property
    def name(self) -> str:
        """Name."""
        return self.operation.name

    @property
    def method(self) -> str:
        """HTTP method."""
        return self.operation.method

    @property
    def path(self) -> str:
        """Path behind `/__polystep/api/`."""
        return self.operation.path

    @property
    def takes_body(self) -> bool:
        """Parameters may come in a JSON body."""
        return self.operation.takes_body

    async def call(self, given: Mapping[str, JSONValue]) -> JSONObject | None:
        """Read the parameters, run, and encode the result."""
        try:
            params = self.operation.params.model_validate(given)
        except ValidationError as error:
            raise bad_parameter(_explained(error.errors(include_url=False)[0])) from error
        try:
            result = await self.operation.run(self.rooms, params)
        except (InvalidParams, InvalidValue) as error:
            raise bad_parameter(error.message) from error
        except PolystepError as error:
            raise OperationRefused(error.http_status, _title(error), error.message) from error
        return None if result is None else result.model_dump(by_alias=True, exclude_unset=True)


def _explained(error: ErrorDetails) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "missing":
        return f"{name} is missing."
    fix = error["msg"]
    if error["type"] == "literal_error":
        words = str(error["ctx"]["expected"]).replace("'", "").replace(" or ", ", ")
        fix = f"give one of {words}"
    return f"{name} is {str(error['input'])[:_GIVEN_CHARS]!r}; {fix[:1].lower()}{fix[1:]}."


def _title(error: PolystepError) -> str:
    return error.name.replace("_", " ").capitalize()
