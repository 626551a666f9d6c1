"""Python runner of polystep: loads step files and answers the host's calls. Imports nothing of the host."""

from polystep_runner.errors import PolystepError

__all__ = ["PolystepError"]
__version__ = "0.1.0"
