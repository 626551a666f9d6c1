"""Access of WebSocket clients: what each was authenticated as, asked about at every join."""

from __future__ import annotations

import logging

from aiohttp import web

from polystep.contracts.ports.streams import StreamAccess
from polystep.contracts.values import JSONValue
from polystep.http.admin_gate import AdminGate
from polystep.http.guesses import Guesses
from polystep.http.settings import HttpSettings
from polystep.http.socket_frames import Subject

_log = logging.getLogger("polystep.http")


class SocketTokens:
    """Decides about streams without rules: on a public address they need the admin token, or a setting."""

    def __init__(self, settings: HttpSettings, gate: AdminGate, guesses: Guesses) -> None:
        self._needed = settings.streams_need_rule
        self._gate = gate
        self._guesses = guesses
        self._warned: set[str] = set()

    async def opens(self, request: web.BaseRequest, access: StreamAccess) -> bool:
        """Report whether a socket may join streams without rules.

        Raises:
            RequestRefused: 429 after too many wrong tokens.
        """
        # With a rule of the project, the client's token is for that rule, and every stream has one.
        if not self._needed or access.has_rule(""):
            return True
        right = self._gate.socket_token(request)
        if right is False:
            await self._guesses.slow(request.remote)
        return right is True

    def refused(self, stream: str) -> None:
        """Say once for each stream why its joins are refused."""
        if stream not in self._warned:
            self._warned.add(stream)
            _log.warning(
                "Joins of the stream %s are refused: it has no rule, and the address is public. Add authenticate or "
                "canAccess (docs/streams.md), or set `[streams] public = true` in polystep.toml.",
                stream,
            )


class ClientAccess:
    """Decides the joins of one client. The context is that of the upgrade: a later reload does not change it."""

    def __init__(self, access: StreamAccess, tokens: SocketTokens, context: JSONValue, *, opens: bool) -> None:
        self._access = access
        self._tokens = tokens
        self._context = context
        self._opens = opens

    async def may_join(self, subject: Subject) -> bool:
        """Ask whether the client may follow a subject."""
        if not self._opens and not self._access.has_rule(subject.stream):
            self._tokens.refused(subject.stream)
            return False
        return await self._access.may_join(subject.stream, subject.group, subject.id, self._context)
