"""The polystep command: parse, call the app, print."""

import os

from polystep.cli.bytecode import keep_bytecode


def main() -> None:
    """Run the command that the process was started with."""
    keep_bytecode(os.environ)
    # Only now: what this imports is what is kept.
    from polystep.cli.main import app

    app()


__all__ = ["main"]
