"""What went wrong while a Python file was imported, in words that say where and what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from polystep.contracts.values import JSONObject

_FRAME: Final = re.compile(r'^ *File "(.+)", line (\d+)', re.MULTILINE)
"""Of a traceback; a syntax error's own place looks the same."""
_MISSING: Final = re.compile(r"No module named '([^']+)'")
_BASENAME_AND_LINE: Final = re.compile(r" \([^()]*, line \d+\)$")
"""What Python adds to a syntax error's text."""
_SYNTAX_ERRORS: Final = ("SyntaxError", "IndentationError", "TabError")


def explain(project: Path, file: str, failure: JSONObject) -> str:
    """The text for the user.

    Args:
        project: The project's root.
        file: What was to be loaded, relative to it.
        failure: `{name, message, stack}` of a `load_failed` (PS-6.3).
    """
    name, message, stack = (str(failure.get(part) or "") for part in ("name", "message", "stack"))
    frames: list[tuple[str, str]] = _FRAME.findall(stack)
    if name in _SYNTAX_ERRORS:
        return f"{_place(project, *frames[-1]) if frames else file}: {_BASENAME_AND_LINE.sub('', message)}"
    if name in ("ModuleNotFoundError", "ImportError") and (missing := _MISSING.search(message)) is not None:
        if _is_in(project, missing[1].partition(".")[0]):
            return f"No module named {missing[1]!r}: the project has no such file."
        return f"No module named {missing[1]!r}: add it to {_package_list(project)} and save"
    if name == "SystemExit":
        return "The file leaves the process while it is imported; move the call of exit() into the handler."
    own = [_place(project, path, line) for path, line in frames if _is_own(project, path)]
    if own:
        return ": ".join(part for part in (own[-1], name, message) if part)
    # What the bridge says itself, such as that there is no config, names the file and says all.
    return message or name or f"{file} could not be loaded."


def _place(project: Path, path: str, line: str) -> str:
    return f"{path.removeprefix(f'{project}/')}:{line}"


def _is_own(project: Path, path: str) -> bool:
    """Whether a file is the project's, not that of a package which is installed in it."""
    inside = Path(path).relative_to(project).parts if Path(path).is_relative_to(project) else ("site-packages",)
    return not any(part == "site-packages" or part.startswith(".") for part in inside)


def _is_in(project: Path, module: str) -> bool:
    return (project / f"{module}.py").is_file() or (project / module).is_dir()


def _package_list(project: Path) -> str:
    """The file that the project's packages are in, or belong into."""
    if (project / "pyproject.toml").is_file() and not (project / "requirements.txt").is_file():
        return "pyproject.toml"
    return "requirements.txt"
