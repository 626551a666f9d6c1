"""Waits for events: `waitFor`, for the first event of some topics that has a value in its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from polystep.contracts.errors import InvalidParams, RunEnded, TopicNotDeclared
from polystep.contracts.journal import JournalEntry
from polystep.contracts.signals import Wanted, as_text
from polystep.contracts.steps import StepSpec, WaitTopic
from polystep.contracts.values import JSONObject, JSONValue
from polystep.execution.held import HeldHandlers
from polystep.execution.wait_calls import SUPERSEDED, WaitCall, WaitTools
from polystep.wire import pack, unpack

TOPICS_MAX: Final = 20
"""Topics of one wait."""
_LATE: Final = pack(None)


def wanted_of(step: StepSpec, key: str, params: JSONObject) -> tuple[Wanted, ...]:
    """Read what a handler waits for.

    Raises:
        InvalidParams: It is no list of topics, or a value that is to be compared is none.
        TopicNotDeclared: The config of the step does not name a topic in `waitsFor`.
    """
    topics = params.get("topics")
    if not isinstance(topics, list) or not 1 <= len(topics) <= TOPICS_MAX:
        raise InvalidParams(f'waitFor("{key}") takes {{topic, by, timeout}}, or a list of up to {TOPICS_MAX} of them.')
    declared = {wait.topic: wait for wait in step.waits_for}
    return tuple(dict.fromkeys(_wanted(step, key, each, declared) for each in topics))


def _wanted(step: StepSpec, key: str, given: JSONValue, declared: Mapping[str, WaitTopic]) -> Wanted:
    topic = given.get("topic") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(topic, str):
        raise InvalidParams(f'waitFor("{key}") needs a topic: {{topic: "reply.received", by: id, timeout: "2d"}}')
    wait = declared.get(topic)
    if wait is None:
        raise TopicNotDeclared(
            f'{step.name} waits for "{topic}" in waitFor("{key}"), which its config does not declare. Add '
            f'{{topic: "{topic}", by: …}} to `waitsFor` in {step.source.path}.'
        )
    value = given.get("by")
    if not wait.by:
        if value is not None:
            raise InvalidParams(
                f'waitFor("{key}") gives `by`, but `waitsFor` in {step.source.path} does not say where in the data of '
                f'{topic} it is. Write {{topic: "{topic}", by: "orderId"}} there.'
            )
        return Wanted(topic, "", "")
    text = as_text(value)
    if text is None:
        raise InvalidParams(
            f'waitFor("{key}") needs `by`: the text or number that {wait.by} of {topic} has to be. It is {value!r}.'
        )
    return Wanted(topic, wait.by, text)


class SignalWaits:
    """Ends waits with the first event that they want."""

    def __init__(self, tools: WaitTools, held: HeldHandlers) -> None:
        self._tools = tools
        self._held = held

    async def wait(self, wait: WaitCall, entry: JournalEntry, traced: JSONObject) -> JSONValue:
        """Return topic and data of the event that the wait has taken; `None` when its time is over."""
        wanted, journal = frozenset(wanted_of(wait.attempt.step, wait.key, wait.params)), wait.journal
        value = entry.value
        while value is None:
            wakes = self._held.wakes
            taken = await self._tools.bus.suspensions.take_signal(wait.delivery, entry, _made, _LATE)
            if taken is None:
                raise RunEnded(SUPERSEDED)
            value = taken.value
            if value is not None:
                journal.add(taken)
            elif wakes == self._held.wakes:  # else an event may have come after the store was asked
                await self._held.hold(wait.attempt, journal, wait.key, entry.due_ms or 0, wanted)
        answer = unpack(value)
        traced["status"] = "timed_out" if answer is None else "taken"
        if isinstance(answer, dict):
            traced |= {"topic": answer["topic"], "value": answer["data"]}
        return answer


def _made(topic: str, data: bytes) -> bytes:
    return pack({"topic": topic, "data": unpack(data)})
