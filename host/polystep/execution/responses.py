"""Check of handlers' responses against `responseSchema`: a warning, an error or nothing, as the project sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from polystep.contracts.errors import Issue
from polystep.contracts.ports.reporter import Reporter
from polystep.contracts.responses import ResponsePolicy, status_of
from polystep.contracts.steps import StepSpec
from polystep.contracts.values import JSONValue
from polystep.discovery import Loaded, SchemaValidator, Validators
from polystep.execution.violations import response_broken
from polystep.trace import TraceRecorder

_WARNINGS_MAX: Final = 1000
"""Warnings between two reloads: paths may hold names that clients choose, so their number has a bound."""


class Responses:
    """Checker of responses by status: the schema of `200`, else of `2XX`, else of `default`.

    With `warn` each step and path is reported once, and again after each reload. Indexes of a list count as one path.
    A status that the step does not list, while it lists others, is most often a 404 that was forgotten: it is sent, and
    one warning for each step and status names it.
    """

    def __init__(self, loaded: Loaded, recorder: TraceRecorder, reporter: Reporter, policy: ResponsePolicy) -> None:
        self._loaded = loaded
        self._recorder = recorder
        self._reporter = reporter
        self._policy = policy
        self._current: Validators | None = None
        self._warned: set[tuple[str | int, ...]] = set()

    def check(self, step: StepSpec, result: JSONValue, trace_id: str, run_id: str) -> None:
        """Check `{status, headers?, body?}`; anything else is for the HTTP room to refuse.

        Raises:
            ResponseBroken: The policy is `error` and the body breaks the schema.
        """
        if self._policy == "off":
            return
        validators = self._loaded.validators
        declared = validators.responses(step.name)
        if not declared or not isinstance(result, dict) or (status := status_of(result.get("status"))) is None:
            return
        if self._current is not validators:
            self._current = validators
            self._warned.clear()
        name = next((each for each in (str(status), f"{status // 100}XX", "default") if each in declared), None)
        if name is None:
            if self._is_new((step.name, status)):
                self._warn(step, _unlisted(step, status, declared), (), trace_id, run_id)
            return
        # These two have no body on the wire, whatever the handler returned.
        issues = [] if status in (204, 304) else _issues(declared[name], result)
        if not issues:
            return
        if self._policy == "error":
            raise response_broken(step.name, status, name, issues)
        new = [issue for issue in issues if self._is_new((step.name, name, *map(_general, issue.path)))]
        if new:
            broken = response_broken(step.name, status, name, new)
            self._warn(step, f"{broken.message} It was sent.", new, trace_id, run_id)

    def _is_new(self, key: tuple[str | int, ...]) -> bool:
        if key in self._warned or len(self._warned) >= _WARNINGS_MAX:
            return False
        self._warned.add(key)
        return True

    def _warn(self, step: StepSpec, message: str, issues: Sequence[Issue], trace_id: str, run_id: str) -> None:
        kept, _ = self._recorder.log(
            "warn",
            message,
            fields={"issues": [issue.to_json() for issue in issues]} if issues else None,
            step=step.name,
            trace_id=trace_id,
            run_id=run_id,
            source="host",
        )
        self._reporter.warning(f"{kept} Trace {trace_id}")
        if len(self._warned) == _WARNINGS_MAX:
            self._reporter.warning("Further problems of responses are not shown until the next reload.")


def _unlisted(step: StepSpec, status: int, declared: Mapping[str, SchemaValidator]) -> str:
    listed = ", ".join(declared)
    return (
        f"{step.name} answered with status {status}, which config.responseSchema does not list ({listed}). "
        "Add it, so that clients know of it."
    )


def _general(part: str | int) -> str:
    """Return one name for every index of a list."""
    return "[]" if isinstance(part, int) else part


def _issues(validator: SchemaValidator, result: Mapping[str, JSONValue]) -> list[Issue]:
    body = result.get("body")
    if isinstance(body, bytes):
        # Bytes are what a schema calls a string: of a file, a picture, a page.
        return validator.issues(body.decode("utf-8", "replace"))
    issues = validator.issues(body)
    return [Issue((), "is missing", "required")] if issues and "body" not in result else issues
