"""Motia's verbs: polystep's own ones run, the others say in a sentence or two what to do instead."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import typer
import uvloop

from polystep import __version__
from polystep.app import prepare_runners, read_settings
from polystep.cli.options import ProjectOption, complain, fail, folder_of
from polystep.cli.printing import show
from polystep.contracts.errors import PolystepError

_ANY: Final = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
_ANSWERS: Final = {
    "cloud": (
        "polystep has no cloud service. Build a bundle (`polystep build`), unpack it on a machine of yours and run "
        "`polystep start` there, with POLYSTEP_TOKEN and --host when it is to be reached from others."
    ),
    "docker": (
        "polystep has no image of its own. Start from one with Python 3.11 and Node 20, install polystep's wheel, "
        "unpack what `polystep build` writes, run `npm ci --omit=dev` and `polystep install` in its folder app, then "
        "`polystep start --host 0.0.0.0` with POLYSTEP_TOKEN set."
    ),
    "generate": (
        "polystep generates types (`polystep generate-types`) and documents (`polystep openapi`). For a new step save "
        "a file such as steps/hello.step.ts or steps/hello_step.py: `polystep create --template hello` has both."
    ),
    "rules": (
        "polystep has no rule files to pull. Rules that are in the project already, such as AGENTS.md, describe "
        "Motia's step files, which polystep runs too."
    ),
}
_FLAGS_IGNORED: Final = frozenset({"-v", "--verbose", "--disable-verbose", "-d", "--debug", "-m", "--mermaid"})
_VALUES_IGNORED: Final = frozenset({"--motia-dir"})


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command()(version)
    app.command()(install)
    for verb, answer in _ANSWERS.items():
        app.command(verb, hidden=True, context_settings=_ANY, help=answer)(_instead(verb, answer))
    app.command("motia", hidden=True, context_settings=_ANY)(_as_motia(app))


def version() -> None:
    """Print the version."""
    typer.echo(f"polystep {__version__}")


def install(project: ProjectOption = Path()) -> None:
    """Install what the runners need, such as the packages of Python steps; `dev` and `start` do the same."""
    root = folder_of(project)
    try:
        problems = uvloop.run(prepare_runners(root, read_settings(root, os.environ), show))
    except PolystepError as error:
        fail(error.message)
    for runner, problem in problems.items():
        if problem:
            complain(f"{runner}: {problem}")
        else:
            typer.echo(f"✔ {runner} is ready.")
    if not problems:
        typer.echo(f"No steps were found in {root}, so there is nothing to install.")
    if any(problems.values()):
        raise typer.Exit(1)


def translate(arguments: Sequence[str]) -> list[str]:
    """Return the arguments that `polystep` takes for those of `motia`; what has no meaning here is left out."""
    match [*arguments]:
        case []:
            return ["--help"]
        case ["dev" | "start" as verb, *options]:
            return [verb, *_served(options)]
        case ["generate", "openapi", *options]:
            return ["openapi", *_described(options)]
        case ["emit", *options] if "--topic" in options:
            return ["emit", *_emitted(options)]
        case ["build", *_]:
            return ["build"]
        case ["install", *_]:
            return ["install"]
        case ["-V", *_]:
            return ["version"]
        case given:
            return given


def _emitted(options: Sequence[str]) -> list[str]:
    given = dict(itertools.pairwise(options))
    return [given[name] for name in ("--topic", "--message") if name in given]


def _served(options: Sequence[str]) -> list[str]:
    kept: list[str] = []
    rest = iter(options)
    for option in rest:
        if option in _VALUES_IGNORED:
            next(rest, None)
        elif option not in _FLAGS_IGNORED:
            kept.append(option)
    return kept


def _described(options: Sequence[str]) -> list[str]:
    """Motia writes a file unless asked for something else; title and version come from `package.json` here."""
    out = "openapi.json"
    rest = iter(options)
    for option in rest:
        value = next(rest, "")
        if option in ("-o", "--output"):
            out = value
    return ["--out", out]


def _instead(verb: str, answer: str) -> Callable[[], None]:
    def tell() -> None:
        fail(f"`{verb}` is a verb of Motia. {answer}")

    return tell


def _as_motia(app: typer.Typer) -> Callable[[typer.Context], None]:
    def motia(ctx: typer.Context) -> None:
        """Take Motia's arguments: for npm scripts that say `motia`."""
        app(translate(ctx.args), prog_name="polystep")

    return motia
