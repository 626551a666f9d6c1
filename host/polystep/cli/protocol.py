"""`polystep protocol check`: whether a runner, or this host, speaks the protocol of protocol/SPEC.md."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import typer

from polystep.app import SHIPPED, shipped_command
from polystep.cli.options import complain
from polystep.contracts.errors import PolystepError
from polystep_kit.steps import known_languages

protocol = typer.Typer(help="The protocol that runners speak: check one that you write, or one of ours.")


@protocol.callback()
def _protocol() -> None:
    """The protocol that runners speak: check one that you write, or one of ours."""


@protocol.command()
def check(
    target: Annotated[
        list[str], typer.Argument(metavar="node|python|ruby|host | -- COMMAND...", help="What is checked.")
    ],
    level: Annotated[
        Literal["core", "context", "isolation"] | None,
        typer.Option(help="The level to reach; by default what the runner is expected to."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help="Only checks whose id begins like this, or of this clause or section (PS-3.1, PS-3); may be repeated.",
        ),
    ] = None,
    steps: Annotated[
        Path | None,
        typer.Option(
            help="Folder of conformance steps with kit.json. Without it, the kit's own are taken, by the language in "
            f"hello: {', '.join(known_languages())}."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object: passed, total, failures, …")] = False,
    patience: Annotated[float, typer.Option(min=0.1, help="Longest wait for anything, in seconds.")] = 10.0,
    fuzz: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Send N mutated frames instead of playing the checks.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the mutations; the same seed sends the same frames.")] = 1,
) -> None:
    """Play the other side to a runner (or to this host) and report, clause by clause.

    A shipped runner is named by its language. Any other is given by its command behind `--`:

    polystep protocol check -- ruby my_runner.rb
    """
    # Here and not above: `polystep dev` needs nothing of the kit, which takes a fifth of a second to import.
    from polystep_kit.verdict import Wanted, perform

    with tempfile.TemporaryDirectory(prefix="polystep-kit-") as folder:
        status = perform(
            Wanted(
                command=_command(target, Path(folder)),
                is_host=target == ["host"],
                steps=steps,
                level=level,
                only=tuple(only or ()),
                as_json=as_json,
                patience_s=patience,
                fuzz=fuzz,
                seed=seed,
            )
        )
    raise typer.Exit(status)


def _command(target: list[str], folder: Path) -> list[str]:
    """Return the command of what is checked: a shipped runner, this host, or one that was given."""
    if target == ["host"]:
        return [sys.executable, "-c", "from polystep.cli import main; main()"]
    if len(target) != 1 or target[0] not in SHIPPED:
        return target
    try:
        return list(asyncio.run(shipped_command(target[0], folder)))
    except PolystepError as error:
        complain(error.message)
        raise typer.Exit(2) from error
