"""Errors that cross a room or the wire: class, number, HTTP status, use of a retry.

User code's failure (`StepFailed`) is apart from ours: it carries the language's class name, message and stack
as data. The numbers are the table of `protocol/schema/errors.json`; a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from polystep.contracts.values import JSONObject, JSONValue


class PolystepError(Exception):
    """An error of polystep itself."""

    code: int = 1
    name: str = "internal"
    """Code and name are the class's, but for an error whose code only the other side knows (PS-9.5)."""
    http_status: ClassVar[int] = 500
    retryable: bool = True
    """Trying again may help; a class has a default, one error may differ."""

    def __init__(self, message: str, data: JSONObject | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.data: JSONObject = data or {}

    def to_wire(self) -> JSONObject:
        """Shape: `{code, name, message, retryable, data}` (PS-9.1)."""
        return {
            "code": self.code,
            "name": self.name,
            "message": self.message,
            "retryable": self.retryable,
            "data": self.data,
        }


class MethodNotFound(PolystepError):
    """The other side asked for a method that does not exist."""

    code = 2
    name = "method_not_found"
    retryable = False


class InvalidParams(PolystepError):
    """A call's parameters have the wrong shape."""

    code = 3
    name = "invalid_params"
    retryable = False


class InvalidValue(PolystepError):
    """A value that the protocol cannot carry: NaN, a cycle, an integer beyond 2^53-1, a function."""

    code = 4
    name = "invalid_value"
    retryable = False


class FrameTooLarge(PolystepError):
    """A message is larger than the agreed `frame_bytes_max`; only its call fails."""

    code = 5
    name = "frame_too_large"
    retryable = False


class ProtocolMismatch(PolystepError):
    """The two sides speak different major versions of the protocol."""

    code = 6
    name = "protocol_mismatch"
    retryable = False


class RunnerGone(PolystepError):
    """The runner process ended, or its channel broke, before it answered."""

    code = 10
    name = "runner_gone"
    http_status = 503


class RunCancelled(PolystepError):
    """The host cancelled the run: a stop, or a client that went away."""

    code = 11
    name = "cancelled"
    http_status = 503


class RunTimedOut(PolystepError):
    """The handler did not finish within its timeout."""

    code = 12
    name = "timed_out"
    http_status = 504


class RunEnded(PolystepError):
    """A call arrived for a run that is finished or was superseded by a later attempt."""

    code = 13
    name = "run_ended"
    retryable = False


class Overloaded(PolystepError):
    """A bounded queue is full; try again after a moment."""

    code = 14
    name = "overloaded"
    http_status = 503


class LoadFailed(PolystepError):
    """A step file could not be imported, or its config is not usable."""

    code = 20
    name = "load_failed"
    retryable = False


class StepFailed(PolystepError):
    """The handler raised; `data` holds `name`, `message` and `stack` as the language gave them."""

    code = 21
    name = "step_failed"


class StepNotFound(PolystepError):
    """No loaded step has this name."""

    code = 22
    name = "step_not_found"
    http_status = 404
    retryable = False


class TopicNotDeclared(PolystepError):
    """A handler emitted a topic that its config does not list."""

    code = 23
    name = "topic_not_declared"
    retryable = False


class StreamNotFound(PolystepError):
    """No loaded stream has this name."""

    code = 24
    name = "stream_not_found"
    http_status = 404
    retryable = False


class ContractBroken(PolystepError):
    """A value breaks the schema that was declared for it; `data.issues` lists where."""

    code = 25
    name = "contract_broken"
    http_status = 400
    retryable = False


class HostStopping(PolystepError):
    """The host is shutting down and takes no new work."""

    code = 26
    name = "host_stopping"
    http_status = 503


class KeyReused(PolystepError):
    """One key was used for two durable calls of one run of a handler."""

    code = 27
    name = "key_reused"
    retryable = False


class JournalFull(PolystepError):
    """A result is too large to be kept, or the run keeps too much already."""

    code = 28
    name = "journal_full"
    retryable = False


class Conflict(PolystepError):
    """An update expected another value than the one that is stored."""

    code = 29
    name = "conflict"
    http_status = 409


class AskNotFound(PolystepError):
    """There is no ask with this id, or it was closed long ago."""

    code = 30
    name = "ask_not_found"
    http_status = 404
    retryable = False


class AskAnswered(PolystepError):
    """An ask has another answer already."""

    code = 31
    name = "ask_answered"
    http_status = 409
    retryable = False


class AskClosed(PolystepError):
    """The time of an ask is over, it was cancelled, or its run has ended."""

    code = 32
    name = "ask_closed"
    http_status = 410
    retryable = False


ALL_ERRORS: tuple[type[PolystepError], ...] = (
    PolystepError,
    MethodNotFound,
    InvalidParams,
    InvalidValue,
    FrameTooLarge,
    ProtocolMismatch,
    RunnerGone,
    RunCancelled,
    RunTimedOut,
    RunEnded,
    Overloaded,
    LoadFailed,
    StepFailed,
    StepNotFound,
    TopicNotDeclared,
    StreamNotFound,
    ContractBroken,
    HostStopping,
    KeyReused,
    JournalFull,
    Conflict,
    AskNotFound,
    AskAnswered,
    AskClosed,
)


def error_from_wire(payload: JSONValue) -> PolystepError:
    """Turn a received error into its class; one of an unknown code keeps its code and name (PS-9.5)."""
    if not isinstance(payload, dict):
        return PolystepError(f"The other side sent a malformed error: {payload!r}")
    code, name, data = payload.get("code"), payload.get("name"), payload.get("data")
    kind = next((each for each in ALL_ERRORS if each.code == code), None)
    error = (kind or PolystepError)(str(payload.get("message", "")), data if isinstance(data, dict) else None)
    if kind is None and type(code) is int and isinstance(name, str):
        error.code, error.name = code, name
    retryable = payload.get("retryable")
    # The sender may know better than the table: a handler that failed by an undeclared topic will fail again.
    if isinstance(retryable, bool):
        error.retryable = retryable
    return error


@dataclass(frozen=True, slots=True)
class Issue:
    """One part of a value that breaks its schema."""

    path: tuple[str | int, ...]
    """From the root of the value to the offending part."""
    message: str
    code: str
    """The schema keyword that failed, such as `required`, `type`, `minLength`."""

    def to_json(self) -> JSONObject:
        """Shape: `{path: [...], message, code}`."""
        return {"path": list(self.path), "message": self.message, "code": self.code}
