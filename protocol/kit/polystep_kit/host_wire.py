"""The scripted host's end of the channel: requests, answers and what is refused, each with its faults."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from polystep_kit.codec import Frames, Malformed, frame, head, pack, unpack
from polystep_kit.host_store import Refused

FRAME_BYTES_MAX: Final = 262_144
"""Limit that the scripted host announces."""


class Gone(Exception):
    """The runner is gone, or its run failed."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class Wire:
    """One runner process's channel."""

    def __init__(
        self,
        write: Callable[[bytes], None],
        close: Callable[[], None],
        call: Callable[[str, dict[str, Any]], Any],
        fault: Callable[[], dict[str, Any]],
    ) -> None:
        self._write = write
        self._close = close
        self._call = call
        self._fault = fault
        """The fault that is played now."""
        self._frames = Frames()
        self._last_id = 0
        self._waiting: dict[int, deque[asyncio.Future[Any]]] = {}
        self.is_closed = False
        self.limit = FRAME_BYTES_MAX

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        for payload in self._frames.feed(data):
            if not self.is_closed:
                self._take(payload)

    def ask(self, method: str, params: Any) -> asyncio.Future[Any]:
        """Send a request; the future gets its result, `Refused` or `Gone`."""
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if not (self._has("same_ids") and self._last_id in self._waiting):
            self._last_id += 1
        payload = pack([0, self._last_id, method, params])
        if len(payload) > self.limit and not self._has("sends_too_large"):
            waiter.set_exception(Gone(f"{method} is too large"))
            return waiter
        self._waiting.setdefault(self._last_id, deque()).append(waiter)
        self._write(frame(payload))
        return waiter

    def send(self, message: list[Any]) -> None:
        """Send any message."""
        self._write(frame(pack(message)))

    def end(self) -> None:
        """Close the channel: every call that waits fails."""
        if not self.is_closed:
            self.is_closed = True
            self._close()
        for waiters in self._waiting.values():
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(Gone("the runner is gone"))
        self._waiting.clear()

    def _take(self, payload: bytes) -> None:
        if len(payload) > self.limit:
            self._unusable(payload, Refused("frame_too_large", f"{len(payload)} bytes are too many"))
            return
        try:
            message = unpack(payload)
        except Malformed as error:
            self._unusable(payload, Refused("invalid_value", str(error)))
            return
        match message:
            case [0, int(id), str(method), dict(params)]:
                self._answer(id, method, params)
            case [1, int(id), error, result]:
                self._settle(id, error, result)
            case [2, str(), dict()]:
                self._drop()
            case _:
                self._unusable(payload, Refused("invalid_params", "a message of the wrong shape"))

    def _unusable(self, payload: bytes, error: Refused) -> None:
        """Fail what the frame belongs to (PS-4.5)."""
        match head(payload):
            case None:
                if not self._has("survives"):
                    self.end()
            case 0, int(id):
                self._respond(id, error.to_wire(), None)
            case 1, int(id):
                self._settle(id, error.to_wire(), None)
            case _:
                self._drop()

    def _drop(self) -> None:
        """Drop a message that needs no answer; a host that is too strict breaks off."""
        if self._has("strict"):
            self.end()

    def _settle(self, id: int, error: Any, result: Any) -> None:
        waiters = self._waiting.get(id)
        if not waiters:
            self._drop()
            return
        waiter = waiters.popleft()
        if not waiters:
            del self._waiting[id]
        if error is None:
            waiter.set_result(result)
        else:
            known = error if isinstance(error, dict) else {}
            waiter.set_exception(Gone(str(known.get("name", "internal")), retryable=known.get("retryable", True)))

    def _answer(self, id: int, method: str, params: dict[str, Any]) -> None:
        try:
            result = self._call(method, params)
        except Refused as refused:
            self._respond(id, refused.to_wire(), None)
            return
        result = self._fault().get("gives", {}).get(method, result)
        if len(pack([1, id, None, result])) > self.limit:
            self._respond(id, Refused("frame_too_large", "The answer is too large.").to_wire(), None)
            return
        self._respond(id, None, result)
        if self._has("answers_twice"):
            self._respond(id, None, result)

    def _respond(self, id: int, error: dict[str, Any] | None, result: Any) -> None:
        if error is not None:
            if "refuses_as" in self._fault():
                error = Refused(self._fault()["refuses_as"], "A fault.").to_wire()
            if self._has("error_without_data"):
                del error["data"]
            if self._has("error_and_result"):
                result = 1
        self.send([1, id, error, result])

    def _has(self, flag: str) -> bool:
        return self._fault().get("flag") == flag
