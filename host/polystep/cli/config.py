"""`polystep config`: the settings of a project, each with where it comes from."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Final

import typer

from polystep.app import SettingSources, SourcedSetting, settings_schema
from polystep.cli.options import JsonOption, ProjectOption, SetOption, fail, folder_of
from polystep.cli.printing import show, show_json
from polystep.contracts.errors import PolystepError

_VALUE_CHARS_MAX: Final = 40


def config(
    project: ProjectOption = Path(),
    set_flags: SetOption = None,
    as_json: JsonOption = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of polystep.toml, for editors, instead.")
    ] = False,
) -> None:
    """Print every setting with its value, and whether polystep.toml, a variable or a flag gives it.

    Flags override variables, variables override polystep.toml. Ends with status 1 when something is not valid.
    """
    if schema:
        typer.echo(json.dumps(settings_schema(), indent=2))
        return
    root = folder_of(project)
    try:
        found = SettingSources(root, os.environ, set_flags or ()).listed()
    except PolystepError as error:
        fail(error.message)
    if as_json:
        members = ("setting", "value", "source", "variable")
        show_json({"settings": [dict(zip(members, each, strict=True)) for each in found]})
        return
    _print(found)


def _print(found: list[SourcedSetting]) -> None:
    """Print a line for each; those that are not the default are set off."""
    shown = [(each, "-" if each.value is None else json.dumps(each.value, ensure_ascii=False)) for each in found]
    names = max(len(each.name) for each in found)
    values = min(_VALUE_CHARS_MAX, max(len(value) for _, value in shown))
    for each, value in shown:
        line = f"{each.name:<{names}}  {value:<{values}}  {each.origin}"
        show(line, colour="cyan" if each.origin != "default" else None)
