"""Prints what users, steps and clients have written so that a terminal shows it and obeys nothing in it."""

from __future__ import annotations

import sys

import typer

from polystep.app import has_colours, terminal_json, terminal_text


def show(text: str, *, colour: str | None = None, err: bool = False) -> None:
    """Print one entry; its further lines are set off."""
    typer.secho(plain(text, err=err), fg=colour, err=err)


def show_progress(text: str) -> None:
    """Print what takes long, or what a step file writes while it loads: beside the output, never in it."""
    show(text, err=True)


def plain(text: str, *, mark: str | None = None, err: bool = False) -> str:
    """Return a text as `show` prints it, for a part of a line; `mark` begins its further lines."""
    colours = has_colours(sys.stderr if err else sys.stdout)
    return terminal_text(text, colours=colours) if mark is None else terminal_text(text, colours=colours, mark=mark)


def show_json(value: object) -> None:
    """Print a value as indented JSON."""
    typer.echo(terminal_json(value))
