"""Access of one WebSocket client: the context it was authenticated as, asked about at every join."""

from __future__ import annotations

from polystep.contracts.access import StreamAccess
from polystep.contracts.values import JSONValue
from polystep.http.socket_frames import Room


class ClientAccess:
    """Decides the joins of one client. The context is that of the upgrade: a later reload does not change it."""

    def __init__(self, access: StreamAccess, context: JSONValue) -> None:
        self._access = access
        self._context = context

    async def may_join(self, room: Room) -> bool:
        """Ask whether the client may follow a room."""
        return await self._access.may_join(room.stream, room.group, room.id, self._context)
