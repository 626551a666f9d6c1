"""`polystep logs --follow`: log lines as they come, by the live feed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Final

import typer

from polystep.cli.asking import ask, running_host
from polystep.cli.options import fail
from polystep.cli.printing import show
from polystep.cli.tables import log_line
from polystep.contracts.errors import PolystepError
from polystep.operations.schemas import AnyOperation

_PAGE: Final = 1000


def follow_logs(project: Path, operation: AnyOperation, given: dict[str, Any], as_json: bool) -> None:
    """Print the last log lines, then those that come; with `as_json` one object a line."""
    try:
        asyncio.run(_follow(project, operation, given, as_json=as_json))
    except PolystepError as error:
        fail(error.message)
    except KeyboardInterrupt:
        raise typer.Exit from None


async def _follow(project: Path, operation: AnyOperation, given: dict[str, Any], *, as_json: bool) -> None:
    from polystep.http import follow_live  # aiohttp takes a tenth of a second, which no other verb should wait for

    running = running_host(project)
    last: int | None = None
    # The feed says that there are lines; which ones is asked for, so that filters are those of the list.
    async for _ in follow_live(running.url, running.token, ["logs"]):
        if last is None:
            newest = (await _ask(project, operation, {"limit": 1}))["logs"]
            lines = (await _ask(project, operation, given))["logs"]
            last = max((each["id"] for each in (*lines, *newest)), default=0)
            _print(reversed(lines), as_json=as_json)
            continue
        while lines := (await _ask(project, operation, {**given, "limit": _PAGE, "after": last}))["logs"]:
            last = lines[-1]["id"]
            _print(lines, as_json=as_json)
            if len(lines) < _PAGE:
                break


async def _ask(project: Path, operation: AnyOperation, given: dict[str, Any]) -> Any:
    return await asyncio.to_thread(ask, project, operation, given)


def _print(lines: Any, *, as_json: bool) -> None:
    for each in lines:
        if as_json:
            typer.echo(json.dumps(each))
        else:
            show(log_line(each))
