"""Ids of events in memory, with which the scripted host stores an event with an id once (PS-8.25)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from polystep_kit.host_store import Refused

_DURATION: Final = re.compile(r"\d+(ms|s|m|h|d|w)")
_LATEST_YEAR: Final = 2098
"""No event of a check is due later, but for the one that is too late."""


class HostIds:
    """Ids that events have, and whether these wait."""

    def __init__(self) -> None:
        self._waits: dict[str, bool] = {}

    def stores(self, params: dict[str, Any], flag: str) -> bool:
        """Report whether an event is to be started now.

        Raises:
            Refused: Its id or its time is none.
        """
        id, delay, at = params.get("id"), params.get("delay"), params.get("at")
        if (delay is not None and not _DURATION.fullmatch(delay)) or (at is not None and not _is_time(at)):
            raise Refused("invalid_params", "The event has no such time.")
        is_later = delay is not None or at is not None
        if id is None:
            if params.get("replace"):
                raise Refused("invalid_params", "Only an event with an id can replace another.")
            return not is_later
        if id in self._waits and not (params.get("replace") and self._waits[id]) and flag != "forgets_ids":
            return False
        self._waits[id] = is_later
        return not is_later

    def cancel(self, id: str, flag: str) -> bool:
        """Forget an event that waits; tells whether there was one."""
        if flag == "cancels_no_event" or not self._waits.get(id):
            return False
        del self._waits[id]
        return True


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).year <= _LATEST_YEAR
    except ValueError:
        return False
