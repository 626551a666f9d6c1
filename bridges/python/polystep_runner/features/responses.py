"""Responses whose body comes item by item: generators, asynchronous or not, and other iterators (PS-8.11)."""

from collections.abc import AsyncIterable, Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, TypeGuard

from polystep_runner.attempt import Attempt

_END: Final = object()
InThread = Callable[..., Awaitable[Any]]
"""`in_thread(function, *args)`: calls plain code where it does not hold other runs."""


def is_streamed(answer: Any) -> TypeGuard[Mapping[str, Any]]:
    """Report whether the body of an `api` handler's response must be asked for its items."""
    return isinstance(answer, Mapping) and isinstance(answer.get("body"), AsyncIterable | Iterator)


async def stream(attempt: Attempt, answer: Mapping[str, Any], in_thread: InThread) -> None:
    """Send the response, each item when the host has taken the one before; closes the generator whatever happens."""
    items = answer["body"]
    try:
        start = {name: answer[name] for name in ("status", "headers") if name in answer}
        await attempt.call("response.start", start)
        if isinstance(items, AsyncIterable):
            async for item in items:
                await attempt.call("response.write", {"data": item})
        else:
            while (item := await in_thread(next, items, _END)) is not _END:
                await attempt.call("response.write", {"data": item})
    finally:
        if hasattr(items, "aclose"):
            await items.aclose()
        elif hasattr(items, "close"):
            await in_thread(items.close)
