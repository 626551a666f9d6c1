"""Calls to the host that runs a project.

The host is found through the project's `.polystep/` folder, and the per-start token is read from there.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from polystep.app import ProjectFolder, RunningHost
from polystep.cli.options import NOT_RUNNING, fail
from polystep.cli.printing import plain
from polystep.cli.tables import trace_line
from polystep.operations import Operation

TIMEOUT_S: Final = 10.0

Given = Mapping[str, Any]
Ask = Callable[[Operation[Any, Any], Given], Any]


def ask(project: Path, operation: Operation[Any, Any], given: Given, timeout_s: float = TIMEOUT_S) -> Any:
    """Call an operation of the running project; returns its result.

    Args:
        project: The project's folder, as the user named it.
        operation: What to call.
        given: Its parameters, by their names in JSON; those that are `None` are left out.
        timeout_s: How long its result may take.

    Raises:
        typer.Exit: No host runs, or it refused.
    """
    running = running_host(project)
    path = "/".join(_quoted(str(given[part[1:-1]])) if part.startswith("{") else part
                    for part in operation.path.split("/"))  # fmt: skip
    left = {name: value for name, value in given.items() if value is not None and name not in operation.in_path}
    body = None
    if left and operation.method == "GET":
        path += "?" + urllib.parse.urlencode({name: _text(value) for name, value in left.items()})
    elif left:
        body = json.dumps(left).encode()
    request = urllib.request.Request(
        f"{running.url}/__polystep/api/{path}",
        method=operation.method,
        data=body,
        headers={"Authorization": f"Bearer {running.token}", "Content-Type": "application/json"},
    )
    # The host is on this machine, and its token is nobody else's: no proxy of the environment is used.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout_s) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        fail(_refusal(error))
    except (OSError, http.client.HTTPException, ValueError) as error:
        fail(f"{running.url} does not answer: {error}. Start it: polystep dev --project {project}", NOT_RUNNING)


def running_host(project: Path) -> RunningHost:
    """Return the address and the token of the host that runs a project.

    Raises:
        typer.Exit: None runs it.
    """
    running = ProjectFolder(project.resolve()).running()
    if running is None:
        fail(f"No polystep runs {project.resolve()}. Start it: polystep dev --project {project}", NOT_RUNNING)
    return running


def _refusal(error: urllib.error.HTTPError) -> str:
    try:
        answer = json.load(error)
        choices = [f"\n  {plain(trace_line(each), err=True)}" for each in answer.get("traces", [])]
        return plain(f"{answer['error']}. {answer.get('hint', '')}".strip(), err=True) + "".join(choices)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"The host answered {error.code} {error.reason}."


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
