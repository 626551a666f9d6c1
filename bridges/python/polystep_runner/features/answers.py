"""Answers of attempts, given no faster than the host reads."""

from collections import deque
from collections.abc import Callable
from typing import Final

from polystep_runner.channel import Channel

_UNSENT_BYTES_MAX: Final = 16_777_216  # beyond, answers wait as values: encoded ones are copies, and delay the rest
_SMALL_BYTES_MAX: Final = 65_536  # an answer up to this does not wait, so that large answers do not delay small ones
_PART_BYTES: Final = 8  # what a member costs besides its text


class Answers:
    """Queue that holds back large answers while the host is behind with reading, on the event loop's thread."""

    def __init__(self, channel: Channel) -> None:
        self._channel, self._waiting, self._is_giving = channel, deque[Callable[[], None]](), False
        channel.on_written = self._written

    def __len__(self) -> int:
        return len(self._waiting)

    def give(self, value: object, send: Callable[[], None]) -> None:
        """Call `send`, which sends `value`: now, or when the host has read more."""
        if self._has_room() or _weigh(value, _SMALL_BYTES_MAX) >= 0:
            send()
        else:
            self._waiting.append(send)

    def _written(self) -> None:
        if self._is_giving:  # to send can write, which leads here again
            return
        self._is_giving = True
        try:
            while self._waiting and self._has_room():
                self._waiting.popleft()()
        finally:
            self._is_giving = False

    def _has_room(self) -> bool:
        return len(self._channel.unsent) <= _UNSENT_BYTES_MAX


def _weigh(value: object, left: int) -> int:
    """Subtract the rough size of a plain value from `left`; stop once the rest is below 0."""
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        return left - len(value)
    if isinstance(value, dict):
        left -= sum(len(name) + _PART_BYTES for name in value) if len(value) < left else left + 1
        parts = iter(value.values())
    elif isinstance(value, (list, tuple)):
        parts = iter(value)
    else:
        return left - _PART_BYTES
    for part in parts:
        if left < 0:
            break
        left = _weigh(part, left)
    return left
