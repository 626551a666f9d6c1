"""Cuts of connections to a database at the worst moments."""

from __future__ import annotations

import asyncio
import random

from tests.postgres.proxy import Link, Proxy


class Cutter:
    """Cuts the first connection that sends what holds a mark, at a moment that its seed gives."""

    def __init__(self, proxy: Proxy, chance: random.Random, mark: bytes) -> None:
        self._mark = mark
        self._loop = asyncio.get_running_loop()
        self._way = chance.choice(("sent", "answered", "client", "later"))
        self._delay_s = chance.random() * 0.01
        self.is_done = False
        proxy.on_sent = self._sent
        proxy.on_answer = self._answered
        self._link: Link | None = None

    def _sent(self, link: Link, data: bytes) -> None:
        if self.is_done or self._link is not None or self._mark not in data:
            return
        self._link = link
        if self._way == "sent":
            self._cut(link.cut)
        elif self._way == "client":
            self._cut(link.cut_client)
        elif self._way == "later":
            self._loop.call_later(self._delay_s, self._cut, link.cut)

    def _answered(self, link: Link, _: bytes) -> None:
        # The commit is done, and its answer is swallowed.
        if link is self._link and self._way == "answered" and not self.is_done:
            link.is_muted = True
            self._cut(link.cut)

    def _cut(self, cut: object) -> None:
        if not self.is_done:
            self.is_done = True
            assert callable(cut)
            cut()
