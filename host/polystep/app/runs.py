"""Runs that are open now: what a call from a runner is checked against, and what the run has done so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from polystep.contracts.errors import Overloaded, RunEnded
from polystep.contracts.events import NewDelivery
from polystep.contracts.ports import AnswerStream
from polystep.contracts.steps import StepSpec
from polystep.contracts.values import JSONValue
from polystep.trace import RunShare


@dataclass(slots=True)
class OpenRun:
    """One attempt in progress."""

    name: str
    """What the wire calls `run`: the run id and the attempt. A superseded attempt's is not open any more."""
    run_id: str
    trace_id: str
    attempt: int
    step: StepSpec
    buffers_emits: bool
    """Event and cron steps: emits are stored with the completion. HTTP steps: at once."""
    answer: AnswerStream | None = None
    """Of an HTTP step: where its handler may stream its answer to."""
    begin_stream: Callable[[], None] = lambda: None
    """Tells its runner that the answer begins; raises `Overloaded` when too many are open."""
    refused: Overloaded | None = None
    """Its answer was not begun, or an event not taken, for that reason, whatever the handler makes of it."""
    emits: list[NewDelivery] = field(default_factory=list)
    share: RunShare = field(default_factory=RunShare)
    """What its trace holds of it."""


class OpenRuns:
    """The open runs by name."""

    def __init__(self) -> None:
        self._runs: dict[str, OpenRun] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def open(self, run: OpenRun) -> None:
        """Accept calls of this run."""
        self._runs[run.name] = run

    def close(self, run: OpenRun) -> None:
        """Refuse its calls from now on."""
        self._runs.pop(run.name, None)

    def find(self, name: JSONValue) -> OpenRun | None:
        """The run of this name, when it is open."""
        return self._runs.get(name) if isinstance(name, str) else None

    def get(self, name: JSONValue) -> OpenRun:
        """The run of this name.

        Raises:
            RunEnded: It is finished or was superseded; its calls have no effect (PS-8.2).
        """
        run = self.find(name)
        if run is None:
            raise RunEnded(
                "This run has ended or was superseded by a later attempt; the call has no effect. "
                "Await every call before the handler returns."
            )
        return run
