"""Port of wake-ups: calls between the hosts that share a store."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol, TypeAlias

WakeupListener: TypeAlias = Callable[[Collection[str], Collection[str]], None]
"""Called with steps that have got something due, and with steps of which a slot has become free."""


class Wakeups(Protocol):
    """One host's end of the calls, so that what one host stores starts at another.

    A call may come late, twice or not at all: a host that has peers also looks at the store every few seconds.
    """

    @property
    def has_peers(self) -> bool:
        """Other hosts may be at work on the store; while none is, nobody needs to call."""
        ...

    def listen(self, listener: WakeupListener) -> None:
        """Call `listener` on the event loop when another host has announced something. Replaces an earlier one."""
        ...

    def close(self) -> None:
        """Call the listener no more; may come twice."""
        ...

    def announce(self, due: Collection[str] = (), freed: Collection[str] = ()) -> None:
        """Call the other hosts, without blocking: these steps have got something due, of these a slot is free."""
        ...
