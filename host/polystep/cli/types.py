"""`polystep generate-types`: write the declarations of a project, or check that they are up to date."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from polystep.app import generate_types, read_settings
from polystep.cli.printing import show
from polystep.contracts.errors import PolystepError


def generate_types_command(
    project: Annotated[Path, typer.Option("--project", help="The project's folder.", show_default=True)] = Path(),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; end with status 1 if a file is out of date.")
    ] = False,
) -> None:
    """Write types.d.ts and polystep_types.py: what TypeScript and Python steps are type-checked with.

    `polystep dev` does the same at every change. Ends with status 1 when a step does not load; what the others
    declare is written all the same.
    """
    root = project.resolve()
    if not root.is_dir():
        _fail(f"{root} is not a folder. Name the project with --project.")
        raise typer.Exit(1)
    try:
        done = asyncio.run(generate_types(root, read_settings(root), dict(os.environ), _progress, check=check))
    except PolystepError as error:
        _fail(error.message)
        raise typer.Exit(1) from error
    for failure in done.flow.failures:
        _fail(f"{failure.source.path}\n{failure.message}")
    for name in done.files:
        state = "up to date" if name not in done.outdated else "out of date" if check else "written"
        typer.echo(f"{name} {state}")
    if not done.files:
        typer.echo(f"No steps were found in {root}, so there are no types to write.")
    if check and done.outdated:
        _fail("Run `polystep generate-types` and commit what it writes.")
    if done.flow.failures or (check and done.outdated):
        raise typer.Exit(1)


def _progress(line: str) -> None:
    show(line, err=True)


def _fail(message: str) -> None:
    show(f"✖ {message}", colour="red", err=True)
