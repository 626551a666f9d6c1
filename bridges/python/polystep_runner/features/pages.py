"""Groups that may be larger than a message: read page by page, or one page at a time (PS-8.12, PS-8.13)."""

from collections.abc import Mapping
from typing import Any, Final

from polystep_runner.attempt import Attempt, Call
from polystep_runner.channel import Finish
from polystep_runner.codec import plain_name
from polystep_runner.errors import PolystepError

_NAMES: Final = {"cursor": "cursor", "limit": "limit", "keys_only": "keys_only", "keysOnly": "keys_only"}


class Groups:
    """Groups of the state and of streams, read whole or in parts."""

    _attempt: Attempt
    _scope: dict[str, str]

    def get_group(self, group: object, page: Mapping[str, Any] | None = None, **named: Any) -> Call:
        """Read all values of a group; with `cursor`, `limit` or `keys_only`, a part of it as `{"items", "cursor"}`."""
        given = {**(page or {}), **named}
        if unknown := [name for name in given if name not in _NAMES]:
            raise TypeError(f"get_group() takes group, cursor, limit and keys_only, not {unknown[0]}")
        attempt, room = self._attempt, "streams" if self._scope else "state"
        where = {**self._scope, "group": group}
        is_whole = page is None and not named
        if "pages" not in attempt.features:
            if not is_whole:
                raise PolystepError("invalid_params", "This host reads groups as a whole: call get_group(group) alone.")
            return attempt.call(f"{room}.get_group", where)
        if is_whole:
            method, first = f"{room}.page", {**where, "only": "values"}
            return attempt.call(method, first, lambda end: _Whole(attempt, method, first, end).take)
        asked = {_NAMES[name]: value for name, value in given.items() if value is not None}
        keys_only = {"only": "keys"} if asked.pop("keys_only", False) else {}
        return attempt.call(f"{room}.page", {**where, **asked, **keys_only}, _with_cursor)

    getGroup = get_group


def _with_cursor(end: Finish) -> Finish:
    """Give user code the cursor None at the end of the group, where the wire has none."""
    return lambda error, page: end(error, page if error else {"cursor": None, **_page(page)})


def _page(answer: object) -> dict[str, Any]:
    return answer if isinstance(answer, dict) else {"items": []}


class _Whole:
    """Reader that asks for pages until there are no more, then ends the call with all items."""

    def __init__(self, attempt: Attempt, method: str, first: Mapping[str, Any], end: Finish) -> None:
        self._attempt, self._method, self._first, self._end = attempt, method, first, end
        self._items: list[Any] = []

    def take(self, error: PolystepError | None, answer: object) -> None:
        """Take the answer to the last request."""
        page = _page(answer)
        self._items += page.get("items", ())
        if error is None and "cursor" in page:
            # The first request was sent with this group, so it is one.
            group = plain_name(self._first["group"], "group")
            try:
                more = {**self._first, "run": self._attempt.id, "group": group, "cursor": page["cursor"]}
                self._attempt.channel.request(self._method, more, self.take)
                return
            except PolystepError as unsent:
                error = unsent
        self._end(error, self._items)
