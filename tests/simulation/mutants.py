"""Planted faults of the bus and of its statements: each must be found by the simulation."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any, Final
from unittest.mock import patch

from polystep.bus.attempts import Attempts
from polystep.bus.cancelling import Cancelling
from polystep.bus.claim_loop import ClaimLoop
from polystep.bus.claims import Claims
from polystep.bus.leases import Leases
from polystep.bus.parked import Parking
from polystep.bus.publish import Publisher
from polystep.bus.routes import Routes
from polystep.bus.settle import Settler
from polystep.bus.slots import Slots
from polystep.bus.suspensions import Suspensions
from polystep.bus.timer import Timer
from polystep.bus.wall_clock import WallClock
from polystep.contracts.errors import PolystepError
from polystep.contracts.events import Outcome
from polystep.contracts.futures import ready
from polystep.stores import SqliteQueueStore
from polystep.stores.sqlite import burial, cancellations, cancelling, claiming, insertion, journal, queue
from tests.simulation.world import Result, run_world

LIVES_MAX: Final = 20_000
"""Lives within which a planted fault must be found."""

Plant = Callable[[ExitStack], None]


def _nothing(*_: object, **__: object) -> None:
    """Do nothing, in the place of something."""


async def _nothing_later(*_: object, **__: object) -> None:
    """Do nothing, in the place of something that is awaited."""


def _swap(owner: Any, name: str, new: Any) -> Plant:
    return lambda stack: stack.enter_context(patch.object(owner, name, new)) and None


def _around(owner: Any, name: str, wrap: Callable[[Any], Any]) -> Plant:
    return _swap(owner, name, wrap(getattr(owner, name)))


def _late_timer(real: Any) -> Any:
    return lambda self, at_ms: real(self, at_ms + 2000)


def _leak_of_failed(real: Any) -> Any:
    def give_back(self: Attempts, delivery: Any) -> None:
        if delivery.failures and (delivery.id, delivery.token) in self._in_slots:
            self._in_slots.discard((delivery.id, delivery.token))
            return
        real(self, delivery)

    return give_back


def _claims_twice(real: Any) -> Any:
    async def claim(self: ClaimLoop, wants: dict[str, int], now_ms: int) -> None:
        before = set(self._claims.held)
        await real(self, wants, now_ms)
        for task in [task for task in self._claims.held if task not in before][:1]:
            self._attempts.begin(self._claims.held[task])

    return claim


def _one_more_retry(self: Any, step: str) -> Any:
    policy = _REAL_POLICY(self, step)
    return replace(policy, retries_max=policy.retries_max + 1)


def _one_less_retry(self: Any, step: str) -> Any:
    policy = _REAL_POLICY(self, step)
    return replace(policy, retries_max=policy.retries_max - 1)


def _no_grace(real: Any) -> Any:
    async def stop(self: Attempts, grace_s: float, is_storing: Any) -> None:
        await real(self, 0.0, is_storing)

    return stop


async def _gives_up(self: Settler, delivery: Any, outcome: Outcome) -> None:
    with suppress(PolystepError):
        await self._store(delivery, outcome)


def _forgets_wait(real: Any) -> Any:
    async def store(self: Settler, delivery: Any, outcome: Outcome) -> None:
        if outcome.status == "suspended":
            with patch.object(self._claims, "due_at", _nothing):
                await real(self, delivery, outcome)
        else:
            await real(self, delivery, outcome)

    return store


def _suspends_at_once(real: Any) -> Any:
    return lambda self, delivery, run_at_ms, waits=(), **more: real(self, delivery, 0, waits, **more)


def _forgets_release(real: Any) -> Any:
    async def store(self: Settler, delivery: Any, outcome: Outcome) -> None:
        if outcome.status in ("released", "suspect"):
            with patch.object(self._claims, "add_due", _nothing):
                await real(self, delivery, outcome)
        else:
            await real(self, delivery, outcome)

    return store


def _no_wake_of_key(real: Any) -> Any:
    def finished(self: Attempts, task: Any) -> None:
        with patch.object(self._claims, "add_due", _nothing):
            real(self, task)

    return finished


def _acks_early(real: Any) -> Any:
    def publish(self: Publisher, deliveries: Any) -> Any:
        real(self, deliveries)
        return ready(None)

    return publish


def _emits_of_superseded(real: Any) -> Any:
    async def complete(self: Any, delivery: Any, emits: Any, claim: Any = None, value: Any = None) -> Any:
        done = await real(self, delivery, emits, claim, value)
        if done is None and emits:
            await self.enqueue(emits)
        return done

    return complete


def _never(*_: object) -> bool:
    return False


async def _never_later(*_: object, **__: object) -> int:
    return 0


def _uncounted_places(stack: ExitStack) -> None:
    for module in (claiming, insertion):
        stack.enter_context(patch.object(module, "count_places", lambda *_: 0))


def _edited(module: Any, name: str, old: str, new: str) -> Plant:
    """Change a statement of the store."""
    statement: str = getattr(module, name)
    assert old in statement
    return _swap(module, name, statement.replace(old, new))


_REAL_POLICY: Final = Routes.policy

MUTANTS: Final[dict[str, Plant]] = {
    "a lease is never renewed": _swap(Leases, "_renew", _nothing_later),
    "a stored event wakes nobody": _swap(Claims, "add_stored", _nothing),
    "the timer is set late": _around(Timer, "set", _late_timer),
    "a retry sets no timer": _swap(Timer, "set", _nothing),
    "a completion is stored without a look at its token": _swap(
        queue, "DELETE_MINE", "DELETE FROM deliveries WHERE id = ? AND ? > 0 RETURNING resumes, cancellable"
    ),
    "a failure is stored without a look at its token": _swap(queue, "MINE", "id = ? AND ? > 0"),
    "the next of a FIFO key is not made ready": _swap(queue, "unblock", _nothing),
    "nobody is woken for the next of a FIFO key": _around(Attempts, "_finished", _no_wake_of_key),
    "the slot of a failed attempt leaks": _around(Attempts, "_give_back_slot", _leak_of_failed),
    "slots of refused writes leak": _swap(Claims, "give_back_reserved", _nothing),
    "a claimed delivery is begun twice": _around(ClaimLoop, "_claim", _claims_twice),
    "one retry too many": _swap(Routes, "policy", _one_more_retry),
    "one retry too few": _swap(Routes, "policy", _one_less_retry),
    "a stop cuts handlers off before their grace is over": _around(Attempts, "stop", _no_grace),
    "a result is forgotten when the disk refuses it": _swap(Settler, "settle", _gives_up),
    "a wait wakes nobody": _around(Settler, "_store", _forgets_wait),
    "a wait loses its due time": _around(journal.SqliteJournalStore, "suspend", _suspends_at_once),
    "a released delivery wakes nobody": _around(Settler, "_store", _forgets_release),
    "an answer wakes nobody": _swap(Suspensions, "due", _nothing),
    "publishing is acknowledged before the commit": _around(Publisher, "publish", _acks_early),
    "a superseded attempt emits": _around(SqliteQueueStore, "complete", _emits_of_superseded),
    "a clock that is set back is not noticed": _swap(WallClock, "look", _never),
    "slots freed by others are not heard of": _swap(Claims, "settled", _nothing),
    "limits over hosts are not asked for": _swap(Claims, "limits", lambda *_: None),
    "what a dead host leaves is not released": _swap(SqliteQueueStore, "recover", _never_later),
    "parked events are not looked at": _swap(Parking, "settle", lambda *_: _no_deliveries()),
    "backlogged steps are forgotten": _swap(Slots, "_add_backlogged", _nothing),
    "nobody is woken at the end of a pause": _swap(Claims, "_wake_after_pauses", _nothing),
    "the slot of a run apart is given back twice": _swap(Slots, "set_apart", _nothing),
    "an event ends no handler": _swap(Cancelling, "_end", _nothing),
    "the rest of what an event cancels is forgotten": _swap(Cancelling, "settle", _nothing_later),
    "an event cancels what comes after it": _edited(
        cancellations, "_MATCHES", "k.delivery <= ?", "k.delivery <= ? + 9"
    ),
    "the next of the FIFO key of a cancelled run is not made ready": _swap(cancelling, "unblock", _nothing),
    "an event cancels nothing that waits": _swap(cancellations, "cancel_waiting", _nothing),
    "runs that keep their places are not counted": _uncounted_places,
    "a run that wakes needs a second place": _edited(claiming, "_WAKE", "holds_place = 1 AND", "holds_place = 2 AND"),
    "nobody hears when a run wakes that keeps the last place": _edited(claiming, "_NEXT_WAKE", "holds_place = 1", "0"),
    "a run that waits gives its place away": _edited(journal, "_SUSPEND", "holds_place = ?", "holds_place = ? * 0"),
    "what has started expires": _edited(burial, "_EXPIRED", "AND attempt = 0", ""),
    "nothing expires": _swap(claiming, "bury_expired", lambda *_: []),
    "an id counts twice": _swap(insertion, "take_key", lambda *_: True),
}


async def _no_deliveries() -> list[Any]:
    return []


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Plant a fault meanwhile."""
    with ExitStack() as stack:
        MUTANTS[name](stack)
        yield


def hunt(name: str, lives_max: int = LIVES_MAX) -> Result:
    """Run worlds with a planted fault until it is found; the result counts the lives of all of them."""
    lives, seed = 0, 0
    with planted(name):
        while True:
            result = run_world(seed)
            gc.collect()
            lives, seed = lives + result.lives, seed + 1
            if result.trouble is not None or lives >= lives_max:
                return Result(result.plan, lives, result.attempts, result.virtual_s, result.trace, result.trouble)
