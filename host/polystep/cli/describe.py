"""`polystep openapi` and `polystep asyncapi`: load a project once, print what it offers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from polystep.app import describe_asyncapi, describe_openapi, load_flow, read_settings
from polystep.cli.options import ProjectOption, complain, fail, folder_of
from polystep.cli.printing import show_progress
from polystep.contracts.errors import PolystepError
from polystep.contracts.steps import Flow
from polystep.contracts.values import JSONObject

OutOption = Annotated[Path | None, typer.Option("--out", help="Write to this file instead of the terminal.")]

_AS_TEXT: Final = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command()(openapi)
    app.command()(asyncapi)


def openapi(project: ProjectOption = Path(), out: OutOption = None) -> None:
    """Print the OpenAPI 3.1 document of a project's routes."""
    _describe(folder_of(project), out, describe_openapi)


def asyncapi(project: ProjectOption = Path(), out: OutOption = None) -> None:
    """Print the AsyncAPI 3 document of a project's topics and streams."""
    _describe(folder_of(project), out, describe_asyncapi)


def _describe(project: Path, out: Path | None, describe: Callable[[Path, Flow], JSONObject]) -> None:
    try:
        flow = asyncio.run(load_flow(project, read_settings(project, os.environ), dict(os.environ), show_progress))
        # Bytes are no JSON, and a schema of a Python step may hold some, as a default.
        _write(orjson.dumps(describe(project, flow), default=str, option=_AS_TEXT), out)
    except PolystepError as error:
        fail(error.message)
    except OSError as error:
        fail(f"{out} cannot be written: {error.strerror}. Name another file with --out.")
    for failure in flow.failures:
        complain(f"{failure.source.path} is not in the document:\n{failure.message}")
    if flow.failures:
        raise typer.Exit(1)


def _write(text: bytes, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_bytes(text)
