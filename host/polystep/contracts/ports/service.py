"""Port of long-lived parts: start and stop."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Service(Protocol):
    """Long-lived part of a host. `stop` may come twice or without `start`, and returns when nothing of it runs."""

    async def start(self) -> None:
        """Begin work; returns when ready."""
        ...

    async def stop(self) -> None:
        """End work and wait for it."""
        ...
