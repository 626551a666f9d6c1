"""`polystep create`: ask for what is missing, write the project, show what comes next."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from polystep.cli.scaffold import (
    CreateRefused,
    Template,
    check_place,
    package_name,
    project_files,
    write_project,
)

_NAME_DEFAULT: Final = "my-app"
_WINDOWS: Final = sys.platform == "win32"


def create(
    name: Annotated[
        str | None, typer.Argument(help="Folder of the new project; `.` is the current folder.", show_default=False)
    ] = None,
    template: Annotated[
        Template | None, typer.Option("--template", "-t", help="What the project starts with.", show_default="hello")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; use the defaults.")] = False,
) -> None:
    """Create a project that runs with `npm install` and `npm run dev`."""
    may_ask = not yes and sys.stdin.isatty() and sys.stdout.isatty()
    try:
        folder = name if name is not None else _ask_name(may_ask, yes)
        chosen = template or (_ask_template() if may_ask else Template.HELLO)
        target, count = create_project(folder, chosen, this_command())
    except CreateRefused as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(1) from refusal
    typer.echo(f'Created {target} from the template "{chosen}" ({count} files).')
    typer.echo("\n".join(["", "Next:", *(f"  {line}".rstrip() for line in next_steps(folder, chosen))]))


def create_project(folder: str, template: Template, command: Path | None) -> tuple[Path, int]:
    """Write a project; returns its absolute path and how many files it has.

    Args:
        folder: A name or path, relative to the current folder; `.` is the current folder itself.
        template: What the project starts with.
        command: The polystep command that the project's launcher shall find, `None` if there is no such file.

    Raises:
        CreateRefused: The place is taken, or cannot be written; nothing was left behind.
    """
    if not folder.strip() or not folder.isprintable():
        raise CreateRefused("The name of the folder is empty or has unprintable characters. Choose another name.")
    target = Path(folder)
    files = project_files(template, package_name(target.resolve().name), command)
    try:
        check_place(target, files)
    except OSError as error:
        raise CreateRefused(f"{target} cannot be used: {error.strerror or error}. Choose another name.") from error
    write_project(target, files)
    return target.resolve(), len(files)


def next_steps(folder: str, template: Template) -> list[str]:
    """Shell lines that lead from here to the running project."""
    lines = [] if Path(folder).resolve() == Path.cwd() else [f"cd {shlex.quote(folder)}"]
    lines += ["npm install", "npm run dev"]
    if template is Template.TICKET_TRIAGE:
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


def _ask_name(may_ask: bool, use_default: bool) -> str:
    if may_ask:
        return str(typer.prompt("Name of the project", default=_NAME_DEFAULT))
    if use_default:
        return _NAME_DEFAULT
    raise CreateRefused("The project needs a name: polystep create my-app")


def _ask_template() -> Template:
    names = [str(each) for each in Template]
    while True:
        answer = str(typer.prompt(f"Template ({', '.join(names)})", default=str(Template.HELLO))).strip().lower()
        if answer in names:
            return Template(answer)
        typer.echo(f'There is no template "{answer}".')
