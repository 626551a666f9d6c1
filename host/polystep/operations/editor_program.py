"""Program that opens a file for the developer: found in the settings and the environment, run without a shell."""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

WAIT_S: Final = 3.0
"""Most editors hand the file to their window and end at once; one that goes on is left alone."""
OPEN_MAX: Final = 20
"""Editors that run on at once."""

_PLACES: Final = re.compile(r"\{(file|line|column)\}")
_AT: Final = ("{file}:{line}:{column}",)
_GO: Final = ("--goto", "{file}:{line}:{column}")
_JETBRAINS: Final = ("--line", "{line}", "--column", "{column}", "{file}")
_WINDOWS: Final[Mapping[str, Sequence[str]]] = {
    **dict.fromkeys(("code", "code-insiders", "codium", "cursor", "windsurf", "positron", "trae"), _GO),
    **dict.fromkeys(("zed", "zeditor", "subl", "sublime_text", "atom", "lapce"), _AT),
    **dict.fromkeys(("idea", "webstorm", "pycharm", "rubymine", "goland", "phpstorm", "rider", "fleet"), _JETBRAINS),
    **dict.fromkeys(("gvim", "mvim", "mate", "gedit", "gnome-text-editor"), ("+{line}", "{file}")),
    "kate": ("--line", "{line}", "--column", "{column}", "{file}"),
    "emacsclient": ("-n", "+{line}:{column}", "{file}"),
    "notepad++": ("-n{line}", "{file}"),
}
"""Arguments of the editors that have a window of their own. Others would want the terminal of the host."""
_HINT: Final = (
    'Name one in polystep.toml: [workbench] editor = "code", or with arguments, such as '
    '"my-editor --line {line} {file}"; or set POLYSTEP_EDITOR.'
)


class EditorFailed(Exception):
    """No editor is known, or it did not open the file."""


class EditorProgram:
    """Editor of the developer, on the machine of the host."""

    def __init__(self, setting: str, environment: Mapping[str, str], *, is_local: bool) -> None:
        """Take `[workbench] editor` and the environment; a host that others reach opens nothing (`is_local`)."""
        self._setting = setting
        self._environment = environment
        self._is_local = is_local
        self._running: list[subprocess.Popen[bytes]] = []

    async def open(self, file: Path, line: int, column: int) -> str:
        """Open a file at a place; returns the name of the program.

        Raises:
            EditorFailed: There is none, or it does not start.
        """
        if not self._is_local:
            raise EditorFailed("This host listens for other machines; it opens no editor.")
        command = self.command(file, line, column)
        self._running = [each for each in self._running if each.poll() is None]
        if len(self._running) >= OPEN_MAX:
            raise EditorFailed(f"{OPEN_MAX} editors that were opened from here still run; close some.")
        status = await asyncio.to_thread(self._run, command)
        if status:
            raise EditorFailed(f"{command[0]} ended with status {status} and may not have opened the file.")
        return Path(command[0]).name

    def command(self, file: Path, line: int, column: int) -> list[str]:
        """Return the program and its arguments.

        Raises:
            EditorFailed: No editor is known.
        """
        for source, text in (
            ("[workbench] editor", self._setting),
            ("POLYSTEP_EDITOR", self._environment.get("POLYSTEP_EDITOR", "")),
            ("VISUAL", self._environment.get("VISUAL", "")),
            ("EDITOR", self._environment.get("EDITOR", "")),
        ):
            words = _words(source, text)
            if not words:
                continue
            known = _WINDOWS.get(Path(words[0]).name.removesuffix(".exe").lower())
            if known is None and source in ("VISUAL", "EDITOR"):
                continue
            has_file = any("{file}" in word for word in words[1:])
            template = words if has_file else [*words, *(known or ("{file}",))]
            return [word if at == 0 else _filled(word, file, line, column) for at, word in enumerate(template)]
        raise EditorFailed(f"No editor is known here. {_HINT}")

    def _run(self, command: Sequence[str]) -> int:
        program = shutil.which(command[0])
        if program is None:
            raise EditorFailed(f"There is no program {command[0]} on the PATH of the host. {_HINT}")
        nothing = subprocess.DEVNULL
        try:
            process = subprocess.Popen(
                [program, *command[1:]], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
            )
        except OSError as error:
            raise EditorFailed(f"{command[0]} does not start: {error.strerror}.") from error
        try:
            return process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self._running.append(process)
            return 0


def _words(source: str, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise EditorFailed(f"{source} is no command: {error}.") from error


def _filled(word: str, file: Path, line: int, column: int) -> str:
    """Fill in one argument; what is filled in is not looked at again."""
    parts = {"file": str(file), "line": str(line), "column": str(column)}
    return _PLACES.sub(lambda found: parts[found[1]], word)
