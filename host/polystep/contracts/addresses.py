"""Addresses to listen on: reach of an address, and the error of one that cannot be had."""

from __future__ import annotations

import ipaddress


class AddressUnavailable(Exception):
    """The server cannot listen there; the text says why and what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message} {hint}")
        self.message = message
        self.hint = hint


def is_loopback(host: str) -> bool:
    """Report whether only programs on this machine can reach an address; a name other than `localhost` is reachable."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
