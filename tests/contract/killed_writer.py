"""A process that writes as fast as it can and says what was answered, until it is killed.

Usage: `killed_writer.py DATABASE`. Prints one number a line, each after the writes of that number were answered.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from polystep.contracts.clock import SystemClock
from polystep.contracts.events import NewDelivery
from polystep.stores import SqliteChanges, SqliteQueueStore, SqliteStateStore, SqliteStreamStore, open_durable


async def main(path: Path) -> None:
    """Write for ever, several writers at once."""
    database = open_durable(path)
    await database.start()
    state, streams = SqliteStateStore(database), SqliteStreamStore(database, SqliteChanges(SystemClock()))
    queue = SqliteQueueStore(database, SystemClock())

    async def write(number: int) -> None:
        name = str(number)
        await state.set("group", name, name.encode())
        await streams.set("stream", "group", name, name.encode(), number)
        await queue.enqueue([NewDelivery("event", "event", "topic", "step", name.encode(), "trace", name, None)])
        os.write(1, f"{number}\n".encode())

    async def writer(first: int) -> None:
        number = first
        while True:
            await write(number)
            number += 8

    async with asyncio.TaskGroup() as group:
        for first in range(8):
            group.create_task(writer(first))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
