"""Packages of a new project: npm and the Python environment, with what happens meanwhile on the terminal."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import typer
import uvloop

from polystep.app import prepare_runners, read_settings
from polystep.cli.printing import show_progress
from polystep.cli.recipe import Recipe

_NPM: Final = ("install", "--no-audit", "--no-fund", "--loglevel=error")
_SHOWN_CHARS_MAX: Final = 2000
_TOLD_S: Final = 0.1
"""Time below which nothing was installed, and nothing is worth a line."""


def install_packages(project: Path, recipe: Recipe) -> list[str]:
    """Install what a new project needs to run; returns what went wrong, and how to go on, a text each."""
    problems = []
    if recipe.has_node:
        problems += _timed("Node packages", lambda: _install_node(project))
    problems += _timed("Runners", lambda: _prepare(project))
    return problems


def _timed(what: str, work: Callable[[], list[str]]) -> list[str]:
    began_s = time.monotonic()
    problems = work()
    took_s = time.monotonic() - began_s
    if not problems and took_s >= _TOLD_S:
        typer.secho(f"✔ {what} ready in {took_s:.1f} s.", fg="green", err=True)
    return problems


def _install_node(project: Path) -> list[str]:
    npm = shutil.which("npm")
    if npm is None:
        return ["npm was not found. Install Node 20 or newer with npm, then run npm install in the project."]
    show_progress("Installing Node packages (npm install)…")
    # npm draws its own progress where it has a terminal; elsewhere only what it has to complain about is of interest.
    shown = sys.stderr.isatty()
    done = subprocess.run(
        [npm, *_NPM],
        cwd=project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if shown else subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        return []
    details = f":\n{done.stdout.strip()[-_SHOWN_CHARS_MAX:]}" if done.stdout.strip() else "; npm says why above."
    return [f"npm install failed (status {done.returncode}){details}\nThe project is complete; try npm install there."]


def _prepare(project: Path) -> list[str]:
    found = uvloop.run(prepare_runners(project, read_settings(project, os.environ), show_progress))
    return [f"{runner}: {problem}" for runner, problem in found.items() if problem]
