"""Keys of the project: `once` with the scope `project`, whose function runs once over all runs."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from polystep.contracts.signals import Wanted

ONCE_WAIT_MS: Final = 7 * 86_400_000
"""A run waits so long for a key that another run has, as it waits for other things without a timeout."""

OnceKeyStatus = Literal["running", "kept", "free"]


class TakenKey(NamedTuple):
    """Leave to call the function of a key: the delivery holds the key until the call or its attempt ends."""

    id: str
    """Names the work for other systems: the same text until the key is forgotten, whoever takes over."""


class WokenRuns(NamedTuple):
    """Runs that waited for a key and may go on."""

    steps: frozenset[str]
    """Steps of these runs."""
    are_waiting: bool = True
    """Runs wait for keys still."""


class OnceKey(NamedTuple):
    """One key as it is listed."""

    key: str
    status: OnceKeyStatus
    """`free` is a key whose function has failed, or was cut short: the next run that asks calls it."""
    step: str
    """Step, run and trace that have called the function last."""
    run_id: str
    trace_id: str
    begun_at_ms: int
    """Last call of the function, Unix milliseconds."""
    kept_at_ms: int | None
    until_ms: int
    """The result is forgotten then, Unix milliseconds; while there is none, the key may be."""
    size: int
    """Bytes of the result."""
    waiting: int
    """Runs that wait for the key."""


def wanted_of_once_key(key: str) -> Wanted:
    """Return what a run that waits for a key wants."""
    return Wanted("", "once", key)
