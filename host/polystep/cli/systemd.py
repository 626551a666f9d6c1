"""Word to systemd, for units of the type `notify`: when the host is ready, and when it stops (sd_notify(3))."""

from __future__ import annotations

import logging
import os
import socket

_log = logging.getLogger("polystep.systemd")


def tell_systemd(state: str, environment: dict[str, str] | None = None) -> bool:
    """Send a state such as `READY=1` to the socket of `NOTIFY_SOCKET`; without this variable nothing happens.

    Returns:
        Whether it was sent. A socket that cannot be reached is logged: the host runs without systemd, too.
    """
    address = (os.environ if environment is None else environment).get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    # A name that begins with @ is one of the abstract namespace.
    path = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.sendto(state.encode(), path)
    except OSError as error:
        _log.warning("systemd cannot be told %s at %s: %s", state, address, error)
        return False
    return True
