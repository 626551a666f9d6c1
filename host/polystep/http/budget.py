"""Bytes of bodies and answers that the server holds at once: a number that no client can make grow."""

from __future__ import annotations

from typing import Self

from polystep.contracts.limits import BODY_BYTES_UNCOUNTED
from polystep.http.refusals import RequestRefused


class ByteBudget:
    """Counts bytes in flight and refuses more than its bound."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self.in_flight = 0
        """Bytes that are held now."""

    def hold(self) -> Hold:
        """Begin to count for one body or answer; leaving the block gives its bytes back."""
        return Hold(self)

    def take(self, size: int) -> None:
        """Count more bytes.

        Raises:
            RequestRefused: 503, they would be too many.
        """
        if self.in_flight + size > self._bytes_max:
            hint = (
                f"Bodies and answers hold {self.in_flight} bytes, of {self._bytes_max} (`[http] bytes_in_flight_max`)."
            )
            headers = {"Retry-After": "1", "Connection": "close"}
            raise RequestRefused(503, {"error": "Service overloaded", "hint": hint}, headers)
        self.in_flight += size

    def give(self, size: int) -> None:
        """Count them no longer."""
        self.in_flight -= size


class Hold:
    """The bytes of one body or answer."""

    __slots__ = ("_budget", "_bytes")

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bytes:
            self._budget.give(self._bytes)
            self._bytes = 0

    def grow_to(self, size: int) -> None:
        """Say how many bytes there are by now.

        Raises:
            RequestRefused: 503, the server holds too many.
        """
        if size > BODY_BYTES_UNCOUNTED and size > self._bytes:
            self._budget.take(size - self._bytes)
            self._bytes = size
