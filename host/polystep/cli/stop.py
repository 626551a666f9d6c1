"""`polystep stop`: end the host of a project in order, and wait until it has."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from polystep.app import ProjectFolder
from polystep.cli.options import ProjectOption, fail
from polystep.contracts.limits import STOP_GRACE_S

_LOOK_EVERY_S: Final = 0.05
_WAIT_S_DEFAULT: Final = STOP_GRACE_S * 2 + 10


def stop(
    project: ProjectOption = Path(),
    now: Annotated[bool, typer.Option("--now", help="Do not wait for handlers that are at work.")] = False,
    wait_s: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for its end.")] = _WAIT_S_DEFAULT,
) -> None:
    """Stop the host that runs a project, and wait until it has ended; handlers get ten seconds.

    What is not finished goes on at the next start, as after Ctrl-C. Ends with status 0 when nothing runs, and with 1
    when the host is still there after the wait.
    """
    root = project.resolve()
    folder = ProjectFolder(root)
    if not folder.is_taken():
        typer.echo(f"No polystep runs {root}, so there is nothing to stop.")
        return
    running = folder.running()
    if running is None:
        fail(f"A polystep has just begun to start in {root}. Try again in a moment.")
    typer.echo(f"Stopping {running.url} (process {running.pid})…")
    try:
        os.kill(running.pid, signal.SIGTERM)
        if now:
            # Another signal than the first, since two of one kind may arrive as one; the second ends at once.
            os.kill(running.pid, signal.SIGINT)
    except ProcessLookupError:
        fail(f"There is no process {running.pid} here. Stop it on the machine, or in the container, where it runs.")
    except PermissionError:
        fail(f"Process {running.pid} belongs to another user, who can stop it.")
    if not _ended(folder, wait_s):
        fail(f"Process {running.pid} is still there after {wait_s:g} s. To end it at once: polystep stop --now")
    typer.echo("Stopped. Work that was not finished goes on at the next start.")


def _ended(folder: ProjectFolder, wait_s: float) -> bool:
    until_s = time.monotonic() + wait_s
    while folder.is_taken():
        if time.monotonic() >= until_s:
            return False
        time.sleep(_LOOK_EVERY_S)
    return True
