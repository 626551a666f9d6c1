"""Emits of an attempt: checked against the topics that the emitter declares and the input of each subscriber.

A subscriber whose `input` the event breaks gets it as a dead letter at once; the others get it as usual.
"""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Sequence
from typing import Final

from polystep.bus import Bus
from polystep.contracts.errors import Overloaded, TopicNotDeclared
from polystep.contracts.events import KeyedEvents, NewDelivery
from polystep.contracts.futures import ready, then
from polystep.contracts.limits import EMITS_PER_ATTEMPT_MAX
from polystep.contracts.request_keys import SentBy
from polystep.contracts.steps import StepSpec
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import Loaded
from polystep.execution.attempts import OpenAttempt
from polystep.execution.emit_options import EmitOptions, read_options
from polystep.execution.journal import print_of
from polystep.execution.log_lines import LogLines
from polystep.execution.unrouted import UnroutedEvents
from polystep.execution.violations import describe, input_broken
from polystep.trace import TraceRecorder
from polystep.wire import pack

_LEFT: Final = "It left before a wait, in an earlier leg of this run; it is not sent again."
_TRIAL: Final = "It is not sent: only this step was to run."
_SENT: Final = "An earlier request with this Idempotency-Key sent it; it is not sent again."


class Emits:
    """Planner of deliveries that checks them, and stores them at once or with the completion of the attempt."""

    def __init__(
        self, bus: Bus, recorder: TraceRecorder, loaded: Loaded, lines: LogLines, unrouted: UnroutedEvents
    ) -> None:
        self._bus = bus
        self._recorder = recorder
        self._loaded = loaded
        self._lines = lines
        self._unrouted = unrouted

    def emit(
        self,
        attempt: OpenAttempt,
        topic: str,
        data: JSONValue,
        fifo_key: str | None,
        traced: JSONObject,
        options: EmitOptions | None = None,
    ) -> Awaitable[KeyedEvents | None] | None:
        """Plan one delivery for each subscriber, then store the deliveries or keep them.

        The trace of the emit goes into `traced`.

        Raises:
            TopicNotDeclared: The emitter's config does not list the topic.
            Overloaded: The queue of a subscriber is full, or the attempt has emitted too much.
        """
        traced |= {"topic": topic, "data": data}
        if options is not None:
            _trace_options(options, traced)
        key = None if options is None else options.key
        journal, sent = attempt.journal, None
        if journal is not None and (journal.keyed is not None or journal.has_any_sent):
            mark = print_of(topic, pack(data), key, None if journal.keyed is None else fifo_key)
            if journal.has_sent(mark):
                traced["note"] = _LEFT if journal.keyed is None else _SENT
                return None
            sent = None if journal.keyed is None else SentBy(journal.keyed, mark)
        deliveries = self._plan(attempt, topic, data, fifo_key, options)
        traced["subscribers"] = [
            delivery.step
            for delivery in deliveries
            if not delivery.taken_by and not delivery.signals and not delivery.cancels
        ]
        if not deliveries:
            traced["note"] = self._unrouted.notice(topic)
        refused: list[JSONValue] = [delivery.step for delivery in deliveries if delivery.refused is not None]
        if refused:
            traced["refused"] = refused
        if attempt.is_trial:
            traced["note"] = _TRIAL
            return None
        return self._send(attempt, deliveries, sent)

    def options(self, params: JSONObject) -> EmitOptions:
        """Read the id and the time of an event.

        Raises:
            InvalidParams: One of them is not what it must be.
        """
        return read_options(params, self._bus.now_ms())

    def cancel(self, attempt: OpenAttempt, topic: str, id: str, traced: JSONObject) -> Awaitable[bool]:
        """Remove the event with an id, as far as it has not started; tells whether there was one.

        Raises:
            TopicNotDeclared: The config of the caller does not list the topic.
        """
        traced |= {"operation": "cancel", "topic": topic, "id": id}
        if not attempt.step.may_emit(topic):
            raise TopicNotDeclared(_undeclared(attempt.step, topic))
        if attempt.is_trial:
            traced["note"] = "No event is cancelled: only this step was to run."
            return ready(False)
        kept = [new for new in attempt.emits if new.topic != topic or new.key is None or new.key.id != id]
        had = len(kept) < len(attempt.emits)
        attempt.emits[:] = kept
        return self._cancel_stored(topic, id, had, traced)

    async def _cancel_stored(self, topic: str, id: str, had: bool, traced: JSONObject) -> bool:
        removed = await self._bus.cancel_event(topic, id)
        # A copy that is parked for files that do not load, of an event that steps got, counts for nothing.
        steps: list[JSONValue] = [each.step for each in removed if each.run_id]
        traced["removed"] = steps
        return had or bool(steps)

    def _plan(
        self, attempt: OpenAttempt, topic: str, data: JSONValue, fifo_key: str | None, options: EmitOptions | None
    ) -> tuple[NewDelivery, ...]:
        """Plan the deliveries; those whose `input` the data breaks are refused."""
        if not attempt.step.may_emit(topic):
            raise TopicNotDeclared(_undeclared(attempt.step, topic))
        try:
            planned = self._bus.plan(
                topic,
                pack(data),
                trace_id=attempt.trace_id,
                parent_run_id=attempt.run_id,
                fifo_key=fifo_key,
                unstored=len(attempt.emits),
                key=None if options is None else options.key,
                due_ms=0 if options is None else options.due_ms,
                value=data,
            )
        except Overloaded as error:
            attempt.refused = error
            raise
        return tuple(self._checked(attempt, delivery, data) for delivery in planned)

    def _send(
        self, attempt: OpenAttempt, deliveries: Sequence[NewDelivery], sent: SentBy | None
    ) -> Awaitable[KeyedEvents | None] | None:
        if not attempt.buffers_emits:
            if not deliveries:
                sent = None
            stored = self._bus.publish(deliveries, sent)
            if sent is not None and attempt.journal is not None:
                attempt.journal.add_sent(sent.emit)
            return stored if not deliveries or deliveries[0].key is None else then(stored, lambda _: None)
        if len(attempt.emits) + len(deliveries) > EMITS_PER_ATTEMPT_MAX:
            raise Overloaded(
                f"{attempt.step.name} emitted over {EMITS_PER_ATTEMPT_MAX} events in one run. They commit together "
                "when it completes: split the work into several runs."
            )
        attempt.emits += deliveries
        return None

    def _checked(self, attempt: OpenAttempt, delivery: NewDelivery, data: JSONValue) -> NewDelivery:
        validator = self._loaded.validators.input(delivery.step)
        if validator is None or not (issues := validator.issues(data)):
            return delivery
        broken = input_broken(delivery.step, delivery.topic, issues)
        when = " when this run completes" if attempt.buffers_emits else ""
        fields: JSONObject = {"topic": delivery.topic, "subscriber": delivery.step, "path": list(issues[0].path)}
        fate = "It is not sent" if attempt.is_trial else f"It goes to the dead letters of {delivery.step}{when}"
        message = f"{broken.message} {fate}."
        self._lines.keep("error", message, fields, attempt, "host")
        return delivery._replace(refused=self._recorder.redacted(describe(broken)))


def _trace_options(options: EmitOptions, traced: JSONObject) -> None:
    if options.key is not None:
        traced["id"] = options.key.id
        if options.key.replaces:
            traced["replace"] = True
    if options.due_ms:
        traced["dueAt"] = options.due_ms


def _undeclared(step: StepSpec, topic: str) -> str:
    declared = [emit.topic for emit in step.emits]
    message = f'{step.name} emitted "{topic}", which its config does not declare. Declared: {", ".join(declared)}. '
    close = difflib.get_close_matches(topic, declared, n=1)
    if close:
        message += f'Did you mean "{close[0]}"? Else add '
    elif any(emit.topic == topic for emit in step.virtual_emits):
        message += "`virtualEmits` is only drawn: add "
    else:
        message += "Add "
    return f'{message}"{topic}" to `emits` in {step.source.path}.'
