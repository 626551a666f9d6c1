"""Last declarations of a project, also from before this start: for files that do not load at the moment."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any, Final

import orjson

from polystep.codegen import PYTHON_FILE, first_type_files, type_files, with_kept, write
from polystep.contracts.private import project_home, write_private
from polystep.contracts.steps import (
    AccessSpec,
    CancelTopic,
    CronTrigger,
    Emit,
    EventTrigger,
    Flow,
    HttpTrigger,
    QueuePolicy,
    SourceFile,
    StepSpec,
    StreamSpec,
    WaitTopic,
)
from polystep.discovery import find_sources
from polystep.project.runner_kinds import kinds_of
from polystep.project.settings import RunnersSection

_TRIGGERS: Final[dict[str, type[HttpTrigger | EventTrigger | CronTrigger]]] = {
    "api": HttpTrigger,
    "event": EventTrigger,
    "cron": CronTrigger,
}


class Declared:
    """Memory of a project's declarations across starts, for files that do not load at the moment."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._memory = project / ".polystep" / "declared.json"
        self._before: Flow | None = None

    def texts(self, flow: Flow) -> dict[str, str]:
        """Generate the types of a flow, by file name; files that fail keep their last declarations."""
        return type_files(with_kept(flow, self.before()), self._project)

    def remember(self, flow: Flow) -> None:
        """Keep the declarations of a flow from now on, for later starts too."""
        before = self.before()
        self._before = dataclasses.replace(with_kept(flow, before), failures=(), findings=(), access_closed="")
        if self._before != before:
            # Without it the next start knows less of files that are broken then; nothing else is lost.
            with contextlib.suppress(OSError, TypeError):
                project_home(self._project)
                write_private(self._memory, orjson.dumps(self._before))

    def before(self) -> Flow:
        """Return the last declarations."""
        if self._before is None:
            try:
                self._before = _flow(orjson.loads(self._memory.read_bytes()))
            except (OSError, ValueError, TypeError, KeyError, AttributeError):  # none, or of another version
                self._before = Flow()
        return self._before

    def prepare(self, runners: RunnersSection) -> tuple[str, ...]:
        """Write the Python types of a checkout without them, so that steps which import them can be loaded.

        Returns:
            The names of the files that were written.

        Raises:
            PolystepError: The project's folder cannot be written.
        """
        patterns = [pattern for kind in kinds_of(runners, self._project) for pattern in kind.patterns]
        if not any(source.language == "python" for source in find_sources(self._project, patterns)):
            return ()
        if (self._project / PYTHON_FILE).exists():
            return ()
        texts = {**first_type_files(), **type_files(self.before(), self._project)}
        write({PYTHON_FILE: texts[PYTHON_FILE]}, self._project)
        return (PYTHON_FILE,)


def _flow(stored: Any) -> Flow:
    """Read a stored flow; raises whatever comes of one that was not stored by this version."""
    return Flow(
        {name: _step(step) for name, step in stored["steps"].items()},
        {
            name: StreamSpec(**{**_members(stream), "source": SourceFile(**stream["source"])})
            for name, stream in stored["streams"].items()
        },
        access=_access(stored["access"]),
    )


def _access(stored: Any) -> AccessSpec | None:
    return None if stored is None else AccessSpec(SourceFile(**stored["source"]), stored["context_schema"])


def _step(stored: dict[str, Any]) -> StepSpec:
    known = _members(stored)
    if stored["trigger"] is not None:
        known["trigger"] = _TRIGGERS[stored["type"]](**_members(stored["trigger"]))
    for name in ("emits", "virtual_emits"):
        known[name] = tuple(Emit(**emit) for emit in stored[name])
    known["waits_for"] = tuple(WaitTopic(**each) for each in stored["waits_for"])
    queue = dict(stored["queue"])
    queue["cancel_on"] = tuple(CancelTopic(**each) for each in queue.get("cancel_on", ()))
    return StepSpec(**{**known, "source": SourceFile(**stored["source"]), "queue": QueuePolicy(**queue)})


def _members(stored: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}
