"""Topics to subscribers: durable deliveries, attempts, leases, retries, dead letters, FIFO keys."""

from polystep.bus.backlog import QueueBound
from polystep.bus.bus import Bus, BusOptions
from polystep.bus.retry import Backoff

__all__ = ["Backoff", "Bus", "BusOptions", "QueueBound"]
