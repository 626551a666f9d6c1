"""Waits that outlive the process: `sleep`, `ask`, `callback`, `wait_for` and `call` (PS-8.17 to PS-8.21)."""

import sys
from collections.abc import Callable, Generator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, NamedTuple

from polystep_runner.adapters.schemas import check_of, describe_type
from polystep_runner.attempt import Attempt, Call
from polystep_runner.errors import PolystepError, error_from_wire

_PACKAGE: Final = f"{Path(__file__).parents[1]}/"
_USUAL: Final = object()
"""Stands for a timeout that was not given; `None` is the longest one."""
WITHIN: Final[ContextVar[str | None]] = ContextVar("polystep_once", default=None)
"""The key of the `once` that the current code is inside of."""


class Answer(NamedTuple):
    """End of a wait for an answer: `answered` with its value, `timed_out` or `cancelled`."""

    status: str
    value: Any


class Done:
    """A result in a plain `def` handler, in which a call has ended when it returns."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def result(self, timeout_s: float | None = None) -> Any:
        """Return the value."""
        return self._value


class Callback:
    """Door for another system: awaited, or by `result()` in a plain handler, it gives the answer."""

    def __init__(self, id: str, url: str | None, wait: Callable[[], Any]) -> None:
        self.id, self.url, self._wait = id, url, wait

    def __await__(self) -> Generator[Any, None, Answer]:
        return self._wait().__await__()  # type: ignore[no-any-return]

    def result(self, timeout_s: float | None = None) -> Answer:
        """Wait in a plain `def` handler, and return the answer."""
        answer: Answer = self._wait().result(timeout_s)
        return answer


class Waits:
    """The waits of a context."""

    _attempt: Attempt

    def sleep(self, key: str, duration: str) -> Any:
        """Wait; the run may leave its process meanwhile."""
        return self._begin({"kind": "sleep", "duration": duration, **_place(key)}, lambda answer: answer)

    def ask(
        self, key: str, title: str, *, data: Any = None, schema: Any = None, timeout: Any = _USUAL,
        notify: dict[str, Any] | None = None, sensitive: bool = False,
    ) -> Any:  # fmt: skip
        """Wait for a decision of a person; gives its `status` and `value`."""
        params = {"kind": "ask", "title": title, "notify": notify, "sensitive": sensitive or None}
        return self._begin(*_asked(f'ask("{key}")', {**params, **_place(key)}, data, schema, timeout))

    def callback(
        self, key: str, *, title: str | None = None, data: Any = None, schema: Any = None, timeout: Any = _USUAL,
        notify: dict[str, Any] | None = None, sensitive: bool = False, verify: dict[str, str] | None = None,
    ) -> Any:  # fmt: skip
        """Open a door for another system, with a `url`; awaited, it gives the answer."""
        params = {
            "kind": "callback",
            "title": title,
            "notify": notify,
            "sensitive": sensitive or None,
            "verify": verify,
        }
        asked, made = _asked(f'callback("{key}")', {**params, **_place(key)}, data, schema, timeout)

        def opened(door: Any) -> Callback:
            return Callback(door["id"], door["url"], lambda: self._begin(asked, made))

        return self._begin({**asked, "open": True}, opened)

    def wait_for(
        self, key: str, first_of: list[dict[str, Any]] | None = None, *, topic: str | None = None, by: Any = None,
        timeout: Any = _USUAL,
    ) -> Any:  # fmt: skip
        """Wait for an event, and give its data; of a list of topics, give the topic too. `None` when none came."""
        one = {"topic": topic, **({} if by is None else {"by": by})}
        params = {"kind": "event", "topics": [one] if first_of is None else first_of, **_place(key)}
        if timeout is not _USUAL:
            params["timeout"] = timeout
        return self._begin(params, lambda taken: taken if first_of is not None or taken is None else taken["data"])

    waitFor = wait_for

    def call(self, key: str, step: str, input: Any = None, *, timeout: Any = _USUAL) -> Any:
        """Call another step, and give its value."""
        params = {"kind": "call", "step": step, "input": input, **_place(key)}
        if timeout is not _USUAL:
            params["timeout"] = timeout
        return self._begin(params, _called)

    def answer(self, id: str, value: Any = None) -> Call:
        """Answer an ask or a callback of any run."""
        return self._attempt.call("ask.answer", {"id": id, "value": value})

    def _begin(self, params: dict[str, Any], made: Callable[[Any], Any]) -> Any:
        if self._attempt.channel.is_here():
            return _later(self._attempt, params, made)
        return Done(made(_wait(self._attempt, params).result()))


def _called(ended: dict[str, Any]) -> Any:
    if "error" not in ended:
        return ended["value"]
    error = error_from_wire(ended["error"])
    error.code = ended["error"].get("code", 21)
    raise error


async def _later(attempt: Attempt, params: dict[str, Any], made: Callable[[Any], Any]) -> Any:
    # Registered here, when it is awaited: one that is only made waits for nothing.
    return made(await _wait(attempt, params))


def _wait(attempt: Attempt, params: dict[str, Any]) -> Call:
    """Ask for a wait, which the answer of the handler does not wait for (PS-8.17)."""
    call = attempt.call("wait", params)
    attempt.open.discard(call)
    attempt.waits.add(call)
    return call


def _asked(
    what: str, params: dict[str, Any], data: Any, schema: Any, timeout: Any
) -> tuple[dict[str, Any], Callable[[Any], Answer]]:
    """Return the params of a wait for an answer, and what makes the answer of that of the host."""
    asked = {name: value for name, value in params.items() if value is not None}
    asked |= {"data": data, "schema": schema if schema is None or isinstance(schema, dict) else describe_type(schema)}
    if timeout is not _USUAL:
        asked["timeout"] = timeout
    check = None if schema is None or isinstance(schema, dict) else check_of(schema)

    def made(answer: Any) -> Answer:
        value = answer["value"]
        if check is not None and answer["status"] == "answered":
            value, issues = check(value)
            if issues:
                raise unfitting(what, issues, is_new=False)
        return Answer(answer["status"], value)

    return asked, made


def unfitting(what: str, issues: list[dict[str, Any]], *, is_new: bool) -> PolystepError:
    """Make the error of a result that its schema refuses; one that is kept is never asked for again."""
    where, which = ".".join(map(str, issues[0]["path"])) or "it", "the result" if is_new else "the kept result"
    text = f"{what}: {which} breaks its schema: {where}: {issues[0]['message']}"
    key = what.partition('"')[2].rpartition('"')[0]
    return PolystepError("contract_broken", text, data={"key": key, "issues": issues}, retryable=is_new)


def _place(key: str) -> dict[str, Any]:
    within = WITHIN.get()
    return {"key": text_of(key), "site": site_of(), **({} if within is None else {"within": within})}


def text_of(key: object) -> str:
    """Return a key, which is text."""
    if not isinstance(key, str):
        raise PolystepError(
            "invalid_params", f"A key is a text, not {key!r:.100}. Write what it means: f'order-{{id}}'."
        )
    return key


def site_of() -> str:
    """Return the line of user code that makes the call."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    file = frame.f_code.co_filename.removeprefix(f"{Path.cwd()}/")
    return f"{file}:{frame.f_lineno}"
