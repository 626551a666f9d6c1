"""Wrong guesses of the admin token: slowed and logged by client address, in bounded memory."""

from __future__ import annotations

import ipaddress
import logging
from collections import OrderedDict
from dataclasses import dataclass

from polystep.contracts.limits import (
    GUESS_DELAY_MAX_S,
    GUESSES_FREE,
    GUESSES_KEPT_S,
    GUESSES_WAITING_MAX,
    GUESSING_ADDRESSES_MAX,
)
from polystep.contracts.ports.clock import Clock
from polystep.http.refusals import RequestRefused

_log = logging.getLogger("polystep.http")


@dataclass(slots=True)
class _Guesser:
    wrong: int = 0
    waiting: int = 0
    last_s: float = 0.0


class Guesses:
    """Delays the answer to each wrong guess: 1 s after the first few, then twice as long, up to `GUESS_DELAY_MAX_S`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._guessers: OrderedDict[str, _Guesser] = OrderedDict()

    async def slow(self, address: str | None) -> None:
        """Note one wrong guess and wait; right tokens from the same address are not delayed.

        Raises:
            RequestRefused: 429 while too many guesses of this address wait already.
        """
        guesser = self._guesser(_network(address or ""))
        if guesser.waiting >= GUESSES_WAITING_MAX:
            raise RequestRefused(
                429, {"error": "Too many wrong tokens"}, {"Retry-After": str(round(self._delay_s(guesser)) or 1)}
            )
        guesser.wrong += 1
        if guesser.wrong & (guesser.wrong - 1) == 0:  # each power of two: the log does not grow with the guesses
            _log.warning("%s wrong admin token(s) came from %s", guesser.wrong, address or "an unknown address")
        delay_s = self._delay_s(guesser)
        if delay_s:
            guesser.waiting += 1
            try:
                await self._clock.sleep(delay_s)
            finally:
                guesser.waiting -= 1

    def _delay_s(self, guesser: _Guesser) -> float:
        beyond = guesser.wrong - GUESSES_FREE
        return 0.0 if beyond <= 0 else min(2.0 ** min(beyond - 1, 10), GUESS_DELAY_MAX_S)

    def _guesser(self, network: str) -> _Guesser:
        now_s = self._clock.monotonic_s()
        guesser = self._guessers.pop(network, None)
        if guesser is None or (now_s - guesser.last_s > GUESSES_KEPT_S and not guesser.waiting):
            guesser = _Guesser()
        self._guessers[network] = guesser
        guesser.last_s = now_s
        while len(self._guessers) > GUESSING_ADDRESSES_MAX:
            self._guessers.popitem(last=False)
        return guesser


def _network(address: str) -> str:
    """Return the address, or the /64 network of an IPv6 address: one client has all of it."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return address if known.version == 4 else str(ipaddress.ip_network((known, 64), strict=False))
