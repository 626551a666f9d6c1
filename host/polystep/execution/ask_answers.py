"""Answers that handlers give to asks, of other runs or of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from polystep.contracts.errors import AskAnswered, AskClosed, AskNotFound, ContractBroken, InvalidParams, PolystepError
from polystep.contracts.operations import OperationRefused
from polystep.contracts.values import JSONObject
from polystep.execution.asks import Asks
from polystep.execution.attempts import OpenAttempts
from polystep.trace import TraceRecorder

_ERRORS: Final[Mapping[int, type[PolystepError]]] = {
    400: ContractBroken,
    404: AskNotFound,
    409: AskAnswered,
    410: AskClosed,
}
"""By the status with which the same answer is refused over HTTP."""


class AskAnswers:
    """Takes `ask.answer` of runs; the step is named as the one who has answered."""

    def __init__(self, asks: Asks, attempts: OpenAttempts, recorder: TraceRecorder) -> None:
        self._asks = asks
        self._attempts = attempts
        self._recorder = recorder

    async def answer(self, params: JSONObject) -> None:
        """Store an answer; it takes effect at once.

        Raises:
            InvalidParams: There is no id.
            ContractBroken: The value breaks the schema of the ask, which stays open.
            AskNotFound: There is no such ask.
            AskAnswered: It has another answer.
            AskClosed: Its time is over, or it was cancelled.
        """
        began_s = self._recorder.now_s()
        attempt, id_ = self._attempts.get(params.get("run")), params.get("id")
        if not isinstance(id_, str) or not id_:
            raise InvalidParams(f"answer(askId, value) takes the id of an ask, a text; it was given {id_!r:.100}.")
        traced: JSONObject = {"operation": "answer", "askId": id_}
        error: PolystepError | None = None
        try:
            closed = await self._asks.answer(id_, params.get("value"), attempt.step.name)
        except OperationRefused as refused:
            error = _ERRORS.get(refused.status, PolystepError)(f"answer({id_}): {refused}", _details(refused))
            raise error from refused
        else:
            traced |= {"key": closed.key, "step": closed.step}
            if not closed.is_sensitive:
                traced["value"] = params.get("value")
        finally:
            self._recorder.context_call(attempt, "answer", traced, began_s, error)


def _details(refused: OperationRefused) -> JSONObject:
    """Return what a refusal tells beside its words."""
    return {name: value for name, value in refused.body.items() if name not in ("error", "hint")}
