"""Changes of one value of the state, all or none, with no other write in between (PS-8.24)."""

from collections.abc import Mapping, Sequence
from typing import Any

from polystep_runner.attempt import Attempt, Call
from polystep_runner.errors import PolystepError


class Updates:
    """The call `update` of the state."""

    _attempt: Attempt

    def update(self, group: object, key: object, ops: Sequence[Mapping[str, Any]]) -> Call:
        """Make the changes; gives the new value, None where there is none any more."""
        if "update" not in self._attempt.features:
            raise PolystepError("invalid_params", "This host has no state.update: update the host.")
        return self._attempt.call("state.update", {"group": group, "key": key, "ops": ops})
