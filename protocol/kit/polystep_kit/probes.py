"""The operations that the scripted runner plays in a run; `host_cases.py` has them."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Iterator
from typing import Any, Final, Protocol

from polystep_kit.codec import Raw, frame, from_json, pack
from polystep_kit.folder import VECTORS
from polystep_kit.host_case import RUNNER_FRAME_BYTES_MAX, RUNS_MAX, Op
from polystep_kit.patterns import difference, is_same, show
from polystep_kit.watched import Watched

_PAGES_MAX: Final = 20
"""No group of a check has more pages: a host that gives one cursor without end is caught."""
_HOLD_S: Final = 0.3
"""Time that the first runs stay open while others are waiting to get in where they must not."""


class Missed(Exception):
    """The host did not do what it must; the text says what it did."""


class Channel(Protocol):
    """Port that a probe needs of its runner."""

    watched: Watched
    answers: dict[int, tuple[Any, Any]]
    attempts: dict[str, list[dict[str, Any]]]
    played: dict[str, int]
    cancelled: dict[str, Any]
    held: dict[str, int]
    host_frame_bytes_max: int
    run_before: str
    is_ended: bool

    def write(self, data: bytes, piece_bytes: int | None = None) -> None:
        """Send bytes."""
        ...

    def next_id(self, method: str) -> int:
        """The id of a request that is about to be sent."""
        ...

    async def until(self, found: Any, what: str) -> Any:
        """Wait."""
        ...


class Probe:
    """One run."""

    def __init__(self, runner: Channel, name: str, params: dict[str, Any]) -> None:
        self._runner = runner
        self._name = name
        self._params = params
        self.value: Any = {"status": 200, "body": None}
        self.error: Any = None
        """Answer of the run."""
        self._kept: Any = None
        """Member of a result that `keeps` names; `{"$kept": true}` stands for it in later params."""

    async def play(self, operation: Op) -> None:
        """Play one operation.

        Raises:
            Missed: The host did not do what it must.
        """
        await getattr(self, f"_do_{next(iter(operation))}")(operation)

    async def _do_call(self, op: Op) -> None:
        id, payload = self._request(op)
        self._runner.write(frame(payload), op.get("pieces"))
        self._judge(op, *await self._answer(id, op["call"]))

    async def _do_many(self, op: Op) -> None:
        requests = [self._request(op) for _ in range(op["many"])]
        self._runner.write(b"".join(frame(payload) for _, payload in requests))
        for id, _ in requests:
            self._judge(op, *await self._answer(id, op["call"]))

    async def _do_oversized(self, op: Op) -> None:
        limit = self._runner.host_frame_bytes_max
        value = "x" * (limit if op["oversized"] == "own" else min(limit, RUNNER_FRAME_BYTES_MAX))
        id, payload = self._request({"call": "state.set", "with": {"group": "large", "key": "key", "value": value}})
        self._runner.write(frame(payload))
        self._judge({"call": "state.set", **op}, *await self._answer(id, "a request that is too large"))

    async def _do_vectors(self, op: Op) -> None:
        vectors = json.loads((VECTORS / "values.json").read_text("utf-8"))["vectors"]
        wrong = [reason async for reason in self._differing(op["vectors"], vectors)]
        if wrong:
            raise Missed("; ".join(wrong))

    async def _differing(self, read: str, vectors: list[dict[str, Any]]) -> Any:
        for vector in (each for each in vectors if each["read"] == read):
            place = {"group": "vectors", "key": vector["id"]}
            value = Raw.fromhex(vector["hex"])
            error, _ = await self._called("state.set", {**place, "value": value})
            name = None if error is None else error.get("name")
            if read == "accept":
                _, result = await self._called("state.get", place)
                if error is not None or not is_same(result, from_json(vector["value"])):
                    yield f"{vector['id']} came back as {show(error or result)}"
            elif name != "invalid_value" and (read == "refuse" or name is not None):
                yield f"{vector['id']} was answered {show(error)}"

    async def _called(self, method: str, params: dict[str, Any]) -> tuple[Any, Any]:
        id, payload = self._request({"call": method, "with": params})
        self._runner.write(frame(payload))
        return await self._answer(id, method)

    async def _do_pages(self, op: Op) -> None:
        """Every page of a group, each with the cursor of the one before: their sizes, and all that is in them."""
        found: list[Any] = []
        sizes: list[int] = []
        cursor: dict[str, Any] | None = {}
        while cursor is not None and len(sizes) < _PAGES_MAX:
            error, page = await self._called(op["pages"], {**op["with"], **cursor})
            if error is not None or not isinstance(page, dict) or not isinstance(page.get("items"), list):
                raise Missed(f"{op['pages']} was answered {show(page if error is None else error)}")
            found += page["items"]
            sizes.append(len(page["items"]))
            cursor = {"cursor": page["cursor"]} if "cursor" in page else None
            for between in op.get("between", ()):
                await self.play(between)
        for what, wanted, got in (("sizes", op.get("sizes", sizes), sizes), ("entries", op["are"], found)):
            reason = difference(got, wanted, f"the {what} of {op['pages']}")
            if reason is not None:
                raise Missed(reason)

    async def _do_send(self, op: Op) -> None:
        self._runner.write(frame(pack(from_json(op["send"]))))

    async def _do_frame(self, op: Op) -> None:
        self._runner.write(frame(bytes.fromhex(op["frame"])))

    async def _do_closed(self, op: Op) -> None:
        """The host closes the channel."""
        await self._runner.until(lambda: self._runner.is_ended or None, "the end of the input")

    async def _do_hold(self, op: Op) -> None:
        """The first runs stay open for a while; those behind them are answered at once."""
        name = self._name
        held = self._runner.held[name] = self._runner.held.get(name, 0) + 1
        if held <= RUNS_MAX:
            await asyncio.sleep(_HOLD_S)

    async def _do_params(self, op: Op) -> None:
        reason = difference(self._params, op["params"], "step.run")
        if reason is not None:
            raise Missed(reason)

    async def _do_answer(self, op: Op) -> None:
        self.value = from_json(op["answer"])

    async def _do_answer_too_large(self, op: Op) -> None:
        self.value = {"status": 200, "body": "x" * self._runner.host_frame_bytes_max}

    async def _do_fail(self, op: Op) -> None:
        fail = op["fail"]
        self.error = {"message": "It fails.", "retryable": True, "data": {}, **fail} if isinstance(fail, dict) else fail

    async def _do_cancelled(self, op: Op) -> None:
        cancelled, run = self._runner.cancelled, str(self._params.get("run"))
        await self._runner.until(lambda: run in cancelled or None, "cancel of the run")
        reason = difference({"reason": cancelled[run]}, op["cancelled"], "cancel")
        if reason is not None:
            raise Missed(reason)

    async def _do_attempts(self, op: Op) -> None:
        """The event step was run so often for this probe, and like that."""
        attempts = self._runner.attempts.setdefault(op["attempts"], [])
        wanted = op["are"]
        await self._runner.until(
            lambda: len(attempts) >= len(wanted) or None, f"attempt {len(wanted)} of the event step"
        )
        found = attempts if op.get("no_more") else attempts[: len(wanted)]
        reason = difference(found, wanted, "step.run")
        if reason is not None:
            raise Missed(reason)
        if "differ" in op and len({each.get(op["differ"]) for each in attempts}) != len(attempts):
            raise Missed(f"two attempts have the same {op['differ']}")
        if "equal" in op and len({each.get(op["equal"]) for each in attempts}) != 1:
            raise Missed(f"the attempts differ in {op['equal']}")

    async def _do_played(self, op: Op) -> None:
        """The event step has played what it was sent for this probe."""
        played, name = self._runner.played, op["played"]
        await self._runner.until(lambda: played.get(name, 0) >= op["times"] or None, f"attempt {op['times']} of {name}")

    def _request(self, op: Op) -> tuple[int, bytes]:
        run = {"$before": self._runner.run_before}.get(op.get("run", ""), op.get("run", self._params.get("run")))
        given = {name: self._kept if value == {"$kept": True} else value for name, value in op.get("with", {}).items()}
        params = op["params"] if "params" in op else {"run": run, **from_json(given)}
        id = self._runner.next_id(op["call"])
        message = [0, id, op["call"], params]
        payload = b"".join(_wide(message)) if op.get("wide") else pack(message)
        return id, payload[: len(payload) - op.get("cut", 0)] + bytes.fromhex(op.get("after", ""))

    async def _answer(self, id: int, method: str) -> tuple[Any, Any]:
        error, result = await self._runner.until(lambda: self._runner.answers.get(id), f"the answer to {method}")
        return error, result

    def _judge(self, op: Op, error: Any, result: Any) -> None:
        if "error" in op:
            name = error.get("name") if isinstance(error, dict) else None
            if name != op["error"]:
                raise Missed(f"{op['call']} was answered {show(result if error is None else error)}, not {op['error']}")
            return
        if op.get("any"):
            return
        if error is not None:
            raise Missed(f"{op['call']} was answered {show(error)}")
        self._kept = result.get(op["keeps"]) if "keeps" in op and isinstance(result, dict) else self._kept
        reason = difference(result, op["is"], f"the result of {op['call']}")
        if reason is not None:
            raise Missed(reason)


def _wide(value: Any) -> Iterator[bytes]:
    """The longest msgpack of a value (PS-3.10)."""
    match value:
        case bool() | None | float() | bytes():
            yield pack(value)
        case int():
            yield b"\xcf" + struct.pack(">Q", value) if value >= 0 else b"\xd3" + struct.pack(">q", value)
        case str():
            yield b"\xdb" + struct.pack(">I", len(value.encode())) + value.encode()
        case list():
            yield b"\xdd" + struct.pack(">I", len(value))
            for item in value:
                yield from _wide(item)
        case dict():
            yield b"\xdf" + struct.pack(">I", len(value))
            for key, item in value.items():
                yield from _wide(key)
                yield from _wide(item)
