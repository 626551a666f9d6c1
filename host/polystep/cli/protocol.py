"""`polystep protocol check`: whether a runner, or this host, speaks the protocol of protocol/SPEC.md."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from polystep.app import SHIPPED, shipped_command
from polystep.contracts.errors import PolystepError
from polystep_kit.main import main as run_kit

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
        str | None, typer.Option(help="core, context or isolation; by default what the runner is expected to reach.")
    ] = None,
    only: Annotated[str, typer.Option(metavar="TEXT", help="Only checks whose id or clause begins like this.")] = "",
    steps: Annotated[
        Path | None, typer.Option(help="Folder of conformance steps (kit.json); by default by the runner's language.")
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
    options = [*(["--level", level] if level else []), *(["--steps", str(steps)] if steps else [])]
    options += ["--only", only, "--patience", str(patience), *(["--json"] if as_json else [])]
    options += ["--fuzz", str(fuzz), "--seed", str(seed)] if fuzz else []
    with tempfile.TemporaryDirectory(prefix="polystep-kit-") as folder:
        if len(target) == 1 and target[0] in SHIPPED:
            try:
                target = list(asyncio.run(shipped_command(target[0], Path(folder))))
            except PolystepError as error:
                typer.secho(f"✖ {error.message}", fg="red", err=True)
                raise typer.Exit(2) from error
        elif target == ["host"]:
            options.append("--host")
            target = [sys.executable, "-c", "from polystep.cli import main; main()"]
        raise typer.Exit(run_kit([*options, "--", *target]))
