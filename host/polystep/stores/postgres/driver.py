"""The driver asyncpg, which comes with the extra `postgres`, as the types that are used of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

from polystep.contracts.storage import NotStored

try:
    import asyncpg
except ImportError as missing:
    raise NotStored(
        "PostgreSQL needs the package asyncpg, which is not installed. Run: pip install 'polystep-host[postgres]'"
    ) from missing

Row: TypeAlias = Sequence[Any]
Heard: TypeAlias = Callable[[Any, int, str, str], None]
"""Called with connection, process, channel and payload."""

ServerError: Final[type[Exception]] = asyncpg.PostgresError
"""Answer of the server that is an error; `sqlstate` is its class and number."""
ClientError: Final[type[Exception]] = asyncpg.InterfaceError
"""Misuse of the driver, and values that it cannot encode."""
DriverFault: Final[type[Exception]] = asyncpg.InternalClientError
"""State of a connection that the driver did not expect; also: no server of the address takes writes."""
UniqueViolation: Final[type[Exception]] = asyncpg.UniqueViolationError


class Connection(Protocol):
    """One connection. It takes one statement at a time."""

    async def fetch(self, query: str, *args: object) -> list[Row]:
        """Run a statement, and return its rows."""
        ...

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """Run a statement, and return its first row."""
        ...

    async def fetchval(self, query: str, *args: object) -> Any:
        """Run a statement, and return the first column of its first row."""
        ...

    async def execute(self, query: str, *args: object) -> str:
        """Run statements without rows; several when there are no arguments."""
        ...

    async def add_listener(self, channel: str, callback: Heard) -> None:
        """Call back for each notification of a channel."""
        ...

    def add_termination_listener(self, callback: Callable[[Any], None]) -> None:
        """Call back when the connection is closed by whichever side."""
        ...

    def is_closed(self) -> bool:
        """Report whether it is known to be closed."""
        ...

    def terminate(self) -> None:
        """Close the socket; unlike the cancelling of a call, this asks nothing more of the server."""
        ...

    async def close(self, *, timeout: float | None = None) -> None:
        """Say goodbye, and close."""
        ...


async def open_connection(url: str, timeout_s: float, settings: Mapping[str, str]) -> Connection:
    """Connect to the server that takes writes."""
    # Without a session attribute of its own a URL with several hosts would be satisfied with a replica.
    made: Connection = await asyncpg.connect(
        url, timeout=timeout_s, server_settings=dict(settings), target_session_attrs="read-write"
    )
    return made


def socket_of(connection: Connection) -> Any | None:
    """Return the socket, for options that the driver does not set; `None` when it does not show it."""
    transport = getattr(connection, "_transport", None)
    return None if transport is None else transport.get_extra_info("socket")
