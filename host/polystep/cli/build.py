"""`polystep build`: check a project and write one bundle of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from polystep.app import Built, build_bundle, read_settings
from polystep.cli.check import checked_json, in_ci, show_checked
from polystep.cli.options import JsonOption, ProjectOption, fail, folder_of
from polystep.cli.printing import plain, show_json, show_progress
from polystep.contracts.errors import PolystepError


def build(
    project: ProjectOption = Path(),
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File to write; `.tar` is not compressed.", show_default="dist/bundle.tar.gz"),
    ] = None,
    as_json: JsonOption = False,
    strict: Annotated[
        bool | None,
        typer.Option("--strict/--no-strict", help="Whether warnings forbid a bundle too; they do where CI is set."),
    ] = None,
) -> None:
    """Check a project and write one bundle: its files, locked packages, manifest and list of parts.

    The same project gives the same bytes. `.env`, `.polystep`, `node_modules` and `.git` never go in; what
    `.gitignore` and `.polystepignore` name does not either.
    """
    counted = in_ci(os.environ) if strict is None else strict
    root = folder_of(project)
    target = (root / "dist" / "bundle.tar.gz") if out is None else out.resolve()
    try:
        settings = read_settings(root, os.environ)
        built = uvloop.run(build_bundle(root, settings, dict(os.environ), show_progress, out=target, strict=counted))
    except PolystepError as error:
        fail(error.message)
    if as_json:
        show_json(_as_json(built, strict=counted))
    else:
        _print(built, strict=counted)
    if built.out is None:
        raise typer.Exit(1)


def _print(built: Built, *, strict: bool) -> None:
    show_checked(built.checked, strict=strict)
    if built.out is None:
        typer.echo("No bundle was written. Correct what is listed above, then build again.")
        return
    typer.secho(plain(f"✔ {built.out}  {built.size_bytes / 1000:.1f} kB, {built.digest}"), fg="green")
    typer.echo(f"  {built.files} files, {len(built.packages)} locked packages")


def _as_json(built: Built, *, strict: bool) -> dict[str, object]:
    bundle = None
    if built.out is not None:
        bundle = {
            "file": str(built.out),
            "digest": built.digest,
            "bytes": built.size_bytes,
            "files": built.files,
            "packages": len(built.packages),
        }
    return {**checked_json(built.checked, good=built.out is not None, strict=strict), "bundle": bundle}
