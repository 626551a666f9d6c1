"""Options of an emit: what is read of them, and the errors of what cannot be."""

from __future__ import annotations

import pytest

from polystep.contracts.errors import InvalidParams
from polystep.contracts.events import EventKey
from polystep.contracts.values import JSONObject
from polystep.execution.emit_options import ID_TTL_MS, EmitOptions, event_id, read_options

NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({}, EmitOptions()),
        ({"replace": False}, EmitOptions()),
        ({"id": "order-1"}, EmitOptions(EventKey("order-1", ID_TTL_MS, False))),
        ({"id": "i", "id_ttl": "1h", "replace": True}, EmitOptions(EventKey("i", 3_600_000, True))),
        ({"delay": "15m"}, EmitOptions(None, NOW_MS + 900_000)),
        ({"at": "2026-01-01T01:00:00Z"}, EmitOptions(None, NOW_MS + 3_600_000)),
        ({"at": "2026-01-01T02:00:00+02:00"}, EmitOptions(None, NOW_MS)),
        ({"at": "2026-01-01T00:00:01"}, EmitOptions(None, NOW_MS + 1000)),
    ],
)
def test_an_id_and_a_time_are_read(given: JSONObject, options: EmitOptions) -> None:
    assert read_options(given, NOW_MS) == options


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"replace": "yes"}, "`replace` of emit is true or false; it is 'yes'."),
        ({"replace": True}, "`replace` and `idTtl` are for an event with an id"),
        ({"id_ttl": "1h"}, "`replace` and `idTtl` are for an event with an id"),
        ({"id": ""}, "The id of an event is a text of 1 to 256 characters; it is ''."),
        ({"id": 7}, "The id of an event is a text of 1 to 256 characters; it is '7'."),
        ({"delay": "1m", "at": "2026-01-01"}, "Give an event a `delay` or the time `at` which it is due, not both."),
        ({"at": "tomorrow"}, "`at` of emit is a time such as '2026-12-24T18:00:00Z'; it is 'tomorrow'."),
        ({"at": 5}, "`at` of emit is a time such as '2026-12-24T18:00:00Z'; it is 5."),
        ({"at": "2028-01-01T00:00:00Z"}, "an event can be due at most 400 days from now."),
    ],
)
def test_what_is_no_option_is_named(given: JSONObject, message: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        read_options(given, NOW_MS)
    assert message in refused.value.message


def test_an_id_of_256_characters_is_the_longest() -> None:
    assert event_id("x" * 256) == "x" * 256
    with pytest.raises(InvalidParams):
        event_id("x" * 257)
