"""Durable calls of one attempt."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from polystep.contracts.errors import ContractBroken
from polystep.contracts.values import JSONObject
from polystep.execution import Durable, DurableOptions, WaitTools
from polystep.execution.attempts import OpenAttempt
from tests.unit.execution.parts import API, RUN
from tests.unit.execution.rooms import TRACE, Rooms


async def test_a_result_that_is_refused_is_refused_to_everyone_who_shares_its_key(rooms: Rooms) -> None:
    nothing = cast("Any", None)
    tools = WaitTools(nothing, rooms.runs, rooms.recorder, rooms.clock, nothing, nothing, nothing, nothing)
    durable = Durable(tools, DurableOptions())
    rooms.runs.open(OpenAttempt(RUN, RUN, TRACE, 1, API, buffers_emits=False))
    begin, end = durable.methods["once.begin"], durable.methods["once.end"]
    asked: JSONObject = {"run": RUN, "key": "k", "shared": True, "schema": {"type": "integer"}}
    begun = cast("dict[str, Any]", begin(asked))
    joined = cast("asyncio.Future[Any]", begin(asked))
    assert (begun["attempt"], joined.done()) == (1, False)
    with pytest.raises(ContractBroken):
        await cast("Any", end({"run": RUN, "key": "k", "value": "text"}))
    with pytest.raises(ContractBroken):
        await asyncio.wait_for(joined, 5)
