"""Features (PS-5.5) of the reference runner: streams, checks and rules of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from polystep_kit.natives import NATIVES, carry

FEATURES: Final = (
    "access",
    "contracts",
    "durable",
    "emit.options",
    "heartbeat",
    "integers",
    "middleware",
    "pages",
    "response.stream",
    "update",
)
"""All of this version of the protocol."""


class Sender(Protocol):
    """Port that streaming needs of a runner."""

    def call(self, method: str, params: dict[str, Any]) -> asyncio.Future[Any]:
        """Ask the host."""
        ...

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Tell the host."""
        ...


@dataclass(frozen=True, slots=True)
class Streamed:
    """A value whose body comes item by item; `op` is the operation `stream` of the script."""

    op: Mapping[str, Any]

    async def send(self, runner: Sender, run: str, flag: str) -> None:
        """Send the response (PS-8.11); `flag` is what the runner does wrong."""
        start = {name: self.op[name] for name in ("status", "headers") if name in self.op}
        await runner.call("response.start", {"run": run, **start})
        try:
            natives = [NATIVES[self.op["native"]]] if "native" in self.op else []
            for item in [*self.op["items"], *natives]:
                written = runner.call("response.write", {"run": run, "data": carry(item, "data")})
                if flag != "hurries":
                    await written
            if "raises" in self.op:
                raise ValueError(self.op["raises"])
        finally:
            if "says" in self.op and flag != "leaves_open":
                line = {"level": "info", "message": self.op["says"], "time_ms": 1_700_000_000_000, "source": "output"}
                runner.notify("log", {"run": run, **line})


def trimmed(names: list[str], body: Any) -> tuple[Any, list[dict[str, Any]]]:
    """Check by the reference runner's own kind of schema, texts that are trimmed: `(value, issues)` (PS-7.11)."""
    texts = body if isinstance(body, dict) else {}
    wrong = [name for name in names if not isinstance(texts.get(name), str)]
    if wrong:
        return body, [{"path": [name], "message": "must be a text", "code": "type"} for name in wrong]
    return {name: value.strip() if name in names else value for name, value in texts.items()}, []


async def read_group(runner: Sender, method: str, params: dict[str, Any], flag: str) -> Any:
    """Read a whole group (PS-8.13), or one page, in which a cursor that is not there is nil (PS-8.12)."""
    room, _, verb = method.partition(".")
    if verb == "page":
        return {"cursor": None, **await runner.call(method, params)}
    items: list[Any] = []
    page = {"cursor": ""}
    while "cursor" in page:
        after = {"cursor": page["cursor"]} if page["cursor"] else {}
        page = await runner.call(f"{room}.page", {**params, "only": "values", **after})
        items += page["items"]
        if flag == "forgets_pages":
            break
    return items


def ask_rule(told: Mapping[str, Any], params: Mapping[str, Any]) -> Any:
    """Ask the rule of the conformance files `access` and `guarded` (PS-6.6)."""
    given = params["input"]
    if told["rule"] == "authenticate":
        user = given["headers"]["authorization"].removeprefix("Bearer ")
        if user == "broken":
            raise ValueError("broken on purpose")
        return None if user == "nobody" else {"user": user, "url": given["url"]}
    group, context = given["subscription"]["groupId"], given["context"]
    if group == "broken":
        raise ValueError("broken on purpose")
    return context is None if group == "open" else group == context["user"]
