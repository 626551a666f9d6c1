"""Two peers joined in memory, which pass the same tests as peers over pipes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from polystep.contracts.errors import RunnerGone
from polystep.contracts.limits import FRAME_BYTES_MAX
from polystep.contracts.values import JSONObject
from polystep.wire.peer import Method, Peer


class _Wire:
    """Wire that carries bytes to the other peer one turn of the loop later, as a pipe would."""

    def __init__(self, other: Peer) -> None:
        self._other = other

    def write(self, data: bytes) -> None:
        asyncio.get_running_loop().call_soon(self._other.data_received, data)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        asyncio.get_running_loop().call_soon(self._other.fail, RunnerGone("The other side closed its channel."))


def direct_pair(
    first: tuple[Mapping[str, Method], Mapping[str, Callable[[JSONObject], None]]],
    second: tuple[Mapping[str, Method], Mapping[str, Callable[[JSONObject], None]]],
    *,
    frame_bytes_max: int = FRAME_BYTES_MAX,
) -> tuple[Peer, Peer]:
    """Join two peers, each given as `(methods, notifications)`."""
    one = Peer(*first, frame_bytes_max=frame_bytes_max)
    two = Peer(*second, frame_bytes_max=frame_bytes_max)
    one.connect(_Wire(two))
    two.connect(_Wire(one))
    return one, two
