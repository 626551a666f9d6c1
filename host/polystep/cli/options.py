"""Options and failures that the verbs share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from polystep.cli.printing import plain, show

ProjectOption = Annotated[Path, typer.Option("--project", help="The project's folder.", show_default=True)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="SETTING=VALUE", help="Set a setting, such as http.docs=false; for several, give it again."
    ),
]

NOT_RUNNING: Final = 3
"""Exit status when no host runs the project, or it does not answer."""


def complain(message: str) -> None:
    """Print what went wrong, beside the output."""
    show(f"✖ {message}", colour="red", err=True)


def fail(message: str, status: int = 1) -> NoReturn:
    """Print what went wrong and end with a status that is not 0."""
    # Of several lines, as of an error with a list: no line is set off, and no control character reaches the terminal.
    typer.secho(plain(f"✖ {message}", mark="", err=True), fg="red", err=True)
    raise typer.Exit(status)


def folder_of(project: Path) -> Path:
    """Return the project's folder.

    Raises:
        typer.Exit: It does not exist.
    """
    root = project.resolve()
    if not root.is_dir():
        fail(f"{root} is not a folder. Name the project with --project.")
    return root


def confirm(question: str, yes: bool) -> None:
    """Ask before something is lost.

    Raises:
        typer.Exit: The answer is no, or nobody can be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        fail(f"{question} Nobody can be asked here: add --yes.")
    if not typer.confirm(question):
        raise typer.Exit(1)
