"""Explanations of load failures of Python files, with the location and what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from polystep.contracts.values import JSONObject
from polystep.runners.failures import Failures

_FRAME: Final = re.compile(r'^ *File "(.+)", line (\d+)', re.MULTILINE)
"""Frame of a traceback; the location of a syntax error looks the same."""
_MISSING: Final = re.compile(r"No module named '([^']+)'")
_BASENAME_AND_LINE: Final = re.compile(r" \([^()]*, line \d+\)$")
"""Suffix that Python adds to the text of a syntax error."""
_SYNTAX_ERRORS: Final = ("SyntaxError", "IndentationError", "TabError")


def explain(project: Path, file: str, failure: JSONObject) -> str:
    """Explain why a Python file did not load.

    Args:
        project: The project's root.
        file: The file that did not load, relative to it.
        failure: `{name, message, stack}` of a `load_failed` (PS-6.3).
    """
    name, message, stack = (str(failure.get(part) or "") for part in ("name", "message", "stack"))
    location = Failures(project).of_load(file, failure)
    if name in _SYNTAX_ERRORS:
        # One outside the project has no location of ours.
        elsewhere = next((f"{path}:{line}" for path, line in reversed(_FRAME.findall(stack))), file)
        return f"{location or elsewhere}: {_BASENAME_AND_LINE.sub('', message)}"
    if name in ("ModuleNotFoundError", "ImportError") and (missing := _MISSING.search(message)) is not None:
        if _is_in(project, missing[1].partition(".")[0]):
            return f"No module named {missing[1]!r}: the project has no such file."
        return f"No module named {missing[1]!r}: add it to {_package_list(project)} and save"
    if name == "SystemExit":
        return "The file leaves the process while it is imported; move the call of exit() into the handler."
    if location is not None:
        return ": ".join(part for part in (str(location), name, message) if part)
    # What the bridge says itself, such as that there is no config, names the file and says all.
    return message or name or f"{file} could not be loaded."


def _is_in(project: Path, module: str) -> bool:
    return (project / f"{module}.py").is_file() or (project / module).is_dir()


def _package_list(project: Path) -> str:
    """Name the file that lists the project's packages, or should."""
    if (project / "pyproject.toml").is_file() and not (project / "requirements.txt").is_file():
        return "pyproject.toml"
    return "requirements.txt"
