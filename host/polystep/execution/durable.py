"""Durable calls of handlers: the methods of the wire, and the start and stop of what is behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from polystep.contracts.values import JSONObject
from polystep.execution.ask_answers import AskAnswers
from polystep.execution.asks import Asks
from polystep.execution.held import HeldHandlers
from polystep.execution.journal import DurableOptions
from polystep.execution.once import Once
from polystep.execution.wait_calls import WaitTools
from polystep.execution.waits import Waits


class Durable:
    """Answers durable calls, and ends the legs of handlers that wait."""

    def __init__(self, tools: WaitTools, options: DurableOptions) -> None:
        self._held = HeldHandlers(tools.bus, tools.attempts, tools.clock, options)
        self._once = Once(tools.bus, tools.attempts, tools.recorder, tools.clock, self._held, options)
        self.asks = Asks(tools.asks, tools.bus, self._held, tools.links)
        self._answers = AskAnswers(self.asks, tools.attempts, tools.recorder)
        self._waits = Waits(tools, self._held, options, self.asks)
        self.start, self.stop = self._held.start, self._held.stop
        self.begin_stop, self.retire, self.let_units_end = (
            self._held.begin_stop,
            self._held.retire,
            self._held.let_units_end,
        )

    @property
    def methods(self) -> Mapping[str, Callable[[JSONObject], object]]:
        """Methods, by the name of their request."""
        return {
            "once.begin": self._once.begin,
            "once.end": self._once.end,
            "wait": self._waits.wait,
            "ask.answer": self._answers.answer,
        }
