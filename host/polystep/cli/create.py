"""`polystep create`: ask for what is missing, write the project, install its packages, show what comes next."""

from __future__ import annotations

import shlex
import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from polystep.cli.options import complain
from polystep.cli.packages import install_packages
from polystep.cli.recipe import Language, Recipe, Template
from polystep.cli.scaffold import CreateRefused, check_place, package_name, project_files, write_project

_NAME_DEFAULT: Final = "my-app"
_WINDOWS: Final = sys.platform == "win32"
_Choice = TypeVar("_Choice", bound=StrEnum)


def create(
    name: Annotated[
        str | None, typer.Argument(help="Folder of the new project; `.` is the current folder.", show_default=False)
    ] = None,
    template: Annotated[
        Template | None, typer.Option("--template", "-t", help="What the project starts with.", show_default="hello")
    ] = None,
    language: Annotated[
        Language | None,
        typer.Option(
            "--language", "-l", help="Language of its steps; mixed is TypeScript and Python.", show_default="mixed"
        ),
    ] = None,
    install: Annotated[
        bool, typer.Option("--install/--no-install", help="Install the packages of the project.")
    ] = True,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; use the defaults.")] = False,
) -> None:
    """Create a project, install its packages, and say how to run it."""
    may_ask = not yes and sys.stdin.isatty() and sys.stdout.isatty()
    try:
        folder = name if name is not None else _ask_name(may_ask, yes)
        recipe = _chosen(template, language, may_ask)
        target, count = create_project(folder, recipe, this_command())
    except CreateRefused as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(1) from refusal
    typer.echo(f'Created {target} from the template "{recipe.template}" ({count} files).')
    problems = install_packages(target, recipe) if install else ["not wanted"]
    if install:
        for problem in problems:
            complain(problem)
    typer.echo("\n".join(["", "Next:", *(f"  {line}".rstrip() for line in next_steps(folder, recipe, not problems))]))


def create_project(folder: str, recipe: Recipe, command: Path | None) -> tuple[Path, int]:
    """Write a project; returns its absolute path and how many files it has.

    Args:
        folder: A name or path, relative to the current folder; `.` is the current folder itself.
        recipe: What the project starts with.
        command: The polystep command that the project's launcher shall find, `None` if there is no such file.

    Raises:
        CreateRefused: The place is taken, or cannot be written; nothing was left behind.
    """
    if not folder.strip() or not folder.isprintable():
        raise CreateRefused("The name of the folder is empty or has unprintable characters. Choose another name.")
    target = Path(folder)
    files = project_files(recipe, package_name(target.resolve().name), command)
    try:
        check_place(target, files)
    except OSError as error:
        raise CreateRefused(f"{target} cannot be used: {error.strerror or error}. Choose another name.") from error
    write_project(target, files)
    return target.resolve(), len(files)


def next_steps(folder: str, recipe: Recipe, installed: bool) -> list[str]:
    """Shell lines that lead from here to the running project."""
    lines = [] if Path(folder).resolve() == Path.cwd() else [f"cd {shlex.quote(folder)}"]
    if recipe.has_node:
        lines += ["npm run dev"] if installed else ["npm install", "npm run dev"]
    else:
        lines.append(f"{_typed_command()} dev")
    if recipe.template is Template.TICKET_TRIAGE:
        lines += ["", "To ask a real model: cp .env.example .env, and put your OPENAI_API_KEY into it."]
    return lines


def this_command() -> Path | None:
    """Return the command that is running, or the one beside its Python; `None` when there is no such file."""
    name = "polystep.exe" if _WINDOWS else "polystep"
    called = Path(sys.argv[0])
    for candidate in (called, Path(sys.executable).with_name(name)):
        if candidate.name == name and candidate.is_file():
            # Links are kept: tools such as uv and pipx move what they point to.
            return candidate.absolute()
    return None


def _typed_command() -> str:
    """Return what a shell takes for this command: its name where PATH leads to it, else its path."""
    command = this_command()
    found = shutil.which("polystep")
    if command is None or (found is not None and Path(found).resolve() == command.resolve()):
        return "polystep"
    return shlex.quote(str(command))


def _chosen(template: Template | None, language: Language | None, may_ask: bool) -> Recipe:
    """Complete the choice; only what is not given is asked for.

    Raises:
        CreateRefused: The template is not there in the language.
    """
    chosen = template or (_ask("Template", Template.HELLO) if may_ask else Template.HELLO)
    if language is None and may_ask and chosen is not Template.TICKET_TRIAGE:
        language = _ask("Language", Language.MIXED)
    recipe = Recipe(chosen, language or Language.MIXED)
    if not recipe.is_offered:
        raise CreateRefused(
            f'The template "{chosen}" has steps in TypeScript, JavaScript and Python: leave --language away, or choose '
            "another template, such as --template approval."
        )
    return recipe


def _ask_name(may_ask: bool, use_default: bool) -> str:
    if may_ask:
        return str(typer.prompt("Name of the project", default=_NAME_DEFAULT))
    if use_default:
        return _NAME_DEFAULT
    raise CreateRefused("The project needs a name: polystep create my-app")


def _ask(what: str, default: _Choice) -> _Choice:
    choices = type(default)
    names = [str(each) for each in choices]
    while True:
        answer = str(typer.prompt(f"{what} ({', '.join(names)})", default=str(default))).strip().lower()
        if answer in names:
            return choices(answer)
        typer.echo(f'There is no {what.lower()} "{answer}".')
