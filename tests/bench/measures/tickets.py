"""The tutorial's pipeline without the model: from the first POST to the last keyword written."""

from __future__ import annotations

import time
from typing import Any, Final

from tests.bench.load import send_load
from tests.bench.peers import HandBuilt, installed_at
from tests.bench.stack import Stack
from tests.bench.suite import Suite
from tests.bench.table import Row, row_of
from tests.bench.waiting import reach

TICKET: Final = {
    "subject": "Cannot log in after password reset",
    "body": "I reset my password but the login page keeps rejecting it. This is blocking my work.",
    "email": "user@example.com",
}
CLIENTS: Final = 32


async def measure_tickets(suite: Suite) -> None:
    """One flood of tickets, posted for so many seconds; then the same on the hand-built stack."""
    async with suite.stack("tickets") as stack:
        ours = suite.add(await _polystep(stack, suite.seconds))
    if suite.peer is None:
        suite.remark("tickets: the hand-built stack is left out; --peer PATH names its sources.")
        return
    for appendfsync in ("everysec", "always"):
        async with HandBuilt(suite.peer, installed_at(suite.peer), appendfsync) as peer:
            theirs = suite.add(await _hand_built(peer, f"hand-built, appendfsync {appendfsync}", suite.seconds))
        suite.remark(_ratio(ours, theirs))


def _ratio(ours: Row, theirs: Row) -> str:
    assert ours.per_s is not None and theirs.per_s is not None
    cpu_us, their_cpu_us = sum(ours.cpu_us.values()), sum(theirs.cpu_us.values())
    return (
        f"tickets: polystep does {ours.per_s / theirs.per_s:.2f} times the tickets per second of {theirs.case}, "
        f"in {cpu_us:,.0f} µs on processors per ticket against {their_cpu_us:,.0f}"
    )


async def _polystep(stack: Stack, seconds: float) -> Row:
    await run_tickets(stack, 1)
    meter = stack.meter()
    done, wall_s, post_p50_ms = await run_tickets(stack, seconds)
    usage = meter.read()
    seen = await stack.get("/tickets/done?report=1")
    return row_of(
        "tickets",
        "polystep, every write synced",
        done,
        usage,
        wall_s=wall_s,
        p50_ms=seen["p50Ms"],
        p99_ms=seen["p99Ms"],
        note=f"{done} tickets from {CLIENTS} clients; POST p50 {post_p50_ms:.1f} ms",
    )


async def run_tickets(stack: Stack, seconds: float) -> tuple[int, float, float]:
    """Returns how many went all the way, seconds from first POST to last keyword, and p50 of a POST in ms."""
    await stack.get("/tickets/done?reset=1")
    began_s = time.monotonic()
    load = await send_load(f"{stack.url}/tickets", CLIENTS, for_s=seconds, method="POST", body=TICKET)

    async def done() -> int:
        seen: dict[str, Any] = await stack.get("/tickets/done")
        return int(seen["done"])

    await reach(load.requests, "tickets", done, every_s=0.02)
    return load.requests, time.monotonic() - began_s, load.p50_ms


async def _hand_built(peer: HandBuilt, name: str, seconds: float) -> Row:
    """The same flood on the stack that a user would build by hand."""
    for length_s in (1, seconds):
        before = await peer.done()
        meter = peer.meter()
        began_s = time.monotonic()
        load = await send_load(f"{peer.url}/tickets", CLIENTS, for_s=length_s, method="POST", body=TICKET)
        # Redis is asked: nothing else of that stack knows.
        await reach(before + load.requests, "tickets", peer.done, every_s=0.02)
        wall_s = time.monotonic() - began_s
    done = load.requests
    note = f"{done} tickets from {CLIENTS} clients; POST p50 {load.p50_ms:.1f} ms"
    return row_of("tickets", name, done, meter.read(), wall_s=wall_s, note=note)
