"""The script step of the reference runner: the operations of protocol/README.md, in the language of this kit."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn, Protocol

from polystep_kit.durable import KeptError, once
from polystep_kit.faults import Faults
from polystep_kit.features import Streamed, read_group
from polystep_kit.natives import NATIVES, Refused, carry


class Odd(BaseException):
    """No ordinary error."""


class Runner(Protocol):
    """Port that the script needs of its runner."""

    faults: Faults

    def has(self, feature: str) -> bool:
        """Report whether both sides have a feature."""
        ...

    def call(self, method: str, params: dict[str, Any]) -> asyncio.Future[Any]:
        """Ask the host."""
        ...

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Tell the host."""
        ...


def _as_text(value: Any) -> Any:
    try:
        return carry(value, "fields")
    except Refused:
        return {key: _as_text(each) for key, each in value.items()} if isinstance(value, dict) else str(value)


async def play(runner: Runner, run: str, told: dict[str, Any], params: dict[str, Any]) -> Any:
    """Execute a step's handler; returns what it returned."""
    if told["handler"] == "cron":
        seen = {name: params[name] for name in ("trace_id", "attempt", "flows")}
        return await runner.call("state.set", {"run": run, "group": "cron", "key": "seen", "value": seen})
    given = params["input"]
    if told["handler"] == "layers":
        return ["stopped"] if given["body"]["stop"] else ["outer", "inner", "handler"]
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
        self._results: list[Any] = []

    async def play(self, ops: list[dict[str, Any]]) -> Any:
        results = self._results
        value: Any = results
        try:
            for op in ops:
                made = await getattr(self, f"_do_{op['do']}")(op)
                if made is not ...:
                    results.append(made)
        except _Return as returned:
            value = returned.value
        failed = [
            each for each in await asyncio.gather(*self._started, return_exceptions=True) if isinstance(each, Exception)
        ]
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

    async def _do_stream(self, op: dict[str, Any]) -> NoReturn:
        raise _Return(Streamed(op))

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
                is_name = name in ("topic", "group", "key", "stream", "id", "message_group_id")
                given = NATIVES[native] if native else value
                params[name] = _name(name, value) if is_name else carry(given, name)
            if op["method"].endswith(".page") or (op["method"].endswith(".get_group") and self._runner.has("pages")):
                return await read_group(self._runner, op["method"], params, self._runner.faults.flag)
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

    async def _do_once(self, op: dict[str, Any]) -> Any:
        return await self._caught_by(op, once(self._runner, self._run, op, self._results))

    async def _do_ask(self, op: dict[str, Any]) -> Any:
        return await self._runner.call("wait", {"run": self._run, "key": op["key"], "kind": "ask", **op["options"]})

    async def _do_callback(self, op: dict[str, Any]) -> Any:
        wait = {"run": self._run, "key": op["key"], "kind": "callback", **op["options"]}
        door = await self._runner.call("wait", {**wait, "open": True})
        return {"id": door["id"], "url": door["url"], "answer": await self._runner.call("wait", wait)}

    async def _do_answer(self, op: dict[str, Any]) -> Any:
        given = {"run": self._run, "id": op["id"], "value": op["value"]}
        return await self._caught_by(op, self._answered(given))

    async def _answered(self, given: dict[str, Any]) -> str:
        await self._runner.call("ask.answer", given)
        return "answered"

    async def _do_wait_for(self, op: dict[str, Any]) -> Any:
        wanted, options = op["wanted"], op.get("options", {})
        if not isinstance(wanted, list):
            wanted = [{key: wanted[key] for key in ("topic", "by") if key in wanted}]
            options = {"timeout": op["wanted"]["timeout"]} if "timeout" in op["wanted"] else {}
        wait = {"run": self._run, "key": op["key"], "kind": "event", "topics": wanted, **options}
        taken = await self._runner.call("wait", wait)
        return taken if isinstance(op["wanted"], list) or taken is None else taken["data"]

    async def _do_call_step(self, op: dict[str, Any]) -> Any:
        return await self._caught_by(op, self._called(op))

    async def _called(self, op: dict[str, Any]) -> Any:
        call = {"run": self._run, "key": op["key"], "kind": "call", "step": op["step"], "input": op["input"]}
        ended = await self._runner.call("wait", {**call, **op["options"]})
        if "error" in ended and self._runner.faults.flag != "takes_errors":
            raise KeptError(ended["error"])
        return ended.get("value")

    async def _do_sleep(self, op: dict[str, Any]) -> Any:
        params = {"run": self._run, "key": op["key"], "kind": "sleep", "duration": op["duration"]}
        try:
            await self._runner.call("wait", params)
        except Exception:
            if not op.get("catch"):
                raise
            return "swallowed"
        return "awake"

    async def _caught_by(self, op: dict[str, Any], work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await work
        except Exception as error:
            if not op.get("catch"):
                raise
            name = getattr(error, "name", type(error).__name__)
            return {
                "name": name,
                "message": str(error),
                "code": getattr(error, "code", 0),
                "data": getattr(error, "data", {}),
            }

    async def _do_raise(self, op: dict[str, Any]) -> Any:
        error = ValueError(op["message"])
        vars(error).update({name: op[name] for name in ("retryable", "retry_after") if name in op})
        raise error

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
        _print_in_child(op["text"])
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


def _print_in_child(text: str) -> None:
    subprocess.run(["echo", text], check=True, close_fds=False)


def _name(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    error = ValueError(f"{name} must be a text")
    error.name, error.code = "invalid_params", 3  # type: ignore[attr-defined]
    raise error
