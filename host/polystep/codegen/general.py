"""What every project's `polystep_types.py` has. It is real code, so that it is checked as such, and copied as text.

The parts between the marks are copied; the rest stands in for what is generated.
"""

# ruff: noqa: F401 - the generated part uses them
from __future__ import annotations

# --- begin: imports
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Literal,
    Never,
    NotRequired,
    Protocol,
    TypeAlias,
    TypedDict,
    TypeVar,
    overload,
)

# --- end: imports


class Streams(Protocol):
    """The streams of the project by name."""


# --- begin: general
_Value_co = TypeVar("_Value_co", covariant=True)
_Value = TypeVar("_Value")
_Entry = TypeVar("_Entry")
_Item_contra = TypeVar("_Item_contra", contravariant=True)
_Stored = TypeVar("_Stored")
_Body_co = TypeVar("_Body_co", covariant=True)
_Path_co = TypeVar("_Path_co", covariant=True)
_Query_co = TypeVar("_Query_co", covariant=True)


class Call(Coroutine[Any, Any, _Value_co]):
    """A call that is on its way: `await` it, or ask for its `result()` in a plain `def` handler."""

    @abstractmethod
    def result(self, timeout_s: float | None = None) -> _Value_co:
        """Wait for the value; not for `async def` handlers."""


class Logger(Protocol):
    """Log lines of a run: a message, then a dict of fields, or keywords."""

    def debug(self, message: object = "", *args: object, **fields: object) -> None:
        """Details."""

    def info(self, message: object = "", *args: object, **fields: object) -> None:
        """What happens."""

    def warn(self, message: object = "", *args: object, **fields: object) -> None:
        """What is likely wrong."""

    def warning(self, message: object = "", *args: object, **fields: object) -> None:
        """The same as `warn`."""

    def error(self, message: object = "", *args: object, **fields: object) -> None:
        """What failed."""

    def exception(self, message: object = "", *args: object, **fields: object) -> None:
        """What failed, with the exception that is being handled."""

    def add_listener(self, listener: Callable[[str, str, object], None]) -> None:
        """Call `listener(level, message, args)` at each further line of this run."""


class GroupEntry(TypedDict):
    """A value of a state group with its key."""

    key: str
    value: Any


class GroupPage(TypedDict, Generic[_Entry]):
    """Part of a group."""

    items: list[_Entry]
    cursor: str | None
    """Where the next page begins; None at the end."""


class State(Protocol):
    """Values by group and key, the same for all steps.

    `get_group` gives all values of a group; with `cursor` or `limit` a part of it, with `keys_only` the keys.
    """

    def get(self, group: str, key: str) -> Call[Any]:
        """The value; None when there is none."""
        ...

    def set(self, group: str, key: str, value: _Value) -> Call[_Value]:
        """Store; the answer is the value."""
        ...

    def delete(self, group: str, key: str) -> Call[Any]:
        """Remove; the answer is the value that was there."""
        ...

    @overload
    def get_group(self, group: str) -> Call[list[Any]]: ...
    @overload
    def get_group(
        self, group: str, *, cursor: str | None = None, limit: int | None = None, keys_only: Literal[True]
    ) -> Call[GroupPage[str]]: ...
    @overload
    def get_group(self, group: str, *, cursor: str | None, limit: int | None = None) -> Call[GroupPage[GroupEntry]]: ...
    @overload
    def get_group(self, group: str, *, cursor: str | None = None, limit: int) -> Call[GroupPage[GroupEntry]]: ...

    @overload
    def getGroup(self, group: str) -> Call[list[Any]]: ...
    @overload
    def getGroup(
        self, group: str, *, cursor: str | None = None, limit: int | None = None, keys_only: Literal[True]
    ) -> Call[GroupPage[str]]: ...
    @overload
    def getGroup(self, group: str, *, cursor: str | None, limit: int | None = None) -> Call[GroupPage[GroupEntry]]: ...
    @overload
    def getGroup(self, group: str, *, cursor: str | None = None, limit: int) -> Call[GroupPage[GroupEntry]]: ...

    def clear(self, group: str) -> Call[None]:
        """Remove a group."""
        ...


class Channel(TypedDict):
    """Who is told: a group, or one item of it."""

    groupId: str
    id: NotRequired[str]


class Message(TypedDict):
    """What is told without being stored."""

    type: str
    data: Any


class Stream(Protocol[_Item_contra, _Stored]):
    """One live channel: items by group and id, which clients see change."""

    def get(self, group: str, id: str) -> Call[_Stored | None]:
        """The item; None when there is none."""
        ...

    def set(self, group: str, id: str, data: _Item_contra) -> Call[_Stored]:
        """Store, and tell who watches."""
        ...

    def delete(self, group: str, id: str) -> Call[_Stored | None]:
        """Remove, and tell who watches."""
        ...

    @overload
    def get_group(self, group: str) -> Call[list[_Stored]]: ...
    @overload
    def get_group(
        self, group: str, *, cursor: str | None = None, limit: int | None = None, keys_only: Literal[True]
    ) -> Call[GroupPage[str]]: ...
    @overload
    def get_group(self, group: str, *, cursor: str | None, limit: int | None = None) -> Call[GroupPage[_Stored]]: ...
    @overload
    def get_group(self, group: str, *, cursor: str | None = None, limit: int) -> Call[GroupPage[_Stored]]: ...

    @overload
    def getGroup(self, group: str) -> Call[list[_Stored]]: ...
    @overload
    def getGroup(
        self, group: str, *, cursor: str | None = None, limit: int | None = None, keys_only: Literal[True]
    ) -> Call[GroupPage[str]]: ...
    @overload
    def getGroup(self, group: str, *, cursor: str | None, limit: int | None = None) -> Call[GroupPage[_Stored]]: ...
    @overload
    def getGroup(self, group: str, *, cursor: str | None = None, limit: int) -> Call[GroupPage[_Stored]]: ...

    def send(self, channel: Channel, event: Message) -> Call[None]:
        """Tell who watches, and store nothing."""
        ...


class UploadedFile(TypedDict):
    """A file of an upload."""

    field: str
    name: str
    type: str
    bytes: int
    path: str


class Request(Protocol[_Body_co, _Path_co, _Query_co]):
    """An HTTP request: `req.body` and `req["body"]`, `req.path_params` and `req["pathParams"]`."""

    @property
    def body(self) -> _Body_co:
        """What was sent, as its content type says."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """By lower-case name."""
        ...

    @property
    def path_params(self) -> _Path_co:
        """Parameters of the path."""
        ...

    @property
    def pathParams(self) -> _Path_co:
        """The same as `path_params`."""
        ...

    @property
    def query_params(self) -> _Query_co:
        """What stands behind the question mark."""
        ...

    @property
    def queryParams(self) -> _Query_co:
        """The same as `query_params`."""
        ...

    @property
    def raw_body(self) -> str:
        """The body as text."""
        ...

    @property
    def files(self) -> list[UploadedFile]:
        """Of a `multipart/form-data` body, on the disk until the handler has answered; else empty."""
        ...

    @property
    def rawBody(self) -> str:
        """The same as `raw_body`."""
        ...

    @overload
    def __getitem__(self, key: Literal["body"], /) -> _Body_co: ...
    @overload
    def __getitem__(self, key: Literal["headers"], /) -> Mapping[str, str]: ...
    @overload
    def __getitem__(self, key: Literal["pathParams"], /) -> _Path_co: ...
    @overload
    def __getitem__(self, key: Literal["queryParams"], /) -> _Query_co: ...
    @overload
    def __getitem__(self, key: Literal["rawBody"], /) -> str: ...

    @overload
    def get(self, key: Literal["body"], /) -> _Body_co: ...
    @overload
    def get(self, key: Literal["headers"], /) -> Mapping[str, str]: ...
    @overload
    def get(self, key: Literal["pathParams"], /) -> _Path_co: ...
    @overload
    def get(self, key: Literal["queryParams"], /) -> _Query_co: ...
    @overload
    def get(self, key: Literal["rawBody"], /) -> str: ...


class _StepContext(Protocol):
    @property
    def trace_id(self) -> str:
        """Of the story that this run belongs to."""
        ...

    @property
    def traceId(self) -> str:
        """The same as `trace_id`."""
        ...

    @property
    def attempt(self) -> int:
        """Which try this is, from 1."""
        ...

    @property
    def flows(self) -> list[str]:
        """As the step's config names them."""
        ...

    @property
    def logger(self) -> Logger:
        """Log lines of this run."""
        ...

    @property
    def state(self) -> State:
        """Values that all steps share."""
        ...

    @property
    def streams(self) -> Streams:
        """Live channels by name."""
        ...


# --- end: general
