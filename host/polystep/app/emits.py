"""Events on their way out of a run: checked against what the emitter declares and what each subscriber requires.

A subscriber that cannot take the event gets it as a dead letter at once; the others get it as usual.
"""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Sequence

from polystep.app.runs import OpenRun
from polystep.app.verdicts import describe, input_broken
from polystep.bus import Bus
from polystep.contracts.errors import Overloaded, TopicNotDeclared
from polystep.contracts.events import NewDelivery
from polystep.contracts.limits import EMITS_PER_ATTEMPT_MAX
from polystep.contracts.steps import StepSpec
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import SchemaValidator
from polystep.trace import TraceRecorder
from polystep.wire import pack

Warn = Callable[[OpenRun, str, JSONObject], None]
"""Takes a line, with fields, for the log of the run that is to blame."""


class Emits:
    """Plans, checks, and stores or keeps events."""

    def __init__(
        self,
        bus: Bus,
        recorder: TraceRecorder,
        input_validator: Callable[[str], SchemaValidator | None],
        warn: Warn,
    ) -> None:
        self._bus = bus
        self._recorder = recorder
        self._input_validator = input_validator
        self._warn = warn

    def plan(self, run: OpenRun, topic: str, data: JSONValue, fifo_key: str | None) -> tuple[NewDelivery, ...]:
        """One delivery for each subscriber; those whose `input` the data breaks are refused.

        Raises:
            TopicNotDeclared: The emitter's config does not list the topic.
            Overloaded: The queue of a subscriber is full.
        """
        if not run.step.may_emit(topic):
            raise TopicNotDeclared(_undeclared(run.step, topic))
        try:
            planned = self._bus.plan(
                topic,
                pack(data),
                trace_id=run.trace_id,
                parent_run_id=run.run_id,
                fifo_key=fifo_key,
                unstored=len(run.emits),
            )
        except Overloaded as error:
            run.refused = error
            raise
        return tuple(self._checked(run, delivery, data) for delivery in planned)

    def send(self, run: OpenRun, deliveries: Sequence[NewDelivery]) -> Awaitable[None] | None:
        """Store them now, or keep them until the run completes.

        Raises:
            Overloaded: The run has emitted too much.
        """
        if not run.buffers_emits:
            return self._bus.publish(deliveries)
        if len(run.emits) + len(deliveries) > EMITS_PER_ATTEMPT_MAX:
            raise Overloaded(
                f"{run.step.name} emitted over {EMITS_PER_ATTEMPT_MAX} events in one run. They commit together when it "
                "completes: split the work into several runs."
            )
        run.emits += deliveries
        return None

    def _checked(self, run: OpenRun, delivery: NewDelivery, data: JSONValue) -> NewDelivery:
        validator = self._input_validator(delivery.step)
        if validator is None or not (issues := validator.issues(data)):
            return delivery
        broken = input_broken(delivery.step, delivery.topic, issues)
        when = " when this run completes" if run.buffers_emits else ""
        fields: JSONObject = {"topic": delivery.topic, "subscriber": delivery.step, "path": list(issues[0].path)}
        self._warn(run, f"{broken.message} It goes to the dead letters of {delivery.step}{when}.", fields)
        return delivery._replace(refused=self._recorder.redacted(describe(broken)))


def _undeclared(step: StepSpec, topic: str) -> str:
    declared = [emit.topic for emit in step.emits]
    said = f'{step.name} emitted "{topic}", which its config does not declare. Declared: {", ".join(declared)}. '
    close = difflib.get_close_matches(topic, declared, n=1)
    if close:
        said += f'Did you mean "{close[0]}"? Else add '
    elif any(emit.topic == topic for emit in step.virtual_emits):
        said += "`virtualEmits` is only drawn: add "
    else:
        said += "Add "
    return f'{said}"{topic}" to `emits` in {step.source.path}.'
