"""Life of one delivery of a simulated world, as its ledger knows it."""

from __future__ import annotations

from dataclasses import dataclass, field

from polystep.contracts.events import NewDelivery


@dataclass(slots=True)
class Life:
    """One delivery from its commit to its end."""

    new: NewDelivery
    due_ms: int
    key: tuple[str, str] | None
    state: str = "waiting"
    """waiting, running, completed, dead, removed, cancelled"""
    id: int = 0
    token: int = 0
    owner: str = ""
    lease_ms: int = 0
    failures: int = 0
    kept: set[tuple[int, int]] = field(default_factory=set)
    """Attempts whose results are stored."""
    journal: set[str] = field(default_factory=set)
    has_started: bool = False
    keeps_place: bool = False
    """Its run is suspended, and counts for the limit of its step."""
    cancelled_ms: int | None = None
    """Time at which an event has cancelled it."""
