"""`polystep backup` and `polystep restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polystep.app import back_up, read_backup
from polystep.app import restore as put_back
from polystep.cli.options import ProjectOption, YesOption, confirm, fail, folder_of
from polystep.cli.printing import show, show_progress
from polystep.contracts.errors import PolystepError


def backup(
    folder: Annotated[Path, typer.Argument(help="Folder for the backup; it is made, or empty.")],
    project: ProjectOption = Path(),
    traces: Annotated[bool, typer.Option("--traces/--no-traces", help="Copy traces and logs, too.")] = True,
) -> None:
    """Copy what a project has stored (events, state, streams, traces) into a folder, also while it runs."""
    root = folder_of(project)
    try:
        taken = back_up(root, folder.absolute(), show_progress, traces=traces)
    except PolystepError as error:
        fail(error.message)
    size = sum(each.size_bytes for each in taken.files) / 1024**2
    show(f"✔ {taken.folder} has {', '.join(each.name for each in taken.files)} ({size:,.1f} MiB) of {taken.taken_at}.")
    show(f"  To use it: polystep restore {folder} --project {project}")


def restore(
    folder: Annotated[Path, typer.Argument(help="Folder of a backup.")],
    project: ProjectOption = Path(),
    yes: YesOption = False,
) -> None:
    """Put a backup in the place of what a stopped project has stored; that is kept in its .polystep/ folder."""
    root = folder_of(project)
    try:
        found = read_backup(folder.absolute(), show_progress)
        confirm(f"Replace what {root} has stored by the backup of {found.taken_at}?", yes)
        kept = put_back(root, found, show_progress)
    except PolystepError as error:
        fail(error.message)
    show(f"✔ {root} has what it had at {found.taken_at}.")
    if kept is not None:
        show(f"  What was there before is in {kept}. Remove it when it is not needed any more.")
