"""Calls of handlers to other steps: a delivery with a caller, whose result comes back under a key."""

from __future__ import annotations

import difflib
from typing import Final

import orjson

from polystep.contracts.errors import ContractBroken, InvalidParams, RunEnded, StepFailed
from polystep.contracts.events import NewDelivery
from polystep.contracts.journal import JournalEntry
from polystep.contracts.signals import wanted_of_call
from polystep.contracts.values import JSONObject, JSONValue
from polystep.execution.held import HeldHandlers
from polystep.execution.violations import call_broken
from polystep.execution.wait_calls import SUPERSEDED, WaitCall, WaitTools
from polystep.wire import pack, unpack

_LATE: Final = b'{"name": "timed_out", "message": "The step did not end in time; it goes on without its caller."}'


class ChildCalls:
    """Plans deliveries of calls, and ends calls with the results of their steps."""

    def __init__(self, tools: WaitTools, held: HeldHandlers) -> None:
        self._tools = tools
        self._held = held

    def plan(self, wait: WaitCall) -> NewDelivery:
        """Plan the delivery of a call.

        Raises:
            InvalidParams: There is no such event step.
            ContractBroken: The step cannot take the input.
            Overloaded: Its queue is full.
        """
        name, data = wait.params.get("step"), wait.params.get("input")
        steps = self._tools.loaded.flow.steps
        step = steps.get(name) if isinstance(name, str) else None
        if step is None or step.type != "event":
            events = [each.name for each in steps.values() if each.type == "event"]
            close = difflib.get_close_matches(str(name), events, n=1)
            hint = f' Did you mean "{close[0]}"?' if close else " Give the name of an event step, as in its config."
            raise InvalidParams(f'call("{wait.key}"): there is no event step {name!r}.{hint}')
        validator = self._tools.loaded.validators.input(step.name)
        if validator is not None and (issues := validator.issues(data)):
            raise call_broken(wait.key, step.name, issues)
        attempt = wait.attempt
        return self._tools.bus.plan_call(
            step.name, pack(data), trace_id=attempt.trace_id, parent_run_id=attempt.run_id, caller=attempt.step.name
        )

    async def wait(self, wait: WaitCall, entry: JournalEntry, traced: JSONObject) -> JSONValue:
        """Return `{value}` or `{error}` of a call, once its step has ended or its time is over."""
        wanted, ended = frozenset([wanted_of_call(wait.attempt.run_id)]), entry
        while ended.value is None and ended.error is None:
            wakes = self._held.wakes
            found = await self._tools.bus.suspensions.take_call(wait.delivery, entry, _LATE)
            if found is None:
                raise RunEnded(SUPERSEDED)
            ended = found
            if ended.value is None and ended.error is None and wakes == self._held.wakes:
                await self._held.hold(wait.attempt, wait.journal, wait.key, entry.due_ms or 0, wanted)
        wait.journal.add(ended)
        if ended.error is None:
            value = unpack(ended.value or b"")
            traced |= {"status": "answered", "value": value}
            return {"value": value}
        described = orjson.loads(ended.error)
        traced |= {"status": "failed", "failed": described}
        return {"error": self._raised(wait, described)}

    def _raised(self, wait: WaitCall, described: JSONObject) -> JSONObject:
        """Describe the error of a step as its caller raises it."""
        name = str(wait.params.get("step"))
        data: JSONObject = {"step": name, "traceId": wait.attempt.trace_id, "stack": described.get("stack")}
        message = str(described.get("message"))
        return {
            "name": described.get("name"),
            "message": f"{name} failed, called as {wait.key}: {message}",
            "code": (ContractBroken if described.get("code") == ContractBroken.name else StepFailed).code,
            "data": {key: value for key, value in data.items() if value is not None},
            "retryable": True,
        }
