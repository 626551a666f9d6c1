"""Runs a verb in this process."""

from __future__ import annotations

from typer.testing import CliRunner, Result

from polystep.cli.main import app


def polystep(*arguments: str, environment: dict[str, str] | None = None) -> Result:
    """Run `polystep` with these arguments, without colours."""
    return CliRunner().invoke(app, [*arguments], env={"NO_COLOR": "1", "TERM": "dumb", **(environment or {})})
