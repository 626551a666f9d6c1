"""Whether a handler's answer fits its step's `responseSchema`: an error in development, a warning in production."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from polystep.app.console import Console
from polystep.app.verdicts import response_broken
from polystep.contracts.errors import Issue
from polystep.contracts.steps import StepSpec
from polystep.contracts.values import JSONValue
from polystep.discovery import SchemaValidator, Validators
from polystep.trace import TraceRecorder


class Responses:
    """Checks answers by status: the schema of `200`, else of `2XX`, else of `default`.

    A status that the step does not list, while it lists others, is most often a 404 that was forgotten: it is sent, and
    one warning for each step and status says so, again after each reload.
    """

    def __init__(
        self, validators: Callable[[], Validators], recorder: TraceRecorder, console: Console, *, dev: bool
    ) -> None:
        self._validators = validators
        self._recorder = recorder
        self._console = console
        self._dev = dev
        self._current: Validators | None = None
        self._told: set[tuple[str, int]] = set()

    def check(self, step: StepSpec, result: JSONValue, trace_id: str, run_id: str) -> None:
        """Check `{status, headers?, body?}`; anything else is for the HTTP room to refuse.

        Raises:
            ResponseBroken: In development, the body breaks the schema.
        """
        validators = self._validators()
        declared = validators.responses(step.name)
        if not declared or not isinstance(result, dict) or (status := _status(result.get("status"))) is None:
            return
        name = next((each for each in (str(status), f"{status // 100}XX", "default") if each in declared), None)
        if name is None:
            self._tell_unlisted(validators, step, status, declared, trace_id, run_id)
            return
        # These two have no body on the wire, whatever the handler returned.
        issues = [] if status in (204, 304) else _issues(declared[name], result)
        if not issues:
            return
        broken = response_broken(step.name, status, name, issues)
        if self._dev:
            raise broken
        self._warn(step, f"{broken.message} It was sent.", trace_id, run_id)

    def _tell_unlisted(
        self,
        validators: Validators,
        step: StepSpec,
        status: int,
        declared: Mapping[str, SchemaValidator],
        trace_id: str,
        run_id: str,
    ) -> None:
        if self._current is not validators:
            self._current = validators
            self._told.clear()
        if (step.name, status) not in self._told:
            self._told.add((step.name, status))
            listed = ", ".join(declared)
            message = (
                f"{step.name} answered with status {status}, which config.responseSchema does not list ({listed}). "
                "Add it, so that clients know of it."
            )
            self._warn(step, message, trace_id, run_id)

    def _warn(self, step: StepSpec, message: str, trace_id: str, run_id: str) -> None:
        kept, _ = self._recorder.log("warn", message, step=step.name, trace_id=trace_id, run_id=run_id, source="host")
        self._console.warning(f"{kept} Trace {trace_id}")


def _status(value: JSONValue) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _issues(validator: SchemaValidator, result: Mapping[str, JSONValue]) -> list[Issue]:
    body = result.get("body")
    if isinstance(body, bytes):
        # Bytes are what a schema calls a string: of a file, a picture, a page.
        return validator.issues(body.decode("utf-8", "replace"))
    issues = validator.issues(body)
    return [Issue((), "is missing", "required")] if issues and "body" not in result else issues
