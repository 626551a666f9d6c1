"""Access rules of streams: the project's `authenticate`, a stream's `canAccess` (PS-6.5 to 6.7)."""

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any, Protocol

from polystep_runner.adapters.configs import Config
from polystep_runner.adapters.functions import Function
from polystep_runner.adapters.inputs import readable
from polystep_runner.attempt import Attempt
from polystep_runner.errors import PolystepError


class Step(Protocol):
    """Part of a loaded file that has the rules."""

    config: Config
    has_handler: bool
    functions: list[Function]


def read(module: ModuleType, file: str, kind: str) -> Any:
    """Return a module with `config` and `handler`; those of an access file are made of its rule."""
    if kind != "access":
        return module
    handler = getattr(module, "authenticate", None)
    if not callable(handler):
        raise PolystepError("load_failed", f"{file} has no authenticate: add a function authenticate(request).")
    schema = getattr(module, "context_schema", getattr(module, "contextSchema", None))
    return SimpleNamespace(config={} if schema is None else {"contextSchema": schema}, handler=handler)


def can_run(step: Step, type: object) -> bool:
    """Report whether the file has the function that a run of this type calls."""
    return callable(step.config.can_access) if type == "can_access" else step.has_handler


def call_of(
    step: Step, attempt: Attempt, value: Any, context_of: Callable[[Attempt], object]
) -> tuple[list[Function], Attempt, Any, object]:
    """Return functions, attempt, context and first argument of a run, as the runner's call takes them."""
    if attempt.type == "can_access":
        function = Function(step.config.can_access, 2)
        return [function], attempt, readable("", value.get("context")), value.get("subscription")
    if attempt.type == "authenticate":
        return [Function(step.functions[-1].call, 1)], attempt, None, value
    return step.functions, attempt, context_of(attempt), value


def answer_of(type: str, result: object) -> object:
    """Return the answer for the host: yes or no of a join rule, nothing of event and cron steps (PS-7.7)."""
    if type in ("event", "cron"):
        return None
    return bool(result) if type == "can_access" else result
