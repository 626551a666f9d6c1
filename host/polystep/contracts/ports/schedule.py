"""Ports of cron steps: their schedule, and the call that fires one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol

from polystep.contracts.steps import CronTrigger
from polystep.contracts.values import JSONObject

CronFire = Callable[[str, int], Awaitable[None]]
"""Called with the step and the Unix milliseconds it was due; returns when the tick is durable."""
CronSkip = Callable[[str, int], None]
"""Called with a tick of a step that is paused."""


class Schedule(Protocol):
    """Cron steps and their fire times."""

    def replace(self, triggers: Mapping[str, CronTrigger]) -> None:
        """Set the schedule; unchanged entries keep their next fire time."""

    def next_times(self, step: str, count: int) -> list[str]:
        """Return the next fire times of a step, ISO 8601 in UTC; fewer when there are no more."""
        ...

    def times_between(self, step: str, from_ms: int, to_ms: int, limit: int) -> list[int]:
        """Return the first fire times of a step later than `from_ms` and up to `to_ms`, in Unix milliseconds."""
        ...

    def pause(self, steps: Iterable[str]) -> None:
        """Fire these steps no more until they are resumed."""
        ...

    def resume(self, step: str) -> None:
        """Fire a step again, from its next time on."""
        ...

    def upcoming(self) -> list[JSONObject]:
        """List `{step, expression, timezone, next, error}`; `next` is ISO 8601 or None, `error` a text or None."""
