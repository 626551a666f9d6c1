"""Taking a port, with an error that says what to do when it is taken."""

from __future__ import annotations

import errno
import socket

_BACKLOG = 1024
"""Connections that wait to be accepted, such as a burst of clients while the steps still load."""

_PORT_MAX = 65_535


class AddressUnavailable(Exception):
    """The server cannot listen there; the text says why and what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message} {hint}")
        self.message = message
        self.hint = hint


def listen(host: str, port: int) -> socket.socket:
    """Bind a TCP socket and listen.

    Raises:
        AddressUnavailable: The port is in use or not allowed, or the address is unknown.
    """
    if not 0 <= port <= _PORT_MAX:
        raise AddressUnavailable(f"{port} is not a port.", f"Choose 0 to {_PORT_MAX} with --port.")
    name = host.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    try:
        return socket.create_server((name, port), family=family, backlog=_BACKLOG)
    except OSError as failed:
        if failed.errno == errno.EADDRINUSE:
            raise AddressUnavailable(
                f"Port {port} on {host} is in use by another program.",
                f"Stop it, or choose another port with --port, such as --port {port % _PORT_MAX + 1}.",
            ) from failed
        if failed.errno == errno.EACCES:
            raise AddressUnavailable(
                f"Port {port} may not be used without more rights.", "Choose one above 1023 with --port."
            ) from failed
        raise AddressUnavailable(
            f"Cannot listen on {host}: {failed.strerror or failed}.", "Choose an address of this machine with --host."
        ) from failed
