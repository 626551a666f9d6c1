"""Events: `emit`, with an id that counts once and a time at which they are due, and `emit.cancel` (PS-8.3, PS-8.25)."""

from collections.abc import Mapping
from typing import Any, Final

from polystep_runner.attempt import Attempt, Call
from polystep_runner.errors import PolystepError

_OPTIONS: Final = {
    "id": "id", "id_ttl": "id_ttl", "idTtl": "id_ttl", "replace": "replace", "delay": "delay", "at": "at",
}  # fmt: skip


class Emit:
    """The `emit` of a context."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def __call__(self, event: Mapping[str, Any] | None = None, /, **fields: Any) -> Call:
        """Emit `{"topic", "data", "messageGroupId"?}`, or the same as keywords. Starts at once, awaited or not."""
        given = {**(event or {}), **fields}
        # `type` was the topic's name before Motia 0.1.
        params = {"topic": given.get("topic", given.get("type")), "data": given.get("data")}
        group = given.get("messageGroupId", given.get("message_group_id"))
        if group is not None:
            params["message_group_id"] = group
        options = {_OPTIONS[name]: given[name] for name in given.keys() & _OPTIONS.keys() if given[name] is not None}
        if options:
            self._require_options()
        return self._attempt.call("emit", params | options)

    def cancel(self, topic: str, id: str) -> Call:
        """Remove the event with this id unless it has started; gives whether one was removed."""
        self._require_options()
        return self._attempt.call("emit.cancel", {"topic": topic, "id": id})

    def _require_options(self) -> None:
        # A host that does not know ids would send the event twice without a word.
        if "emit.options" not in self._attempt.features:
            raise PolystepError("invalid_params", "This host knows no ids and times of events: update it.")
