"""Open WebSockets of one kind: each is served until it closes, and a stop closes all of them."""

from __future__ import annotations

import asyncio
from typing import Protocol

from aiohttp import WSCloseCode


class ServedClient(Protocol):
    """Port of a client that is served."""

    async def run(self) -> None:
        """Serve the client until it, or the host, closes the socket."""
        ...

    def end(self, close_code: int, reason: str) -> None:
        """Close the socket."""
        ...


class OpenSockets:
    """Set of the clients that are served now."""

    def __init__(self) -> None:
        self._clients: set[ServedClient] = set()
        self._none_left = asyncio.Event()
        self.is_stopping = False

    def __len__(self) -> int:
        return len(self._clients)

    async def serve(self, client: ServedClient) -> None:
        """Run a client to its end."""
        self._clients.add(client)
        try:
            await client.run()
        finally:
            self._clients.discard(client)
            if not self._clients:
                self._none_left.set()

    async def stop(self) -> None:
        """Close every socket (1001) and wait for them; clients that do not answer are cut off."""
        self.is_stopping = True
        self._none_left.clear()
        for client in self._clients:
            client.end(WSCloseCode.GOING_AWAY, "the server is stopping")
        if self._clients:
            await self._none_left.wait()
