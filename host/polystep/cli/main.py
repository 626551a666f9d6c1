"""Command line. Every verb has a help text; errors say what to do next and end with status 1."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from polystep import __version__
from polystep.app import HostOptions, read_settings
from polystep.cli.backup import backup, restore
from polystep.cli.build import build
from polystep.cli.check import check
from polystep.cli.config import config
from polystep.cli.create import create
from polystep.cli.describe import register as register_describe
from polystep.cli.init import init
from polystep.cli.motia import register as register_motia
from polystep.cli.options import ProjectOption, SetOption, fail
from polystep.cli.protocol import protocol
from polystep.cli.serve import serve
from polystep.cli.stop import stop
from polystep.cli.types import generate_types_command
from polystep.contracts.errors import PolystepError

app = typer.Typer(
    name="polystep",
    help="Run a folder of steps, in TypeScript, JavaScript and Python, as one durable backend.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)

HostOption = Annotated[
    str, typer.Option("--host", "-H", help="Address to listen on. One that is not loopback needs POLYSTEP_TOKEN.")
]
PortOption = Annotated[
    int,
    typer.Option(
        "--port",
        "-p",
        envvar="PORT",
        show_envvar=True,
        min=0,
        max=65535,
        help="Port to listen on; 0 takes a free one.",
    ),
]
TokenOption = Annotated[
    str | None,
    typer.Option("--token", envvar="POLYSTEP_TOKEN", show_envvar=True, help="Admin token; random by default."),
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"polystep {__version__}")
        raise typer.Exit


@app.callback()
def polystep(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run a folder of steps, in TypeScript, JavaScript and Python, as one durable backend."""


@app.command()
def dev(
    project: ProjectOption = Path(),
    host: HostOption = "127.0.0.1",
    port: PortOption = 3000,
    stand_in: Annotated[
        bool,
        typer.Option(
            "--stand-in/--no-stand-in", help="Without OPENAI_API_KEY, answer model calls with canned replies."
        ),
    ] = True,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Run handlers again from the top after every `once` and at every wait."),
    ] = False,
    token: TokenOption = None,
    set_flags: SetOption = None,
) -> None:
    """Run a project for development: reload on save, Workbench, stand-in model without a key."""
    flags = tuple(set_flags or ())
    _serve(
        HostOptions(
            project.resolve(), host, port, dev=True, stand_in=stand_in, forgets=forget, token=token, set_flags=flags
        )
    )


@app.command()
def start(
    project: ProjectOption = Path(),
    host: HostOption = "127.0.0.1",
    port: PortOption = 3000,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse to start when a file does not load or has an error.")
    ] = False,
    token: TokenOption = None,
    set_flags: SetOption = None,
) -> None:
    """Run a project for production: no watcher, no stand-in model."""
    flags = tuple(set_flags or ())
    _serve(
        HostOptions(
            project.resolve(), host, port, dev=False, stand_in=False, strict=strict, token=token, set_flags=flags
        )
    )


app.command()(stop)
app.command()(create)
app.command()(init)
app.command()(check)
app.command()(build)
app.command()(config)
app.command()(backup)
app.command()(restore)
app.command("generate-types")(generate_types_command)
register_describe(app)
if sys.argv[1:2] not in (["dev"], ["start"]):  # which start a host: the models of the operations would delay it
    from polystep.cli.inspect import register as register_inspect

    register_inspect(app)
register_motia(app)
app.add_typer(protocol, name="protocol")


def _serve(options: HostOptions) -> None:
    if not options.project.is_dir():
        fail(f"{options.project} is not a folder. Name the project with --project, or make one: polystep create NAME")
    try:
        serve(options, read_settings(options.project, os.environ, options.set_flags))
    except PolystepError as error:
        fail(error.message)
