"""Short ways to write deliveries."""

from collections.abc import Mapping

from polystep.contracts.events import Delivery, NewDelivery
from polystep.contracts.ports.queue import DeliveryStore
from polystep.contracts.values import JSONObject

LEASE_MS = 30_000
FAILURE: JSONObject = {"name": "Error", "message": "no"}


def new(
    name: str, *, step: str = "step", key: str | None = None, at_ms: int = 0, run_id: str | None = None
) -> NewDelivery:
    """A delivery whose data is its name."""
    return NewDelivery(
        event_id=f"event of {name}",
        kind="event",
        topic="topic",
        step=step,
        data=name.encode(),
        trace_id="trace",
        run_id=run_id or f"run of {name}",
        parent_run_id="parent",
        fifo_key=key,
        run_at_ms=at_ms,
    )


async def claim(
    queue: DeliveryStore, wants: Mapping[str, int] | int = 100, *, now_ms: int = 1000, owner: str = "host"
) -> list[Delivery]:
    """Claim from `step`, or from the steps that are given."""
    steps = {"step": wants} if isinstance(wants, int) else wants
    return (await queue.claim(steps, owner, now_ms, LEASE_MS)).deliveries


def names(deliveries: list[Delivery]) -> list[str]:
    """What `new` was called with."""
    return [delivery.data.decode() for delivery in deliveries]
