"""`polystep check`: a report of what is wrong with a project, for people and for CI."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from polystep.app import Checked, check_project, read_settings
from polystep.cli.asking import ask
from polystep.cli.options import ProjectOption, fail, folder_of
from polystep.cli.printing import plain, show_json, show_progress
from polystep.contracts.errors import PolystepError
from polystep.contracts.steps import Finding
from polystep.operations import double_effects


def check(
    project: ProjectOption = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    runs: Annotated[
        bool, typer.Option("--runs", help="Also ask the running host for calls that runs have made twice.")
    ] = False,
    strict: Annotated[
        bool | None,
        typer.Option("--strict/--no-strict", help="Whether warnings fail too; they do where CI is set."),
    ] = None,
) -> None:
    """Load a project without serving it, and report what is wrong; ends with status 1 on errors."""
    counted = in_ci(os.environ) if strict is None else strict
    root = folder_of(project)
    try:
        checked = uvloop.run(check_project(root, read_settings(root, os.environ), dict(os.environ), show_progress))
    except PolystepError as error:
        fail(error.message)
    if runs:
        checked = replace(checked, findings=(*checked.findings, *_double_effects(project)))
    good = checked.is_good(strict=counted)
    if as_json:
        show_json(checked_json(checked, good=good, strict=counted))
    else:
        show_checked(checked, strict=counted)
    if not good:
        raise typer.Exit(1)


def _double_effects(project: Path) -> list[Finding]:
    """Ask the host that runs the project for calls that runs have made again outside `once`."""
    (operation,) = double_effects.OPERATIONS
    found = ask(project, operation, {})["effects"]
    return [
        Finding(
            "double_effect",
            "warning",
            "",
            f"{each['step']} made {each['method']} {each['url']} {each['calls']} times in {each['legs']} legs of one "
            f"run, outside `once` (trace {each['traceId']}). Put the call into `once`, so that it is made once.",
        )
        for each in found
    ]


def in_ci(environment: Mapping[str, str]) -> bool:
    """Report whether this runs in continuous integration, by the variable that its services set."""
    return environment.get("CI", "").lower() not in ("", "0", "false", "no")


def show_checked(checked: Checked, *, strict: bool) -> None:
    """Print findings by file, and how many there are."""
    file = None
    for finding in checked.findings:
        if finding.file != file:
            file = finding.file
            typer.secho(plain(file or "The project"), bold=True)
        _print_finding(finding)
    steps, streams = len(checked.flow.steps), len(checked.flow.streams)
    loaded = f"{_counted(steps, 'step')} and {_counted(streams, 'stream')} loaded"
    if not checked.findings:
        typer.secho(f"✔ {loaded}, nothing is wrong.", fg="green")
        return
    found = f"{_counted(checked.errors, 'error')} and {_counted(checked.warnings, 'warning')}"
    typer.echo(f"{loaded}; {found}{', which count as errors here' if strict and checked.warnings else ''}.")


def _print_finding(finding: Finding) -> None:
    mark, colour = ("✖", "red") if finding.severity == "error" else ("⚠", "yellow")
    where = (
        f"{finding.location}: " if finding.location is not None and str(finding.location) not in finding.message else ""
    )
    message = plain(where + finding.message, mark="      ")
    typer.echo(f"  {typer.style(f'{mark} {finding.severity}', fg=colour)}  {message}")


def checked_json(checked: Checked, *, good: bool, strict: bool) -> dict[str, object]:
    """Return findings and counts as JSON."""
    return {
        "ok": good,
        "strict": strict,
        "steps": len(checked.flow.steps),
        "streams": len(checked.flow.streams),
        "errors": checked.errors,
        "warnings": checked.warnings,
        "findings": [
            {
                "kind": each.kind,
                "severity": each.severity,
                "file": each.file,
                "place": None if each.location is None else each.location.to_json(),
                "message": each.message,
            }
            for each in checked.findings
        ],
    }


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
