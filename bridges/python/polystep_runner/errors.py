"""Errors of the protocol (PS-9), and how an exception of user code is described to the host."""

from __future__ import annotations

import os
import traceback
from typing import Any, Final

_OURS: Final[dict[str, tuple[int, bool]]] = {
    "method_not_found": (2, False),
    "invalid_params": (3, False),
    "invalid_value": (4, False),
    "frame_too_large": (5, False),
    "protocol_mismatch": (6, False),
    "cancelled": (11, True),
    "load_failed": (20, False),
    "step_failed": (21, True),
}
"""Name → number and whether a retry can help, as in `protocol/schema/errors.json`."""

TEXT_CHARS_MAX: Final = 16_384
"""A message or output line is cut here; a stack at twice this."""

# Frames of this package and of the import machinery tell a step's author nothing.
_HIDDEN_FRAMES: Final = (__file__.rpartition(os.sep)[0] + os.sep, "<frozen importlib", "<frozen runpy")


class PolystepError(Exception):
    """An error of polystep: refused by the host or by this bridge. `name` and `code` say which, `data` says more."""

    def __init__(
        self,
        name: str,
        message: str,
        *,
        code: int | None = None,
        retryable: bool | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        known = _OURS.get(name, (1, True))
        self.name = name
        self.message = message
        self.code = known[0] if code is None else code
        self.retryable = known[1] if retryable is None else retryable
        self.data: dict[str, Any] = data or {}

    def to_wire(self) -> dict[str, Any]:
        """Shape: `{code, name, message, retryable, data}`. Source: PS-9."""
        return {
            "code": self.code,
            "name": self.name,
            "message": self.message[:TEXT_CHARS_MAX],
            "retryable": self.retryable,
            "data": self.data,
        }


def error_from_wire(payload: object) -> PolystepError:
    """Turn a received error map into the exception that user code sees."""
    if not isinstance(payload, dict):
        return PolystepError("internal", f"The host sent a malformed error: {payload!r}")
    data, code = payload.get("data"), payload.get("code")
    return PolystepError(
        str(payload.get("name", "internal")),
        str(payload.get("message", "")),
        code=code if isinstance(code, int) else 1,
        retryable=bool(payload.get("retryable", True)),
        data=data if isinstance(data, dict) else None,
    )


def safe_text(value: object) -> str:
    """`str(value)` that never raises, cut to `TEXT_CHARS_MAX` and sendable as UTF-8."""
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 - a broken __str__ of user code must not hide what is being reported
        text = f"<{type(value).__name__} whose str() fails>"
    return text[:TEXT_CHARS_MAX].encode("utf-8", "backslashreplace").decode()


def describe(error: BaseException) -> dict[str, Any]:
    """Shape: `{name, message, stack}`; the stack starts in user code. Source: PS-6.3, PS-7.2."""
    name = error.name if isinstance(error, PolystepError) else type(error).__name__
    try:
        view = traceback.TracebackException.from_exception(error)
        _hide_frames(view)
        stack = "".join(view.format())
    except Exception:  # noqa: BLE001 - formatting calls user code's __str__ and may recurse without end
        stack = ""
    return {"name": name, "message": safe_text(error), "stack": _end(stack)}


def _hide_frames(view: traceback.TracebackException) -> None:
    view.stack[:] = [frame for frame in view.stack if not frame.filename.startswith(_HIDDEN_FRAMES)]
    for inner in (view.__cause__, view.__context__, *(view.exceptions or ())):
        if inner is not None:
            _hide_frames(inner)


def _end(stack: str) -> str:
    # The end names the error and the frame that raised it.
    return stack[-2 * TEXT_CHARS_MAX :].encode("utf-8", "backslashreplace").decode()
