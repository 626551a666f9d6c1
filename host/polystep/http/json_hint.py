"""Hint for a JSON body that came as another type, as `curl -d` sends it."""

from __future__ import annotations

import logging
from typing import Final

import orjson

from polystep.contracts.steps import StepSpec
from polystep.http.refusals import RequestRefused

_BLANK: Final = " \t\r\n"
_log = logging.getLogger("polystep.http")


def json_hint(content_type: str, raw: str | bytes) -> str | None:
    """Say what to send instead; `None` where the body is declared as JSON, or is none."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return None
    begin = raw[:64].lstrip() if isinstance(raw, bytes) else raw[:64].lstrip(_BLANK).encode()
    if not begin.startswith((b"{", b"[")):
        return None
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    came = f"came as {kind[:100]}" if kind else "came without a Content-Type"
    return f"The body is JSON, but it {came}: send the header `Content-Type: application/json`."


def with_json_hint(refused: RequestRefused, content_type: str, raw: str | bytes) -> RequestRefused:
    """Add the hint to the refusal of a request that breaks its contract, where it may be the reason."""
    if refused.status == 400 and "issues" in refused.body and (hint := json_hint(content_type, raw)) is not None:
        return RequestRefused(refused.status, {**refused.body, "hint": hint}, refused.headers)
    return refused


class JsonHints:
    """Warns, in development and once a step, of JSON bodies of another type that no contract refuses."""

    def __init__(self) -> None:
        self._warned: set[str] = set()

    def note(self, step: StepSpec, content_type: str, raw: str | bytes) -> None:
        """Look at a body that a step is about to get."""
        if step.name not in self._warned and (hint := json_hint(content_type, raw)) is not None:
            self._warned.add(step.name)
            _log.warning("A request to %s is read as its type says. %s", step.name, hint)
