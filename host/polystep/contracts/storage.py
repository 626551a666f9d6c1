"""Errors of the disk: no codes of the wire, since to a runner they are errors of the host like others."""

from __future__ import annotations

from polystep.contracts.errors import PolystepError


class NotStored(PolystepError):
    """A write failed at the disk, and nothing of it is stored; the message names the file. Runners see `internal`."""

    http_status = 503


class DiskFull(NotStored):
    """There is no space for a write."""

    http_status = 507


class ValueLost(PolystepError):
    """A write is stored, but what it should have returned is gone: the connection broke before the answer came."""

    retryable = False
