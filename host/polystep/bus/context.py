"""Ports and routes that the parts of one bus share."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from polystep.bus.routes import Routes
from polystep.contracts.ports.bus import DeliveryObserver
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.queue import QueueStore
from polystep.contracts.ports.wakeups import Wakeups
from polystep.contracts.signals import Wanted
from polystep.contracts.values import JSONObject


@dataclass(slots=True)
class BusContext:
    """The ports of one bus, its name as an owner of leases, and the routes in use."""

    store: QueueStore
    clock: Clock
    observer: DeliveryObserver
    wakeups: Wakeups
    owner: str
    routes: Routes
    """Replaced at every reload: read it anew after each `await`."""
    woken: Callable[[Collection[str], Collection[Wanted] | None], None] = lambda _steps, _wanted: None
    """Called when runs of steps may have got what they wait for: these events, or `None` when nobody knows which."""
    end_run: Callable[[str, JSONObject | None], bool] = lambda _run_id, _reason: False
    """Ends the handler of a run that is cancelled, for a reason; False when none of this host is open."""
