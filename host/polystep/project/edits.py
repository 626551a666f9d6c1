"""Report of a saved `.env` or `polystep.toml`: variables that the steps were given, settings that need a restart."""

from __future__ import annotations

from pydantic import BaseModel

from polystep.contracts.errors import PolystepError
from polystep.contracts.ports.reporter import Reporter
from polystep.project.environment import FILE as VARIABLES
from polystep.project.environment import Environment
from polystep.project.setting_sources import FILE as SETTINGS
from polystep.project.setting_sources import SettingSources
from polystep.project.settings import Settings


class Edits:
    """Comparison of both files with the values in use."""

    def __init__(
        self, sources: SettingSources, settings: Settings, environment: Environment, reporter: Reporter
    ) -> None:
        """Remember the variables in use; `settings` are those that the host was started with."""
        self._sources = sources
        self._settings = settings
        self._environment = environment
        self._reporter = reporter
        self._before = environment.variables().values

    def show(self, files: frozenset[str]) -> None:
        """Show the effect of files that were saved, after the reload that they caused."""
        if VARIABLES in files:
            self._show_variables()
        if SETTINGS in files:
            self._show_settings()

    def _show_variables(self) -> None:
        before, self._before = self._before, self._environment.variables().values
        changed = sorted(
            name for name in before.keys() | self._before.keys() if before.get(name) != self._before.get(name)
        )
        if not changed:
            return
        hidden = [name for name in changed if name in self._environment.shell]
        used = [name for name in changed if name not in self._environment.shell]
        if used:
            self._reporter.info(f"{VARIABLES}: the steps were loaded again with the new {', '.join(used)}.")
        if hidden:
            self._reporter.warning(
                f"{VARIABLES}: {', '.join(hidden)} changed, but the shell that started polystep sets it too, and the "
                "shell's value counts. Unset it there and start again."
            )

    def _show_settings(self) -> None:
        try:
            now = self._sources.read()
        except PolystepError as error:
            first, _, rest = error.message.partition("\n")
            self._reporter.error(f"{first} polystep goes on with the settings it was started with.", rest)
            return
        changed = sorted(_differences(self._settings, now))
        if changed:
            self._reporter.warning(f"{SETTINGS}: {', '.join(changed)} changed. Restart polystep to use it.")
        else:
            self._reporter.info(f"{SETTINGS}: its settings are those in use.")


def _differences(one: BaseModel, other: BaseModel, path: str = "") -> list[str]:
    """List settings whose values differ, such as `http.body_bytes_max`."""
    found: list[str] = []
    old, new = dict(one), dict(other)
    for name in old.keys() | new.keys():
        before, after = old.get(name), new.get(name)
        if isinstance(before, BaseModel) and isinstance(after, BaseModel):
            found += _differences(before, after, f"{path}{name}.")
        elif before != after:
            found.append(f"{path}{name}")
    return found
