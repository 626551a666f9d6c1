"""Snapshots for the first frame of a join, encoded in parts: a large group must not hold the event loop."""

from __future__ import annotations

import asyncio

from polystep.contracts.errors import FrameTooLarge
from polystep.contracts.limits import DECODED_ON_LOOP_MAX, SNAPSHOT_BYTES_MAX
from polystep.contracts.ports.streams import StreamHub
from polystep.http.refusals import to_json
from polystep.http.socket_frames import Subject


async def read_snapshot(hub: StreamHub, subject: Subject) -> bytes | None:
    """Read an item or a group as JSON; `None` when the item does not exist.

    Raises:
        FrameTooLarge: The group takes more than `SNAPSHOT_BYTES_MAX`.
    """
    if subject.id is not None:
        item = await hub.snapshot(subject.stream, subject.group, subject.id)
        return None if item is None else to_json(item)
    parts: list[bytes] = []
    size = 0
    async for items in hub.pages(subject.stream, subject.group):
        part = to_json(items) if len(items) <= DECODED_ON_LOOP_MAX else await asyncio.to_thread(to_json, items)
        size += len(part)
        if size > SNAPSHOT_BYTES_MAX:
            raise FrameTooLarge(
                f'The group "{subject.group}" of stream {subject.stream} takes more than {SNAPSHOT_BYTES_MAX} bytes, '
                "the most that a join sends. Join single items, or spread the items over more groups."
            )
        if items:
            parts.append(part[1:-1])
    return b"[" + b",".join(parts) + b"]"
