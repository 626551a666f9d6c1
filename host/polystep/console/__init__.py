"""Terminal output: lines that a slow terminal drops and counts, and text made safe to print."""

from polystep.console.console import Console
from polystep.console.json_lines import JsonLines
from polystep.console.terminal_text import MARK, has_colours, terminal_json, terminal_text

__all__ = ["MARK", "Console", "JsonLines", "has_colours", "terminal_json", "terminal_text"]
