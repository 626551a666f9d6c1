"""Log lines as a file: one JSON object a line, read page by page and sent as the client takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import orjson
from aiohttp import web

from polystep.contracts.limits import LOG_DOWNLOAD_BYTES_MAX, LOG_DOWNLOAD_LINES_MAX
from polystep.contracts.operations import OperationRefused
from polystep.contracts.ports.admin import Admin
from polystep.contracts.values import JSONObject, JSONValue
from polystep.http.refusals import RequestRefused
from polystep.http.static_files import SECURITY_HEADERS

PATH: Final = "api/logs.ndjson"

_PAGE: Final = 1000
_HEADERS: Final = {
    "Content-Type": "application/x-ndjson",
    "Content-Disposition": 'attachment; filename="polystep-logs.ndjson"',
    "Cache-Control": "no-store",
    "Server": "polystep",
    **SECURITY_HEADERS,
}


class LogDownload:
    """Sends the lines that the parameters of the operation `logs` choose, oldest first, up to the newest of now."""

    def __init__(
        self, admin: Admin, lines_max: int = LOG_DOWNLOAD_LINES_MAX, bytes_max: int = LOG_DOWNLOAD_BYTES_MAX
    ) -> None:
        self._logs = next(each for each in admin.operations if each.name == "logs")
        self._lines_max = lines_max
        self._bytes_max = bytes_max

    async def serve(self, request: web.BaseRequest, given: JSONObject) -> web.StreamResponse:
        """Answer one request.

        Raises:
            RequestRefused: The parameters are wrong; nothing has been sent then.
        """
        chosen = {name: value for name, value in given.items() if name not in ("limit", "cursor", "after")}
        newest = await self._read({**chosen, "limit": 1})
        last = newest[0]["id"] if newest else 0
        answer = web.StreamResponse(headers=_HEADERS)
        await answer.prepare(request)
        after, lines, size = 0, 0, 0
        while after < last:
            page = [each for each in await self._read({**chosen, "limit": _PAGE, "after": after}) if each["id"] <= last]
            if not page:
                break
            after = page[-1]["id"]
            if lines + len(page) > self._lines_max or size > self._bytes_max:
                await answer.write(orjson.dumps({"cut": True, "lines": lines, "hint": "Narrow the filter."}) + b"\n")
                break
            data = b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in page)
            lines, size = lines + len(page), size + len(data)
            await answer.write(data)
        await answer.write_eof()
        return answer

    async def _read(self, given: Mapping[str, JSONValue]) -> list[dict[str, Any]]:
        try:
            result = await self._logs.call(given)
        except OperationRefused as refused:
            raise RequestRefused(refused.status, refused.body) from refused
        return cast("list[dict[str, Any]]", (result or {}).get("logs", []))
