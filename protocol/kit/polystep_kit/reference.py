"""A runner that plays by the book, and, on demand, breaks one rule at a time: `python -m polystep_kit.reference`.

It runs the conformance steps of `kit/steps/reference`, whose files are JSON; what a step does is data, so that nothing
is loaded and everything is in this file and `script.py`. `POLYSTEP_KIT_FAULT` names the check that it has to fail.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from polystep_kit.codec import Frames, Malformed, frame, head, pack, unpack
from polystep_kit.error_table import error_table
from polystep_kit.faults import Faults
from polystep_kit.features import FEATURES, Streamed, ask_rule, trimmed
from polystep_kit.natives import Refused, carry
from polystep_kit.script import play

PROTOCOL: Final = "1.0"
_FRAME_BYTES_MAX: Final = 16_777_216


class WireError(Exception):
    """An error of the protocol, made here or received."""

    def __init__(self, name: str, message: str, data: dict[str, Any] | None = None, code: int | None = None) -> None:
        super().__init__(message)
        self.name, self.message, self.data = name, message, data or {}
        self.code, self.retryable = error_table().get(name, (1, True))
        self.received = code is not None
        if code is not None:
            self.code = code

    def to_wire(self) -> dict[str, Any]:
        """Shape: PS-9.1."""
        return {
            "code": self.code,
            "name": self.name,
            "message": self.message,
            "retryable": self.retryable,
            "data": self.data,
        }


class Broken(Exception):
    """Input that cannot be attributed (PS-4.4)."""


class ReferenceRunner:
    """Reads frames, answers requests, runs the script."""

    def __init__(self, reading: int, writing: int, faults: Faults) -> None:
        self._reading, self._writing = reading, writing
        self._frames = Frames()
        self._skipping = 0
        self._limit = _FRAME_BYTES_MAX
        self._is_greeted = False
        self._features: set[str] = set()
        self._loaded: dict[str, dict[str, Any]] = {}
        self._runs: dict[str, tuple[int, asyncio.Task[None]]] = {}
        self._drains: list[int] = []
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._last_id = 0
        self._methods: dict[int, str] = {}
        self._buffer = b""
        self.faults = faults
        self.log_run: str | None = None

    async def serve(self) -> int:
        """Serve until the input ends or the channel breaks; returns the exit status."""
        while True:
            data = await asyncio.to_thread(os.read, self._reading, 1 << 20)
            if not data and self.faults.flag == "stays":
                await asyncio.get_running_loop().create_future()
            if not data:
                return self.faults.status_at_end()
            try:
                self._feed(data)
            except Broken as broken:
                if self.faults.flag == "survives":
                    continue
                if self.faults.flag != "says_nothing":
                    os.write(2, f"reference runner: the channel is broken: {broken}\n".encode())
                return 0 if self.faults.flag == "exits_in_order" else 1

    def _feed(self, data: bytes) -> None:
        self._buffer += data
        while True:
            dropped = self._buffer[: self._skipping]
            self._skipping -= len(dropped)
            self._buffer = self._buffer[len(dropped) :]
            if self._skipping or len(self._buffer) < 4:
                return
            length = int.from_bytes(self._buffer[:4], "big")
            if length == 0:
                raise Broken("a frame of length 0")
            is_oversized = length > self._limit
            wanted = min(length, 64) if is_oversized else length
            if len(self._buffer) < 4 + wanted:
                return
            body = self._buffer[4 : 4 + wanted]
            self._buffer = self._buffer[4 + wanted :]
            self._skipping = length - wanted
            self.faults.arrived()
            if is_oversized:
                self._fail(body, WireError("frame_too_large", f"{length} bytes are more than {self._limit}"))
            else:
                self._take(body)

    def _take(self, body: bytes) -> None:
        try:
            message = unpack(body, wide=self.has("integers"))
        except Malformed as error:
            self._fail(body, WireError("invalid_value", str(error), {"path": "message"}))
            return
        match message:
            case [0, int(id), str(method), dict(params)]:
                self._request(id, method, params)
            case [1, int(id), error, result]:
                self._settle(id, error, result)
            case [2, str(method), dict(params)]:
                if method == "cancel" and self.faults.flag != "deaf":
                    self._cancel(params)
                elif method != "cancel" and self.faults.flag == "strict":
                    raise Broken("an unknown notification")
            case _:
                self._fail(body, WireError("invalid_params", "a message of the wrong shape"))

    def _fail(self, body: bytes, error: WireError) -> None:
        """Fail what an unusable frame belongs to (PS-4.5)."""
        self.faults.enter_unread(body)
        begins = head(body)
        if begins is None:
            raise Broken("a frame that is no message")
        kind, id = begins
        if kind == 0 and id is not None:
            self._methods[id] = "?"
            self._respond(id, error=error)
        elif kind == 1 and id is not None:
            self._settle(id, error.to_wire(), None)

    def _request(self, id: int, method: str, params: dict[str, Any]) -> None:
        self._methods[id] = method
        self.faults.enter(params, method)
        try:
            self._dispatch(id, method, params)
        except WireError as error:
            self._respond(id, error=error)

    def _dispatch(self, id: int, method: str, params: dict[str, Any]) -> None:
        if method == "hello":
            self._hello(id, params)
        elif not self._is_greeted:
            raise WireError("invalid_params", f"hello comes before {method}")
        elif method == "step.load":
            self._load(id, _text(params, "file"), params.get("kind"))
        elif method == "step.run":
            self._run(id, params)
        elif method == "drain":
            self._drains.append(id)
            self._drained()
        elif method == "ping":
            self._respond(id, {})
        elif method == "shutdown":
            self._respond(id, None)
            self._exit(0)
        else:
            raise WireError("method_not_found", f"There is no method {method}.")

    def _exit(self, status: int) -> None:
        if self.faults.flag == "stays":
            return
        os._exit(status if self.faults.flag != "exits_badly" else 9)

    def _hello(self, id: int, params: dict[str, Any]) -> None:
        theirs = params.get("protocol")
        major = theirs.partition(".")[0] if isinstance(theirs, str) else "?"
        if major != "1":
            raise WireError("protocol_mismatch", f"host {theirs}, runner {PROTOCOL}: update", {"protocol": PROTOCOL})
        if self._is_greeted:
            raise WireError("invalid_params", "hello was answered already")
        self._is_greeted = True
        self._features = set(params.get("features", ()))
        self._break_process()
        answer = {
            "protocol": PROTOCOL,
            "runner": {"name": "reference", "version": "1.0"},
            "language": "reference",
            "pid": os.getpid(),
            "runs_max": 64,
            "frame_bytes_max": _FRAME_BYTES_MAX,
            "features": list(FEATURES),
        }
        self._respond(id, answer)
        if self.faults.flag != "unlimited":
            self._limit = min(self._limit, params.get("frame_bytes_max", self._limit))

    def _break_process(self) -> None:
        """Faults of the process itself; undone of what `main` did in order."""
        match self.faults.flag:
            case "leaks":
                os.set_inheritable(self._writing, True)
            case "keeps_variable":
                os.environ["POLYSTEP_CHANNEL"] = "stdio"
            case "interruptible":
                signal.signal(signal.SIGINT, signal.SIG_DFL)

    def _load(self, id: int, file: str, kind: Any) -> None:
        try:
            told = json.loads(Path(file).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise WireError("load_failed", str(error), _described(error)) from error
        failure = told.get("fails")
        if failure is not None:
            data = {"name": "Error", "message": failure, "stack": file}
            raise WireError("load_failed", failure, data)
        if kind == "access" and told.get("rule") != "authenticate":
            raise WireError("load_failed", f"{file} has no rule")
        self._loaded[file] = told
        self._respond(id, {"config": told["config"], "handler": bool(told.get("handler")), **told.get("answer", {})})

    def _run(self, id: int, params: dict[str, Any]) -> None:
        run, told = _text(params, "run"), self._loaded.get(_text(params, "file"))
        for member in ("step", "type", "trace_id"):
            _text(params, member)
        if type(params.get("attempt")) is not int:
            raise WireError("invalid_params", "attempt must be an integer")
        is_rule = told is not None and params["type"] == told.get("rule")
        if told is None or not (is_rule or told.get("handler")):
            raise WireError("invalid_params", "the file is not loaded or has no handler")
        if run in self._runs:
            raise WireError("invalid_params", f"the run {run} is open")
        task = asyncio.get_running_loop().create_task(self._attempt(id, run, told, params))
        self._runs[run] = id, task

    async def _attempt(self, id: int, run: str, told: dict[str, Any], params: dict[str, Any]) -> None:
        error: WireError | None = None
        value = None
        try:
            value = (
                ask_rule(told, params) if "rule" in told else await play(self, run, told, self._checked(told, params))
            )
            if isinstance(value, Streamed):
                await self._stream(run, value)
                value = None
            value = carry(value, "result") if _has_value(params) and self.faults.flag != "gives_nothing" else None
        except Refused as refused:
            error = WireError("invalid_value", str(refused), {"path": refused.path})
            if not refused.is_result:
                error = _step_failed(error)
        except asyncio.CancelledError:
            return
        except WireError as broken:
            error = broken if broken.name == "contract_broken" and not broken.received else _step_failed(broken)
        except BaseException as raised:  # noqa: BLE001 - whatever the script raises, odd things included
            error = _step_failed(raised)
        if self._runs.get(run, (None,))[0] != id:
            return
        del self._runs[run]
        self._respond(id, value if error is None else None, error)
        self._drained()

    def _checked(self, told: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        """The params with what the step's own schema makes of the body (PS-7.11)."""
        if "contracts" not in self._features or "trims" not in told or self.faults.flag == "trusts":
            return params
        body, issues = trimmed(told["trims"], params["input"]["body"])
        if issues:
            raise WireError("contract_broken", f"{issues[0]['path'][0]} {issues[0]['message']}", {"issues": issues})
        return {**params, "input": {**params["input"], "body": body}}

    async def _stream(self, run: str, value: Streamed) -> None:
        if "response.stream" not in self._features and self.faults.flag != "streams_anyhow":
            raise Refused("result.body", "this host takes no streamed responses", is_result=True)
        await value.send(self, run, self.faults.flag)

    def _cancel(self, params: dict[str, Any]) -> None:
        found = self._runs.pop(str(params.get("run")), None)
        if found is None:
            return
        id, task = found
        self._respond(id, error=WireError("cancelled", f"cancelled: {params.get('reason')}"))
        if self.faults.flag != "swallows":
            task.cancel()
        self._drained()

    def _drained(self) -> None:
        if self._runs and self.faults.flag != "impatient":
            return
        for id in self._drains:
            self._respond(id, None)
        self._drains.clear()

    def call(self, method: str, params: dict[str, Any]) -> asyncio.Future[Any]:
        """Ask the host."""
        self._last_id += 1
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[self._last_id] = waiter
        self._send([0, self._last_id, method, self.faults.params(method, params)])
        return waiter

    def has(self, feature: str) -> bool:
        """Report whether both sides have a feature."""
        return feature in self._features

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Tell the host."""
        if not self.faults.drops(method):
            self._send([2, method, self.faults.params(method, params)])

    def _settle(self, id: int, error: Any, result: Any) -> None:
        waiter = self._waiting.pop(id, None)
        if waiter is None or waiter.done():
            if waiter is None and self.faults.flag == "strict":
                raise Broken("an answer to nothing")
            return
        if error is None:
            waiter.set_result(result)
            return
        match error:
            case {"name": str(name), "message": str(message), "retryable": bool(retryable), "code": int(code)}:
                data = error.get("data")
                failure = WireError(name, message, data if isinstance(data, dict) else {}, code)
                failure.retryable = retryable
            case _:  # PS-9.5
                failure = WireError("internal", f"a malformed error: {error!r:.300}")
        waiter.set_exception(failure)
        waiter.exception()

    def _respond(self, id: int, result: Any = None, error: WireError | None = None) -> None:
        wire = None if error is None else error.to_wire()
        for message in self.faults.answers(self._methods.get(id, "?"), [1, id, wire, result]):
            payload = pack(message)
            if len(payload) > self._limit and self.faults.flag != "unlimited":
                payload = pack([1, id, WireError("frame_too_large", f"{len(payload)} bytes").to_wire(), None])
            os.write(self._writing, self.faults.before_answer())
            self._write(frame(payload))
        for extra in self.faults.extras(self._methods.get(id, "?")):
            self._write(frame(pack(extra)))

    def _send(self, message: list[Any]) -> None:
        payload = pack(message)
        if len(payload) > self._limit and self.faults.flag != "unlimited":
            raise WireError("frame_too_large", f"{len(payload)} bytes")
        self._write(frame(payload))

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._writing, data) :]


def _described(error: BaseException) -> dict[str, Any]:
    return {"name": type(error).__name__, "message": str(error)[:16_384], "stack": repr(error)[:32_768]}


def _has_value(params: dict[str, Any]) -> bool:
    return params["type"] not in ("event", "cron") or params.get("wants_value") is True


def _step_failed(raised: BaseException) -> WireError:
    data = _described(raised)
    if isinstance(raised, WireError):
        data = {"name": raised.name, "message": raised.message, "stack": ""}
    failed = WireError("step_failed", f"{data['name']}: {data['message']}"[:16_384], data)
    failed.retryable = getattr(raised, "retryable", True)
    if isinstance(wanted := getattr(raised, "retry_after", None), str):
        failed.data["retry_after"] = wanted
    return failed


def _text(params: dict[str, Any], name: str) -> str:
    if not isinstance(params.get(name), str):
        raise WireError("invalid_params", f"{name} must be a text")
    return str(params[name])


def _watch_parent(faults: Faults, reading: int) -> None:
    """End the process when the input ends while the script blocks it."""
    import select

    poll = select.poll()
    poll.register(reading, 0)
    poll.poll()
    time.sleep(0.2)
    if faults.flag not in ("lingers", "stays"):
        os._exit(faults.status_at_end())


def _descriptors() -> tuple[int, int]:
    if os.environ.get("POLYSTEP_CHANNEL") == "private":
        return 3, 4
    reading, writing = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    return reading, writing


def main() -> None:
    """Serve the channel that `POLYSTEP_CHANNEL` names."""
    faults = Faults(os.environ.get("POLYSTEP_KIT_FAULT", ""))
    reading, writing = _descriptors()
    for number in (reading, writing):
        os.set_inheritable(number, False)
    os.environ.pop("POLYSTEP_CHANNEL", None)
    signal.signal(signal.SIGINT, lambda *_: None)
    threading.Thread(target=_watch_parent, args=(faults, reading), daemon=True).start()
    runner = ReferenceRunner(reading, writing, faults)
    status = asyncio.run(_serve(runner))
    sys.stdout.flush()
    os._exit(status)


async def _serve(runner: ReferenceRunner) -> int:
    return await runner.serve()


if __name__ == "__main__":
    main()
