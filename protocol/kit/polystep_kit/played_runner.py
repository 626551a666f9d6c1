"""The runner as this kit plays it to a host: `python -m polystep_kit.played_runner --report FILE`.

It speaks over the channel that the host gives it, plays the operations of `host_cases.py` in the runs that it is sent,
and watches every message of the host. What it finds is appended to the report: one JSON object a line,
`{"check": name, "failure": text or null}`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from polystep_kit import __version__
from polystep_kit.codec import Frames, Malformed, frame, pack, unpack
from polystep_kit.host_case import RUNNER_FRAME_BYTES_MAX, RUNS_MAX
from polystep_kit.host_cases import BY_NAME
from polystep_kit.probes import Missed, Probe
from polystep_kit.watched import Watched

_LOADING_S: Final = 0.05
"""Time that a file takes to load, so that a host that does not wait for it can be caught."""
_LEAVING_S: Final = 1.0
_T = TypeVar("_T")


class PlayedRunner:
    """Reads what the host sends, answers it, and plays the probes."""

    def __init__(self, writing: int, watched: Watched, patience_s: float) -> None:
        self._writing = writing
        self._patience_s = patience_s
        self._frames = Frames()
        self._changed = asyncio.Event()
        self._last_id = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.watched = watched
        self.answers: dict[int, tuple[Any, Any]] = {}
        """`(error, result)` by the id of our request."""
        self.attempts: dict[str, list[dict[str, Any]]] = {}
        """The `step.run`s of the event step, by the probe that caused them."""
        self.played: dict[str, int] = {}
        """Attempts of the event step that have played their operations, by the same."""
        self.cancelled: dict[str, Any] = {}
        """Reasons by run."""
        self.host_frame_bytes_max = 0
        self.run_before = "none"
        """The run of a probe that was answered already."""
        self.held: dict[str, int] = {}
        self.is_ended = False
        """The input has ended."""

    async def serve(self, reading: int) -> None:
        """Serve until the input ends."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.watched.terminated)
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", 0))
        while data := await reader.read(1 << 16):
            for payload in self._frames.feed(data):
                self._take(payload)
            self._changed.set()
        self.is_ended = True
        self._changed.set()
        self.watched.ended()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LEAVING_S)

    def write(self, data: bytes, piece_bytes: int | None = None) -> None:
        """Write all of it, in pieces when they are wanted; a host that has gone takes nothing."""
        view = memoryview(data)
        with contextlib.suppress(BrokenPipeError):
            while view:
                view = view[os.write(self._writing, view[:piece_bytes]) :]

    def next_id(self, method: str) -> int:
        """The id of a request that is about to be sent."""
        self._last_id += 1
        self.watched.asked(self._last_id, method)
        return self._last_id

    async def until(self, found: Callable[[], _T | None], what: str) -> _T:
        """Wait until there is something.

        Raises:
            Missed: There is nothing in time, or the host has closed the channel meanwhile.
        """
        try:
            async with asyncio.timeout(self._patience_s):
                while (value := found()) is None:
                    if self.is_ended:
                        raise Missed(f"the host closed the channel instead of {what}")
                    self._changed.clear()
                    await self._changed.wait()
                return value
        except TimeoutError:
            raise Missed(f"{what} did not come within {self._patience_s:g} s") from None

    def _take(self, payload: bytes) -> None:
        try:
            message = unpack(payload, wide=True)
        except Malformed as error:
            self.watched.failed("schema.request", f"bytes that are no message: {error}: {payload[:60].hex()}")
            return
        self.watched.message(message)
        match message:
            case [0, int(id), str(method), params]:
                self._request(id, method, params)
            case [1, int(id), error, result]:
                self.answers.setdefault(id, (error, result))
            case [2, "cancel", {"run": str(run), **rest}]:
                self.cancelled[run] = rest.get("reason")

    def _request(self, id: int, method: str, params: Any) -> None:
        if not isinstance(params, dict):
            self._answer(id, None, error_map(3, "invalid_params", "The params are no map."))
            return
        match method:
            case "hello":
                self.host_frame_bytes_max = params.get("frame_bytes_max", RUNNER_FRAME_BYTES_MAX)
                self._answer(id, _hello())
            case "step.load":
                asyncio.get_running_loop().call_later(_LOADING_S, self._load, id, str(params.get("file")))
            case "step.run":
                task = asyncio.create_task(self._run(id, params))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case "drain" | "shutdown":
                self._answer(id, None)
            case _:
                self._answer(id, None, error_map(2, "method_not_found", f"There is no method {method}."))

    def _answer(self, id: int, result: Any, error: dict[str, Any] | None = None) -> None:
        self.watched.answered(id)
        self.write(frame(pack([1, id, error, result])))

    def _load(self, id: int, file: str) -> None:
        try:
            config = json.loads(Path(file).read_text("utf-8"))
        except (OSError, ValueError) as error:
            described = {"name": type(error).__name__, "message": str(error), "stack": ""}
            self._answer(id, None, error_map(20, "load_failed", str(error), described))
            return
        self.watched.loaded(file, config["name"])
        self._answer(id, {"config": config, "handler": "type" in config})

    async def _run(self, id: int, params: dict[str, Any]) -> None:
        self.watched.opened(params)
        if params.get("type") == "event":
            await self._attempt(id, params)
            return
        name = _probe(params)
        case = BY_NAME.get(name)
        probe = Probe(self, name, params)
        try:
            for operation in case.steps or () if case is not None else ():
                await probe.play(operation)
        except Missed as missed:
            self.watched.failed(name, str(missed))
        else:
            self.watched.passed(name)
        self.watched.closed(params)
        self._answer(id, None if probe.error else probe.value, probe.error)
        self.run_before = str(params.get("run"))

    async def _attempt(self, id: int, params: dict[str, Any]) -> None:
        """Of the event step: only the first attempt fails, when its script asks for that."""
        given = params.get("input")
        told = given if isinstance(given, dict) else {}
        attempts = self.attempts.setdefault(str(told.get("tell")), [])
        attempts.append(params)
        self._changed.set()
        await self._play_event(str(told.get("tell")), told.get("plays", []), params)
        fails = told.get("fails")
        self.watched.closed(params)
        if fails is None or len(attempts) > 1:
            self._answer(id, {"called": True} if params.get("wants_value") else None)
        else:
            self._answer(id, None, {"message": "The first attempt fails.", "retryable": True, "data": {}, **fails})

    async def _play_event(self, name: str, legs: list[list[dict[str, Any]]], params: dict[str, Any]) -> None:
        """Play the operations of this attempt of the event step."""
        number = len(self.attempts[name])
        if number > len(legs):
            return
        probe = Probe(self, name, params)
        try:
            for operation in legs[number - 1]:
                await probe.play(operation)
        except Missed as missed:
            self.watched.failed(name, str(missed))
        self.played[name] = number
        self._changed.set()


def _probe(params: dict[str, Any]) -> str:
    """Read the check of a run from its path; any text when it has none."""
    match params:
        case {"input": {"pathParams": {"name": str(name)}}}:
            return name
    return "none"


def error_map(code: int, name: str, message: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
    """Shape: PS-9.1."""
    return {"code": code, "name": name, "message": message, "retryable": False, "data": data or {}}


def _hello() -> dict[str, Any]:
    return {
        "protocol": "1.0",
        "runner": {"name": "polystep-kit", "version": __version__},
        "language": "kit",
        "pid": os.getpid(),
        "runs_max": RUNS_MAX,
        "frame_bytes_max": RUNNER_FRAME_BYTES_MAX,
        "features": ["durable", "emit.options", "integers", "pages", "update"],
    }


def _channel() -> tuple[int, int]:
    """Descriptors to read from and to write to; those of `stdio` are moved away from what is printed (PS-2.2)."""
    if os.environ.get("POLYSTEP_CHANNEL") == "private":
        return 3, 4
    reading, writing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return reading, writing


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one host; returns the exit status."""
    parser = argparse.ArgumentParser(prog="polystep_kit.played_runner", description="Play a runner to a host.")
    parser.add_argument("--report", type=Path, required=True, help="file to which findings are appended")
    parser.add_argument("--patience", type=float, default=10.0, metavar="S", help="longest wait for the host, seconds")
    parser.add_argument("--channel", default="stdio", help="what the host has to name in POLYSTEP_CHANNEL")
    options = parser.parse_args(arguments)
    reading, writing = _channel()

    async def serve() -> None:
        await PlayedRunner(writing, Watched(options.report, options.channel), options.patience).serve(reading)

    asyncio.run(serve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
