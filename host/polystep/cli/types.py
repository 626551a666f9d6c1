"""`polystep generate-types`: write the declarations of a project, or check that they are up to date."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from polystep.app import generate_types, read_settings
from polystep.cli.options import ProjectOption, complain, fail, folder_of
from polystep.cli.printing import show_progress
from polystep.contracts.errors import PolystepError


def generate_types_command(
    project: ProjectOption = Path(),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; end with status 1 if a file is out of date.")
    ] = False,
) -> None:
    """Write types.d.ts and polystep_types.py: what TypeScript and Python steps are type-checked with.

    `polystep dev` does the same at every change. Ends with status 1 when a step does not load; what the others
    declare is written all the same.
    """
    root = folder_of(project)
    try:
        done = asyncio.run(
            generate_types(root, read_settings(root, os.environ), dict(os.environ), show_progress, check=check)
        )
    except PolystepError as error:
        fail(error.message)
    for failure in done.flow.failures:
        complain(f"{failure.source.path}\n{failure.message}")
    for name in done.files:
        state = "up to date" if name not in done.outdated else "out of date" if check else "written"
        typer.echo(f"{name} {state}")
    if not done.files:
        typer.echo(f"No steps were found in {root}, so there are no types to write.")
    if check and done.outdated:
        complain("Run `polystep generate-types` and commit what it writes.")
    if done.flow.failures or (check and done.outdated):
        raise typer.Exit(1)
