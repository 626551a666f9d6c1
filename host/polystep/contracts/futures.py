"""Futures that follow others without a task: a task costs several times as much as a callback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")


def then(done: asyncio.Future[T], follow: Callable[[T], U]) -> asyncio.Future[U]:
    """Return the future result of `follow`, called with the result of `done`.

    It is called also when nobody waits for the result any more: what is done must not go unnoticed.
    """
    followed: asyncio.Future[U] = done.get_loop().create_future()

    def finish(done: asyncio.Future[T]) -> None:
        if done.cancelled():
            followed.cancel()
            return
        error = done.exception()
        if error is None:
            try:
                result = follow(done.result())
            except Exception as failure:  # noqa: BLE001 - whoever waits gets it
                error = failure
        if followed.done():
            return
        if error is not None:
            followed.set_exception(error)
        else:
            followed.set_result(result)

    done.add_done_callback(finish)
    return followed


def ready(value: T) -> asyncio.Future[T]:
    """Return a future of what is known already."""
    known: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    known.set_result(value)
    return known
