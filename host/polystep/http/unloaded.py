"""Answers for routes whose step is declared and does not run, and for paths that nobody can know yet."""

from __future__ import annotations

from typing import Final

from polystep.contracts.ports.http import ProjectView
from polystep.contracts.steps import StepSpec
from polystep.http.refusals import RequestRefused

_FILES_SHOWN_MAX: Final = 5


def not_loaded(project: ProjectView, step: StepSpec, reason: str, *, dev: bool) -> RequestRefused:
    """503 for the route of a step whose file does not load; its author reads why, the clients of a server do not."""
    if not project.ready:
        hint = f"{step.source.path} is loading." if dev else "The steps are loading."
        return RequestRefused(503, {"error": "Starting", "hint": hint}, {"Retry-After": "1"})
    if not dev:
        return RequestRefused(503, {"error": "Step not available"}, {"Retry-After": "30"})
    return RequestRefused(
        503,
        {
            "error": "Step not loaded",
            "step": step.name,
            "file": step.source.path,
            "message": reason,
            "hint": f"Mend {step.source.path} and save it: the route answers again at once.",
        },
        {"Retry-After": "1"},
    )


def runner_missing(project: ProjectView, *, dev: bool) -> RequestRefused:
    """503 for a path that a step of a runner may claim which has never started."""
    if not dev:
        return RequestRefused(503, {"error": "Step not available"}, {"Retry-After": "5"})
    hint = " ".join(f"The {name} steps are not loaded: {why}" for name, why in project.missing.items())
    return RequestRefused(503, {"error": "Step not loaded", "hint": hint}, {"Retry-After": "1"})


def broken_files(project: ProjectView) -> str:
    """Name the files that do not load in a sentence; empty when all do."""
    files = [failure.source.path for failure in project.flow.failures]
    if not files:
        return ""
    more = len(files) - _FILES_SHOWN_MAX
    shown = ", ".join(files[:_FILES_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")
    return f"The path may be claimed in a file that does not load: {shown}."
