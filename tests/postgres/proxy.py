"""Something between a host and its database that fails when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import quote

_CHUNK: Final = 1 << 16


class Link:
    """One connection through the proxy."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._client = client
        self._server = server
        self.is_muted = False
        """What the server says is thrown away."""

    def cut(self) -> None:
        """Break it for both, as a cable does: what was sent is on its way."""
        self._client.transport.abort()
        self._server.transport.abort()

    def cut_client(self) -> None:
        """Break it for the client alone: the server works on, and finds out when it answers."""
        self._client.transport.abort()


class Proxy:
    """Forwards to the socket of a server."""

    def __init__(self, target: str) -> None:
        self._target = target
        self.port = 0
        self.links: list[Link] = []
        self.is_down = False
        """New connections are refused."""
        self.before_sending: Callable[[Link, bytes], None] = lambda _link, _data: None
        """Called with what a client has sent, before it is passed on."""
        self.on_sent: Callable[[Link, bytes], None] = lambda _link, _data: None
        """Called with what a client has sent, after it was passed on."""
        self.on_answer: Callable[[Link, bytes], None] = lambda _link, _data: None
        """Called with what the server has answered, before it is passed on."""
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self, user: str) -> str:
        return f"postgresql://{user}@{quote('127.0.0.1')}:{self.port}/postgres"

    def cut_all(self) -> None:
        for link in self.links:
            link.cut()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_down:
            writer.transport.abort()
            return
        from_server, to_server = await asyncio.open_unix_connection(self._target)
        link = Link(writer, to_server)
        self.links.append(link)
        try:
            await asyncio.gather(
                self._pass_on(link, reader, to_server, is_answer=False),
                self._pass_on(link, from_server, writer, is_answer=True),
            )
        finally:
            self.links.remove(link)

    async def _pass_on(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        try:
            while data := await reader.read(_CHUNK):
                if is_answer:
                    self.on_answer(link, data)
                    if link.is_muted:
                        continue
                else:
                    self.before_sending(link, data)
                writer.write(data)
                await writer.drain()
                if not is_answer:
                    self.on_sent(link, data)
        except OSError:
            pass
        finally:
            writer.transport.abort()


@asynccontextmanager
async def open_proxy(target: str) -> AsyncIterator[Proxy]:
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut_all()
        await server.wait_closed()
