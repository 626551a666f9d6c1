"""The script step of the reference runner: the operations of protocol/README.md, in the language of this kit."""

from __future__ import annotations

import asyncio
import datetime
import os
import signal
import subprocess
import sys
from typing import Any, Final, NoReturn, Protocol

from polystep_kit.codec import DEPTH_MAX, INTEGER_MAX


class Refused(Exception):
    """A value that cannot be carried (PS-3.9)."""

    def __init__(self, path: str, why: str, *, is_result: bool) -> None:
        super().__init__(f"{path} cannot be carried: {why}")
        self.path = path
        self.is_result = is_result
        self.name, self.code, self.retryable = "invalid_value", 4, False


class Odd(BaseException):
    """No ordinary error."""


class _Absent:
    """A member that is not there, as JavaScript's undefined."""


class _WithField:
    """An object with a field."""

    def __init__(self) -> None:
        self.a = 1


class _Opaque:
    """Stands for what other languages have: a Map, a promise, a decimal."""


_ABSENT: Final = _Absent()


class Runner(Protocol):
    """What the script needs of its runner."""

    def call(self, method: str, params: dict[str, Any]) -> asyncio.Future[Any]:
        """Ask the host."""
        ...

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Tell the host."""
        ...


def _cycle() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


def _nested(levels: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(levels - 1):
        made = [made]
    return made


NATIVES: Final[dict[str, Any]] = {
    "nan": float("nan"), "infinity": float("inf"), "too_large": 2**53, "integral_float": 1.0, "cycle": _cycle(),
    "deep": _nested(101), "hundred": _nested(100), "time": datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
    "lone_surrogate": "\ud800", "bytes": b"\x00\xff", "number_keys": {1: "one"}, "odd_keys": {(): 1},
    "nested_nan": {"items": [{"total": float("nan")}]}, "object": object(), "function": print, "set": {1},
    "proto_key": {"__proto__": 1}, "minus_zero": -0.0, "invalid_utf8": "\udcff", "undefined_member": {"a": _ABSENT, "b": 1},
    "undefined_item": [_ABSENT, 1], "bigint": _Opaque(), "map": _Opaque(), "error": ValueError(), "promise": {"p": _Opaque()},
    "symbol_member": {"a": _ABSENT, "b": 1}, "class_instance": _WithField(), "decimal": _Opaque(),
}  # fmt: skip


def carry(value: Any, path: str) -> Any:
    """A value as it is sent.

    Raises:
        Refused: It cannot be carried.
    """
    return _carry(value, path, 0, path.startswith("result"))


def _carry(value: Any, path: str, depth: int, is_result: bool) -> Any:
    def refuse(why: str) -> NoReturn:
        raise Refused(path, why, is_result=is_result)

    match value:
        case None | bool() | bytes():
            return value
        case int():
            return value if abs(value) <= INTEGER_MAX else refuse("beyond 2^53-1")
        case float():
            return value if value - value == 0 else refuse("not finite")
        case str():
            return value if value.isascii() or value.encode("utf-8", "replace").decode() == value else refuse("surrogate")
        case datetime.datetime():
            return value.isoformat()
        case list() | dict() if depth >= DEPTH_MAX:
            return refuse("too deep")
        case _Absent():
            return None
        case _WithField():
            return vars(value)
        case list():
            return [_carry(item, f"{path}[{at}]", depth + 1, is_result) for at, item in enumerate(value)]
        case dict():
            return {_key(key, path, is_result): _carry(item, f"{path}.{key}", depth + 1, is_result) for key, item in value.items() if item is not _ABSENT}
    return refuse(type(value).__name__)


def _key(key: object, path: str, is_result: bool) -> str:
    if isinstance(key, (str, int)):
        return str(key)
    raise Refused(path, "a key that is no text", is_result=is_result)


def _as_text(value: Any) -> Any:
    try:
        return carry(value, "fields")
    except Refused:
        return {key: _as_text(each) for key, each in value.items()} if isinstance(value, dict) else str(value)


async def play(runner: Runner, run: str, told: dict[str, Any], params: dict[str, Any]) -> Any:
    """Execute a step's handler; returns what it returned."""
    if told["handler"] == "cron":
        return {name: params[name] for name in ("trace_id", "attempt", "flows")}
    given = params["input"]
    if told["handler"] == "echo":
        return {"status": 200, "body": given["body"]}
    inner = given.get("body", given) if isinstance(given.get("body"), dict) else given
    script = _Script(runner, run, params, given)
    return await script.play(inner["ops"])


class _Return(Exception):
    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class _Script:
    def __init__(self, runner: Runner, run: str, params: dict[str, Any], given: Any) -> None:
        self._runner, self._run, self._params, self._input = runner, run, params, given
        self._caught: BaseException | None = None
        self._started: list[asyncio.Future[Any]] = []
        self._part = ""

    async def play(self, ops: list[dict[str, Any]]) -> Any:
        results: list[Any] = []
        value: Any = results
        try:
            for op in ops:
                made = await getattr(self, f"_do_{op['do']}")(op)
                if made is not ...:
                    results.append(made)
        except _Return as returned:
            value = returned.value
        failed = [each for each in await asyncio.gather(*self._started, return_exceptions=True) if isinstance(each, Exception)]
        if self._part:
            self._output(self._part)
        if failed:
            raise failed[0]
        return value

    def _output(self, text: str) -> None:
        self._log({"level": "info", "message": text, "source": "output"})

    def _log(self, line: dict[str, Any]) -> None:
        self._runner.notify("log", {"run": self._run, "time_ms": 1_700_000_000_000, "source": "logger", **line})

    async def _do_return(self, op: dict[str, Any]) -> NoReturn:
        raise _Return(op["value"])

    async def _do_nothing(self, op: dict[str, Any]) -> NoReturn:
        raise _Return(None)

    async def _do_input(self, op: dict[str, Any]) -> NoReturn:
        raise _Return(self._input)

    async def _do_native(self, op: dict[str, Any]) -> NoReturn:
        raise _Return(NATIVES[op["name"]])

    async def _do_context(self, op: dict[str, Any]) -> Any:
        return self._params[op["member"]]

    async def _do_call(self, op: dict[str, Any]) -> Any:
        try:
            params = {"run": self._run}
            for name, value in op["args"].items():
                native = op.get("native") if name in ("value", "data") else None
                if name == "data" and "times" in op:
                    value = value * op["times"]
                params[name] = carry(NATIVES[native] if native else value, name)
                if name in ("topic", "group", "key", "stream", "id", "message_group_id"):
                    params[name] = _name(name, value)
            waiter = self._runner.call(op["method"], params)
            if op.get("unawaited"):
                self._started.append(waiter)
                return ...
            return await waiter
        except Exception as error:
            if not op.get("catch"):
                raise
            self._caught = error
            name = getattr(error, "name", type(error).__name__)
            return {
                "name": name,
                "message": str(error),
                "code": getattr(error, "code", 0),
                "data": getattr(error, "data", {"path": getattr(error, "path", "")}),
            }

    async def _do_raise(self, op: dict[str, Any]) -> Any:
        raise ValueError(op["message"])

    async def _do_raise_odd(self, op: dict[str, Any]) -> Any:
        raise Odd("odd")

    async def _do_reraise(self, op: dict[str, Any]) -> Any:
        assert self._caught is not None
        raise self._caught

    async def _do_log(self, op: dict[str, Any]) -> Any:
        line = {"level": op["level"], "message": op["message"]}
        fields = dict(op.get("fields") or {})
        if op.get("native"):
            fields["value"] = NATIVES[op["native"]]
        if fields:
            line["fields"] = _as_text(fields)
        self._log(line)
        return ...

    async def _do_print(self, op: dict[str, Any]) -> Any:
        self._output(self._part + op["text"])
        self._part = ""
        return ...

    async def _do_print_part(self, op: dict[str, Any]) -> Any:
        self._part += op["text"]
        return ...

    async def _do_print_error(self, op: dict[str, Any]) -> Any:
        self._log({"level": "error", "message": op["text"], "source": "output"})
        return ...

    async def _do_write(self, op: dict[str, Any]) -> Any:
        os.write(1, f"{op['text']}\n".encode())
        return ...

    async def _do_read(self, op: dict[str, Any]) -> Any:
        return os.read(0, 100).decode()

    async def _do_spawn(self, op: dict[str, Any]) -> Any:
        subprocess.run(["echo", op["text"]], check=True, close_fds=False)
        return ...

    async def _do_child_environment(self, op: dict[str, Any]) -> Any:
        return self._of_child("sh", "-c", 'printf %s "$POLYSTEP_CHANNEL"') or None

    async def _do_child_descriptors(self, op: dict[str, Any]) -> Any:
        return self._of_child("ls", "-l", "/proc/self/fd")

    def _of_child(self, *command: str) -> str:
        return subprocess.run(command, check=True, close_fds=False, stdout=subprocess.PIPE, text=True).stdout

    async def _do_exit(self, op: dict[str, Any]) -> Any:
        raise Odd(f"exit {op['status']}")

    async def _do_loop(self, op: dict[str, Any]) -> Any:
        while True:
            pass

    async def _do_wait(self, op: dict[str, Any]) -> Any:
        await asyncio.get_running_loop().create_future()

    async def _do_fail_later(self, op: dict[str, Any]) -> Any:
        return ...

    async def _do_kill(self, op: dict[str, Any]) -> Any:
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def _name(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    error = ValueError(f"{name} must be a text")
    error.name, error.code = "invalid_params", 3  # type: ignore[attr-defined]
    raise error
