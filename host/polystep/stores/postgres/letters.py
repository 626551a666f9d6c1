"""Dead letters in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from polystep.contracts.events import DeadLetter
from polystep.contracts.names import name_bytes
from polystep.stores.postgres.calls import Ask, Plain, Statement
from polystep.stores.postgres.queue_columns import LETTER, letter_of
from polystep.stores.postgres.writes import Asked

LETTERS: Final = f"SELECT {LETTER} FROM {{schema}}.dead_letters WHERE id < $1 ORDER BY id DESC LIMIT $2"
PURGE: Final = "SELECT {schema}.purge_letters_1($1, $2, $3, $4, $5)"
_LETTER: Final = f"SELECT {LETTER} FROM {{schema}}.dead_letters WHERE id = $1"
_REPLAY: Final = "SELECT {schema}.replay_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"


class Replay(Plain):
    """Moves a dead letter back into its queue. It is read before: its FIFO key is locked first."""

    def __init__(self, asked: Asked, id: int, now_ms: int, deployment: int, forget: Sequence[str] | None) -> None:
        super().__init__(
            asked, Statement(""), lambda rows: self._moved(rows[0][0]), lambda mark, _: self._moved(mark.swapped)
        )
        self._id = id
        self._now_ms = now_ms
        self._deployment = deployment
        self._forget = forget
        self._letter: DeadLetter | None = None

    async def prepare(self, ask: Ask, place: str) -> Statement | None:
        """Read the letter."""
        rows = await ask(_LETTER, self._id)
        if not rows:
            self._asked.answer(None)
            return None
        letter = self._letter = letter_of(rows[0])
        key = None if letter.fifo_key is None else name_bytes(letter.fifo_key)
        return Statement(
            _REPLAY, (self._id, name_bytes(letter.step), key, self._now_ms, self._deployment, *self._forgotten())
        )

    def _forgotten(self) -> tuple[bool, list[bytes]]:
        return self._forget is None, [name_bytes(key) for key in self._forget or ()]

    def _moved(self, done: Sequence[int]) -> DeadLetter | None:
        return self._letter if done else None
