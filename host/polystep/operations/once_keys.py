"""Operations on the keys of the project: functions of `once` that run once over all runs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from polystep.contracts.operations import OperationRefused
from polystep.operations.operation import Listed, Operation, Params, Part, Result
from polystep.operations.rooms import Rooms


class OnceKeyRow(Result):
    """Key of the project, with the run that has called its function last."""

    key: str
    status: Literal["running", "kept", "free"] = Field(
        description="`free`: the function has failed or was cut short, and the next run that asks calls it."
    )
    step: str
    run_id: str
    trace_id: str
    begun_at: int = Field(description="Last call of the function, Unix milliseconds.")
    kept_at: int | None = Field(description="Unix milliseconds; null while there is no result.")
    until: int = Field(description="The result is forgotten then, Unix milliseconds.")
    bytes: int = Field(description="Size of the result.")
    waiting: int = Field(description="Runs that wait for the key.")


class OnceKeyList(Part):
    """Keys in the order of their characters."""

    keys: list[OnceKeyRow]


class OnceKeysParams(Listed):
    """Choose keys."""

    prefix: str = Field("", description="Only keys that begin so.")


class ForgetOnceParams(Params):
    """Choose a key of the project."""

    key: str


class ForgottenKey(Result):
    """Key that the project has forgotten."""

    key: str


async def once_keys(rooms: Rooms, params: OnceKeysParams) -> OnceKeyList:
    """List the keys of `once` that are the project's (`scope: 'project'`)."""
    found = await rooms.work.bus.once_keys.listed(params.limit + 1, params.cursor or "", params.prefix)
    shown = found[: params.limit]
    rows = [
        OnceKeyRow(
            key=each.key,
            status=each.status,
            step=each.step,
            run_id=each.run_id,
            trace_id=each.trace_id,
            begun_at=each.begun_at_ms,
            kept_at=each.kept_at_ms,
            until=each.until_ms,
            bytes=each.size,
            waiting=each.waiting,
        )
        for each in shown
    ]
    return OnceKeyList(keys=rows, cursor=shown[-1].key if len(found) > len(shown) else None)


async def forget_once(rooms: Rooms, params: ForgetOnceParams) -> ForgottenKey | None:
    """Forget a key of the project with its result: the next run that asks calls its function again."""
    outcome = await rooms.work.bus.once_keys.forget(params.key)
    if outcome == "running":
        raise OperationRefused(
            409,
            "The function of the key runs",
            f"once-keys --prefix {params.key[:80]!r} names its run: wait for it, or cancel the run.",
        )
    return None if outcome is None else ForgottenKey(key=params.key)


OPERATIONS = (
    Operation("once_keys", "GET once-keys", OnceKeysParams, OnceKeyList, "reads", once_keys),
    Operation("forget_once", "DELETE once-keys/{key}", ForgetOnceParams, ForgottenKey, "changes", forget_once),
)
