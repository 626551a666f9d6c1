"""Options and failures that the verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from polystep.cli.printing import plain, show

ProjectOption = Annotated[Path, typer.Option("--project", help="The project's folder.", show_default=True)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def complain(message: str) -> None:
    """Print what went wrong, beside the output."""
    show(f"✖ {message}", colour="red", err=True)


def fail(message: str) -> NoReturn:
    """Print what went wrong and end with status 1."""
    # Of several lines, as of an error with a list: no line is set off, and no control character reaches the terminal.
    typer.secho(plain(f"✖ {message}", mark="", err=True), fg="red", err=True)
    raise typer.Exit(1)


def folder_of(project: Path) -> Path:
    """Return the project's folder.

    Raises:
        typer.Exit: It does not exist.
    """
    root = project.resolve()
    if not root.is_dir():
        fail(f"{root} is not a folder. Name the project with --project.")
    return root
