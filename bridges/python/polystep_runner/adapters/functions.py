"""Handlers and middleware as users write them: async or plain, with all of the arguments that there are or fewer."""

import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class Function:
    """A handler or middleware, looked at once: `is_async`, and how many arguments it `takes` and `requires`."""

    def __init__(self, call: Any, args_max: int) -> None:
        self.call = call
        self.is_async = any(map(inspect.iscoroutinefunction, (call, getattr(call, "__call__", None))))  # noqa: B004
        self.takes = self.requires = args_max
        with suppress(TypeError, ValueError):  # some callables written in C have no signature
            parameters = inspect.signature(call).parameters.values()
            placed = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
            self.requires = sum(each.default is each.empty for each in placed)
            if all(each.kind is not each.VAR_POSITIONAL for each in parameters):
                self.takes = min(len(placed), args_max)


def caught(call: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, BaseException | None]:
    """Call a plain function in a thread: `(value, None)` or `(None, what it raised)`.

    As a value: a future refuses StopIteration, and SystemExit would end the thread's pool.
    """
    try:
        return call(*args), None
    except BaseException as error:  # noqa: BLE001 - raised again where the handler is awaited
        return None, error
