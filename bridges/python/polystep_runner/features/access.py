"""Rules about who may use streams: the project's `authenticate`, a stream's `canAccess` (PS-6.5 to 6.7)."""

from types import ModuleType, SimpleNamespace
from typing import Any, Protocol

from polystep_runner.adapters.configs import Config
from polystep_runner.adapters.functions import Function
from polystep_runner.adapters.inputs import readable
from polystep_runner.context import Context, Run
from polystep_runner.errors import PolystepError


class Step(Protocol):
    """The part of a loaded file that rules are in."""

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
    """Whether the file has the function that a run of this type calls."""
    return callable(step.config.can_access) if type == "can_access" else step.has_handler


def call_of(step: Step, run: Run, value: Any) -> tuple[list[Function], Run, Any, object]:
    """Return what a run calls, in the order of the runner's own parameters: functions, run, context, first argument."""
    if run.type == "can_access":
        return [Function(step.config.can_access, 2)], run, readable("", value.get("context")), value.get("subscription")
    if run.type == "authenticate":
        return [Function(step.functions[-1].call, 1)], run, None, value
    return step.functions, run, Context(run), value


def answer_of(type: str, result: object) -> object:
    """Return what the host is told: of rules about joins yes or no, of event and cron steps nothing (PS-7.7)."""
    if type in ("event", "cron"):
        return None
    return bool(result) if type == "can_access" else result
