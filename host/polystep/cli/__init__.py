"""The polystep command: parse, call the app, print."""

from polystep.cli.main import main

__all__ = ["main"]
