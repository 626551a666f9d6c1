"""Report of a saved `.env` or `polystep.toml`: variables that the steps were given, settings that need a restart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import BaseModel

from polystep.app.console import Console
from polystep.app.settings import FILE as SETTINGS
from polystep.app.settings import Settings, read_settings
from polystep.app.variables import FILE as VARIABLES
from polystep.app.variables import Variables
from polystep.contracts.errors import PolystepError


class Edits:
    """Compares both files with what is in use."""

    def __init__(
        self,
        project: Path,
        settings: Settings,
        variables: Callable[[], Variables],
        shell: Mapping[str, str],
        console: Console,
    ) -> None:
        """Remember what is in use now.

        Args:
            project: The project's root.
            settings: What the host was started with.
            variables: Reads `.env`.
            shell: Variables that win over those of `.env`.
            console: Where it is told.
        """
        self._project = project
        self._settings = settings
        self._variables = variables
        self._shell = shell
        self._console = console
        self._before = variables().values

    def tell(self, files: frozenset[str]) -> None:
        """Tell of these files, which were saved, after the reload that they caused."""
        if VARIABLES in files:
            self._tell_variables()
        if SETTINGS in files:
            self._tell_settings()

    def _tell_variables(self) -> None:
        before, self._before = self._before, self._variables().values
        changed = sorted(
            name for name in before.keys() | self._before.keys() if before.get(name) != self._before.get(name)
        )
        if not changed:
            return
        hidden = [name for name in changed if name in self._shell]
        used = [name for name in changed if name not in self._shell]
        if used:
            self._console.info(f"{VARIABLES}: the steps were loaded again with the new {', '.join(used)}.")
        if hidden:
            self._console.warning(
                f"{VARIABLES}: {', '.join(hidden)} changed, but the shell that started polystep sets it too, and the "
                "shell's value counts. Unset it there and start again."
            )

    def _tell_settings(self) -> None:
        try:
            now = read_settings(self._project)
        except PolystepError as error:
            first, _, rest = error.message.partition("\n")
            self._console.error(f"{first} polystep goes on with the settings it was started with.", rest)
            return
        changed = sorted(_differences(self._settings, now))
        if changed:
            self._console.warning(f"{SETTINGS}: {', '.join(changed)} changed. Restart polystep to use it.")
        else:
            self._console.info(f"{SETTINGS}: its settings are those in use.")


def _differences(one: BaseModel, other: BaseModel, path: str = "") -> list[str]:
    """Settings whose values differ, such as `http.body_bytes_max`."""
    found: list[str] = []
    old, new = dict(one), dict(other)
    for name in old.keys() | new.keys():
        before, after = old.get(name), new.get(name)
        if isinstance(before, BaseModel) and isinstance(after, BaseModel):
            found += _differences(before, after, f"{path}{name}.")
        elif before != after:
            found.append(f"{path}{name}")
    return found
