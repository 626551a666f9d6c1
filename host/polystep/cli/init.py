"""`polystep init`: make a folder that is there already run with polystep, and say what its Motia parts need."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import Annotated

import typer

from polystep.app import project_sources
from polystep.cli.adopt import PACKAGE, Adoption, apply_adoption, describe_place, plan_adoption
from polystep.cli.create import this_command
from polystep.cli.options import ProjectOption, fail
from polystep.cli.scaffold import CreateRefused
from polystep.contracts.errors import PolystepError


def init(
    project: ProjectOption = Path(),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Change what is shown without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
) -> None:
    """Add polystep to an existing folder, such as a Motia project: npm scripts and the launcher that they call.

    Adds, and never overwrites: `package.json` keeps its order, its format and its scripts. Folders without TypeScript
    and JavaScript need nothing. Says which packages and scripts of Motia may be removed.
    """
    root = project.resolve()
    if not root.is_dir():
        fail(f"{root} is not a folder. Name the project with --project, or make one: polystep create NAME")
    try:
        plan = plan_adoption(root)
    except (CreateRefused, PolystepError) as refusal:
        fail(str(refusal))
    _show(root, plan)
    if not plan.changes_nothing:
        if dry_run:
            _advise(plan)
            typer.echo("\nNothing was changed: this was a dry run.")
            return
        if not yes and not _agreed():
            fail("Nothing was changed. To change what is shown above: polystep init --yes")
    if not dry_run:
        try:
            apply_adoption(root, plan, this_command())
        except OSError as error:
            fail(f"{error.filename or root} cannot be written: {error.strerror or error}.")
    _close(root, plan)


def _show(root: Path, plan: Adoption) -> None:
    for name in plan.added:
        typer.secho(f"+ {name}", fg="green")
    if plan.package_before is not None and plan.package_after is not None:
        typer.secho(f"~ {PACKAGE}", fg="yellow")
        before, after = plan.package_before.splitlines(), plan.package_after.splitlines()
        for line in list(difflib.unified_diff(before, after, lineterm="", n=1))[2:]:
            typer.echo(f"    {line}")
    if plan.changes_nothing:
        typer.echo(f"{root} has everything that polystep needs.")


def _advise(plan: Adoption) -> None:
    if plan.advice:
        typer.echo("\nFor you to decide:")
        for line in plan.advice:
            typer.echo(f"  - {line}")


def _close(root: Path, plan: Adoption) -> None:
    _advise(plan)
    if not project_sources(root):
        typer.echo(f"\n{describe_place(root)}")
    folder = "" if root == Path.cwd() else f" --project {root}"
    commands = ["npm install", "npm run dev"] if plan.needs_npm else [f"polystep dev{folder}"]
    typer.echo("\nNext:\n" + "\n".join(f"  {line}" for line in commands))


def _agreed() -> bool:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return typer.confirm("Change this?")
