"""Whole requests as traces keep them, so that they can be sent again."""

from __future__ import annotations

from typing import Final

from polystep.contracts.errors import InvalidValue
from polystep.contracts.limits import RUN_INPUT_BYTES_MAX
from polystep.contracts.values import JSONObject
from polystep.trace.preview import Preview
from polystep.wire import pack

_OF_CONNECTIONS: Final = frozenset(
    "host connection keep-alive content-length transfer-encoding expect upgrade te trailer accept-encoding "
    "traceparent tracestate origin referer".split()
)
"""Headers that a replay sets itself or that belong to the page that sent the request."""
_JSON: Final = ("application/json", "+json")
_KNOWN_MAX: Final = 256
"""Sets of headers whose check is remembered: most requests come from few clients."""
_KNOWN_CHARS_MAX: Final = 2048


class RequestInputs:
    """Packer of requests: method, path with query, headers without secrets, and body."""

    def __init__(self, preview: Preview) -> None:
        self._preview = preview
        self.plain = preview.plain
        """Encode what a trace shows of a request, if nothing in it is to be hidden or cut."""
        self._secrets_known = preview.secrets_known
        self._known: dict[tuple[object, ...], tuple[JSONObject, bool]] = {}
        """Headers that are kept, and whether the body is JSON, by all names and values that were given."""

    def hides(self, target: str, request: JSONObject) -> bool:
        """Report whether a request holds secrets beside its headers: it is not kept whole then."""
        return self._preview.hides([target, request.get("queryParams"), request.get("body")])

    def pack(self, method: str, target: str, request: JSONObject) -> bytes | None:
        """Pack a request; `None` for one that is too large, or whose files were on the disk for a moment only.

        Args:
            method: Its method.
            target: Its path and query, as they were sent.
            request: Request as its step gets it.
        """
        raw = request.get("rawBody")
        if not target or "files" in request or (isinstance(raw, (str, bytes)) and len(raw) > RUN_INPUT_BYTES_MAX):
            return None
        given = request.get("headers")
        headers = given if isinstance(given, dict) else {}
        key = (*headers, *headers.values())
        known = self._known.get(key)
        if known is None or self._secrets_known != self._preview.secrets_known:
            known = self._learn(headers, key)
        plain, is_json = known
        # What a handler got as a value is sent as JSON again; of all else the very text counts.
        value = request.get("body")
        if not is_json or not isinstance(value, (dict, list, int, float)):
            value = raw
        kept: JSONObject = {"method": method, "path": target, "headers": plain}
        if value is not None and value != "" and value != b"":
            kept["body"] = value
        try:
            return pack(kept)
        except InvalidValue:
            return None

    def _learn(self, headers: JSONObject, key: tuple[object, ...]) -> tuple[JSONObject, bool]:
        """Leave out headers that name or hold a secret; remember the others."""
        preview = self._preview
        names = preview.plain_names(headers.keys() - _OF_CONNECTIONS)
        plain = {name: headers[name] for name in names if preview.text(str(headers[name])) == headers[name]}
        learned = plain, _is_json(headers)
        if len(self._known) >= _KNOWN_MAX or self._secrets_known != preview.secrets_known:
            self._known.clear()
            self._secrets_known = preview.secrets_known
        if sum(len(str(each)) for each in key) <= _KNOWN_CHARS_MAX:
            self._known[key] = learned
        return learned


def _is_json(headers: JSONObject) -> bool:
    kind = headers.get("content-type")
    return isinstance(kind, str) and kind.partition(";")[0].strip().lower().endswith(_JSON)
