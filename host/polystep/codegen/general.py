"""General part of every `polystep_types.py`: real code, so that it is checked, and copied as text.

The parts between the marks are copied; the rest replaces the generated part.
"""

# ruff: noqa: F401 - the generated part uses them
from __future__ import annotations

# --- begin: imports
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from datetime import datetime
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Literal,
    Never,
    NotRequired,
    Protocol,
    Required,
    TypeAlias,
    TypedDict,
    TypeVar,
    Unpack,
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
        """Normal events."""

    def warn(self, message: object = "", *args: object, **fields: object) -> None:
        """Likely problems."""

    def warning(self, message: object = "", *args: object, **fields: object) -> None:
        """The same as `warn`."""

    def error(self, message: object = "", *args: object, **fields: object) -> None:
        """Failures."""

    def exception(self, message: object = "", *args: object, **fields: object) -> None:
        """Failures, with the exception that is being handled."""

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
    """Cursor of the next page; None at the end."""


class StateChange(TypedDict, total=False):
    """One change of `state.update`. `expect` changes nothing: another value at its path is the error `conflict`."""

    type: Required[Literal["set", "merge", "increment", "append", "remove", "expect"]]
    path: str | Sequence[str | int]
    """The way from the value to a part of it: "items.0.name", or ["items", 0, "name"]; without one, the value."""
    value: Any
    by: float
    """Of `increment`; 1 without it."""


class State(Protocol):
    """Values by group and key, the same for all steps.

    `get_group` gives all values of a group; with `cursor` or `limit` a part of it, with `keys_only` the keys.
    """

    def get(self, group: str, key: str) -> Call[Any]:
        """The value; None when there is none."""
        ...

    def set(self, group: str, key: str, value: _Value) -> Call[_Value]:
        """Store; returns the value."""
        ...

    def update(self, group: str, key: str, ops: Sequence[StateChange]) -> Call[Any]:
        """Make all changes or none, with no other write in between; returns the new value, None once it is removed."""
        ...

    def delete(self, group: str, key: str) -> Call[Any]:
        """Remove; returns the value that was there."""
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
    """Address of a message: a group, or one item of it."""

    groupId: str
    id: NotRequired[str]


class Message(TypedDict):
    """Message that is sent without being stored."""

    type: str
    data: Any


class Stream(Protocol[_Item_contra, _Stored]):
    """One stream: items by group and id, which clients see change."""

    def get(self, group: str, id: str) -> Call[_Stored | None]:
        """The item; None when there is none."""
        ...

    def set(self, group: str, id: str, data: _Item_contra) -> Call[_Stored]:
        """Store, and notify the clients that watch."""
        ...

    def delete(self, group: str, id: str) -> Call[_Stored | None]:
        """Remove, and notify the clients that watch."""
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
        """Notify the clients that watch, and store nothing."""
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
        """Body, decoded by its content type."""
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
        """Parameters of the query."""
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
        """Files of a `multipart/form-data` body, on the disk until the handler has answered; else empty."""
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


class Answer(Protocol[_Value_co]):
    """End of a wait for an answer. The value is `None` unless the status is `answered`."""

    @property
    def status(self) -> Literal["answered", "timed_out", "cancelled"]:
        """Way in which it ended."""
        ...

    @property
    def value(self) -> _Value_co:
        """Value of the answer."""
        ...


class Callback(Protocol[_Value_co]):
    """Door for another system. Awaited, or by `result()` in a plain `def` handler, it gives the answer."""

    id: str
    url: str | None
    """Link that takes one answer; `None` where links are off. The same in every leg of the run."""

    def __await__(self) -> Generator[Any, Any, Answer[_Value_co]]: ...
    def result(self, timeout_s: float | None = None) -> Answer[_Value_co]:
        """Wait for the answer; not for `async def` handlers."""
        ...


class OnceCall(Protocol):
    """Given to the function of a `once`."""

    @property
    def idempotency_key(self) -> str:
        """The same text in every attempt, for providers that take such a key."""
        ...

    @property
    def attempt(self) -> int:
        """Call of the function, from 1; with `retries` there may be more."""
        ...


class _EventOptions(TypedDict, total=False):
    """Of one event: an id that counts once, and when the event is due."""

    id: str | int
    """Of the events of a topic with one id, the first is stored."""
    id_ttl: str
    """Time for which the id stays taken; 24h."""
    replace: bool
    """Take the place of the event with this id, unless it has started."""
    delay: str
    """Such as 15m."""
    at: str | datetime
    """At most 400 days from now; without a zone it is UTC."""


class _Emit(Protocol):
    def cancel(self, topic: str, id: str) -> Call[bool]:
        """Remove the event with this id unless it has started; gives whether one was removed."""
        ...


class _StepContext(Protocol):
    @property
    def trace_id(self) -> str:
        """Id of the trace of this run."""
        ...

    @property
    def traceId(self) -> str:
        """The same as `trace_id`."""
        ...

    @property
    def scheduled_at(self) -> datetime | None:
        """Of a cron step: the time for which its tick was due."""
        ...

    @property
    def attempt(self) -> int:
        """Attempt number, from 1."""
        ...

    @property
    def flows(self) -> list[str]:
        """Flows of the step, from its config."""
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
        """Streams by name."""
        ...

    @overload
    def once(
        self,
        key: str,
        fn: Callable[..., object],
        *,
        schema: type[_Value],
        timeout: str | None = None,
        retries: int = 0,
        shared: bool = False,
        sensitive: bool = False,
        scope: Literal["run", "project"] = "run",
        ttl: str | None = None,
    ) -> Call[_Value]: ...
    @overload
    def once(
        self,
        key: str,
        fn: Callable[..., Coroutine[Any, Any, _Value]],
        *,
        schema: object = None,
        timeout: str | None = None,
        retries: int = 0,
        shared: bool = False,
        sensitive: bool = False,
        scope: Literal["run", "project"] = "run",
        ttl: str | None = None,
    ) -> Call[_Value]: ...
    @overload
    def once(
        self,
        key: str,
        fn: Callable[..., _Value],
        *,
        schema: object = None,
        timeout: str | None = None,
        retries: int = 0,
        shared: bool = False,
        sensitive: bool = False,
        scope: Literal["run", "project"] = "run",
        ttl: str | None = None,
    ) -> Call[_Value]: ...
    @overload
    def once(
        self,
        key: str,
        *,
        schema: object = None,
        timeout: str | None = None,
        retries: int = 0,
        shared: bool = False,
        sensitive: bool = False,
        scope: Literal["run", "project"] = "run",
        ttl: str | None = None,
    ) -> Callable[[Callable[..., object]], Call[Any]]: ...
    def sleep(self, key: str, duration: str) -> Call[None]:
        """Wait for a duration such as `30s` or `3d`; the run may leave its process meanwhile."""
        ...

    @overload
    def ask(
        self,
        key: str,
        title: str,
        *,
        data: object = None,
        schema: type[_Value],
        timeout: str | None = ...,
        notify: Mapping[str, object] | None = None,
        sensitive: bool = False,
    ) -> Call[Answer[_Value]]: ...
    @overload
    def ask(
        self,
        key: str,
        title: str,
        *,
        data: object = None,
        schema: object = None,
        timeout: str | None = ...,
        notify: Mapping[str, object] | None = None,
        sensitive: bool = False,
    ) -> Call[Answer[Any]]: ...
    def callback(
        self,
        key: str,
        *,
        title: str | None = None,
        data: object = None,
        schema: object = None,
        timeout: str | None = ...,
        notify: Mapping[str, object] | None = None,
        sensitive: bool = False,
        verify: Mapping[str, str] | None = None,
    ) -> Call[Callback[Any]]: ...

    def answer(self, id: str, value: object = None) -> Call[None]:
        """Answer an ask or a callback of any run, which goes on; the same answer may come twice."""
        ...

    def call(self, key: str, step: str, input: Any = None, *, timeout: str | None = ...) -> Call[Any]:
        """Call an event step, and give what its handler returns."""
        ...


# --- end: general
