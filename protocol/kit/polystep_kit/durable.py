"""Durable calls of the reference runner (PS-8.15 to PS-8.18)."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from polystep_kit.faults import Faults
from polystep_kit.natives import carry


class Caller(Protocol):
    """Port that a `once` needs of its runner."""

    faults: Faults

    def call(self, method: str, params: dict[str, Any]) -> asyncio.Future[Any]:
        """Ask the host."""
        ...


class KeptError(Exception):
    """An error that the host has kept, or that a key has."""

    def __init__(self, kept: dict[str, Any]) -> None:
        super().__init__(kept["message"])
        self.name, self.code, self.data = kept["name"], kept.get("code", 21), kept.get("data", {})
        self.retryable = kept.get("retryable", True)


async def once(runner: Caller, run: str, op: dict[str, Any], seen: list[Any]) -> Any:
    """Play the operation `once`; each call of its function is noted in `seen`."""
    key, flag = op["key"], runner.faults.flag
    if not isinstance(key, str):
        if flag == "takes_any_key":
            return None
        raise KeptError({"name": "invalid_params", "message": "a key is a text", "code": 3, "retryable": False})
    begun = await runner.call("once.begin", {"run": run, "key": key, **op.get("options", {})})
    if "error" in begun and flag != "takes_errors":
        raise KeptError(begun["error"])
    if "go" not in begun:
        if flag == "calls_anyhow":
            seen.append(f"called {key}")
        return begun.get("value")
    return await _run(runner, run, op, seen)


async def _run(runner: Caller, run: str, op: dict[str, Any], seen: list[Any]) -> Any:
    """Call the function, again when the host asks for it, and send how it ended."""
    key, flag = op["key"], runner.faults.flag
    calls = 0
    while True:
        calls += 1
        seen.append(f"called {key}")
        try:
            if "sleeps" in op:
                wait = {"run": run, "key": "inner", "kind": "sleep", "duration": op["sleeps"], "within": key}
                await runner.call("wait", wait)
            if "inner" in op:
                inner = {"key": "inner", "value": None, "options": {**op["inner"], "within": key}}
                await once(runner, run, inner, [])
            if "raises" in op and calls <= op.get("times", calls):
                raise ValueError(op["raises"])  # noqa: TRY301 - as a function of user code would
        except Exception as error:
            again = await runner.call("once.end", {"run": run, "key": key, "error": _described(error)})
            if again is None or flag == "gives_up":
                raise
            await asyncio.sleep(again["again_ms"] / 1000)
            continue
        value = carry(op["value"], "value")
        await runner.call("once.end", {"run": run, "key": key, "value": value})
        return value


def _described(error: Exception) -> dict[str, Any]:
    name = getattr(error, "name", type(error).__name__)
    described = {"name": name, "message": str(error), "retryable": getattr(error, "retryable", True)}
    return {**described, **({"code": error.code} if hasattr(error, "code") else {})}
