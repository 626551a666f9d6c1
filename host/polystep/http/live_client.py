"""Client of the live feed, for the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

import aiohttp
import orjson

from polystep.contracts.errors import PolystepError
from polystep.contracts.values import JSONObject

SILENCE_S: Final = 15.0
"""Without a heartbeat for so long the host is gone."""


async def follow_live(url: str, token: str, subjects: Sequence[str]) -> AsyncIterator[JSONObject]:
    """Yield the notices of a host's live feed, until the host closes it.

    Args:
        url: Of the host.
        token: The admin token.
        subjects: What to follow.

    Raises:
        PolystepError: The host cannot be reached, or refuses.
    """
    headers = {"Authorization": f"Bearer {token}"}
    try:
        # No proxy of the environment: the host is on this machine.
        async with (
            aiohttp.ClientSession(trust_env=False) as client,
            client.ws_connect(f"{url}/__polystep/live", headers=headers, max_msg_size=0) as socket,
        ):
            await socket.send_str(orjson.dumps({"subscribe": list(subjects)}).decode())
            while True:
                message = await socket.receive(timeout=SILENCE_S)
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return
                notice = orjson.loads(message.data)
                if isinstance(notice, dict) and ("changes" in notice or "resync" in notice):
                    yield notice
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise PolystepError(f"The live feed of {url} ended: {str(error) or type(error).__name__}.") from error
