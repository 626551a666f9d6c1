"""Taking a port, with an error that says what to do when it is taken."""

from __future__ import annotations

import contextlib
import errno
import resource
import socket

from polystep.contracts.addresses import AddressUnavailable
from polystep.http.port_owner import PortOwner, port_owner

_BACKLOG = 1024
"""Connections that wait to be accepted, such as a burst of clients while the steps still load."""

_PORT_MAX = 65_535

_FILES_WANTED = 65_536
"""Each connection is one; many systems let a process have 1,024 until it asks for more."""


class PortTaken(AddressUnavailable):
    """Another program listens on the port."""

    def __init__(self, host: str, port: int, owner: PortOwner) -> None:
        stop = "Stop it" if owner.project is None else f"Stop it (polystep stop --project {owner.project})"
        super().__init__(
            f"Port {port} on {host} is in use by {owner}.",
            f"{stop}, or choose another port with --port, such as --port {port % _PORT_MAX + 1}.",
        )
        self.owner = owner


def listen_near(host: str, port: int, tries: int) -> tuple[socket.socket, PortOwner | None]:
    """Listen on the port, or on the next one that is free; says who has the first where that is taken.

    Raises:
        AddressUnavailable: As `listen`, when none of so many ports is free.
    """
    try:
        return listen(host, port), None
    except PortTaken as taken:
        for following in range(port + 1, min(port + tries, _PORT_MAX + 1)):
            with contextlib.suppress(OSError):
                return _create(host, following), taken.owner
        raise


def open_files_max() -> int:
    """Raise the number of files that this process may have open as far as the system lets it; returns the number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, _FILES_WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return _FILES_WANTED if soft == resource.RLIM_INFINITY else soft


def listen(host: str, port: int) -> socket.socket:
    """Bind a TCP socket and listen.

    Raises:
        PortTaken: The port is in use.
        AddressUnavailable: It is not allowed, or the address is unknown.
    """
    if not 0 <= port <= _PORT_MAX:
        raise AddressUnavailable(f"{port} is not a port.", f"Choose 0 to {_PORT_MAX} with --port.")
    try:
        return _create(host, port)
    except OSError as failed:
        if failed.errno == errno.EADDRINUSE:
            raise PortTaken(host, port, port_owner(port)) from failed
        if failed.errno == errno.EACCES:
            raise AddressUnavailable(
                f"Port {port} may not be used without more rights.", "Choose one above 1023 with --port."
            ) from failed
        raise AddressUnavailable(
            f"Cannot listen on {host}: {failed.strerror or failed}.", "Choose an address of this machine with --host."
        ) from failed


def _create(host: str, port: int) -> socket.socket:
    name = host.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    return socket.create_server((name, port), family=family, backlog=_BACKLOG)
