"""Errors of the protocol (PS-9), and descriptions of exceptions of user code."""

import importlib
import traceback
from contextlib import suppress
from typing import Any, Final

_OURS: Final = {
    "method_not_found": (2, False), "invalid_params": (3, False), "invalid_value": (4, False),
    "frame_too_large": (5, False), "protocol_mismatch": (6, False), "cancelled": (11, True),
    "load_failed": (20, False), "step_failed": (21, True), "contract_broken": (25, False),
}  # fmt: skip
"""Name → number and whether a retry can help; others are `internal` (PS-9.3)."""
TEXT_CHARS_MAX: Final = 16_384
"""A message or a line of output is cut here, a stack at twice this (PS-9.4)."""
# Frames of this package and of the import machinery tell a step's author nothing.
_HIDDEN_FRAMES: Final = (__file__.rpartition("/")[0] + "/", importlib.__file__, "<frozen importlib", "<frozen runpy")


class PolystepError(Exception):
    """Error of the host or of this bridge. `name` and `code` say which, `data` says more."""

    def __init__(self, name: str, message: str, *, data: Any = None, retryable: bool | None = None) -> None:
        super().__init__(message)
        self.code, known = _OURS.get(name, (1, True))
        self.name, self.message, self.data = name, message, data if isinstance(data, dict) else {}
        self.retryable = known if retryable is None else retryable

    def to_wire(self) -> dict[str, Any]:
        """Return `{code, name, message, retryable, data}` (PS-9.1)."""
        known = {"code": self.code, "name": self.name, "message": safe_text(self.message)}
        return {**known, "retryable": self.retryable, "data": self.data}


def error_from_wire(payload: object) -> PolystepError:
    """Turn a received error into the exception that user code sees (PS-9.5)."""
    known = payload if isinstance(payload, dict) else {"message": f"The host sent {safe_text(payload)}"}
    name, message = safe_text(known.get("name", "internal")), safe_text(known.get("message", ""))
    error = PolystepError(name, message, data=known.get("data"), retryable=bool(known.get("retryable", True)))
    code = known.get("code")
    error.code = code if isinstance(code, int) else 1
    return error


def safe_text(value: object, chars_max: int = TEXT_CHARS_MAX) -> str:
    """Make text of a value without raising, cut and sendable as UTF-8."""
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 - a broken __str__ of user code must not hide what is being reported
        text = f"<{type(value).__name__} whose str() fails>"
    return text[:chars_max].encode("utf-8", "backslashreplace").decode()[:chars_max]


def describe(error: BaseException) -> dict[str, Any]:
    """Describe an exception as `{name, message, stack}`; the stack starts in user code (PS-9.4)."""
    name = error.name if isinstance(error, PolystepError) else type(error).__name__
    message = stack = ""
    with suppress(BaseException):  # __str__ is user code
        message = str(error)
    with suppress(BaseException):
        views = [traceback.TracebackException.from_exception(error)]
        for view in views:
            view.stack[:] = [frame for frame in view.stack if not frame.filename.startswith(_HIDDEN_FRAMES)]
            views += filter(None, (view.__cause__, view.__context__, *(view.exceptions or ())))
        stack = "".join(views[0].format())[-2 * TEXT_CHARS_MAX :]  # its end names the error and where it arose
    stack = safe_text(stack, 12 * TEXT_CHARS_MAX)[-2 * TEXT_CHARS_MAX :]
    return {"name": safe_text(name, 1_000), "message": safe_text(message), "stack": stack}


def failure_of(name: str, error: BaseException) -> PolystepError:
    """Make a `load_failed` or `step_failed` of an exception; errors of polystep keep their `retryable` (PS-7.3)."""
    data = describe(error)
    retryable = error.retryable if isinstance(error, PolystepError) else None
    return PolystepError(name, f"{data['name']}: {data['message']}", data=data, retryable=retryable)
