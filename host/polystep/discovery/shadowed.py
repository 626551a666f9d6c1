"""Search for JavaScript files that a TypeScript file of the same name stands in front of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from polystep.contracts.steps import Finding, SourceFile

_SOURCE_ENDINGS: Final = {".js": ".ts"}
"""Ending that Node takes when both are there, by the ending that was asked for: builds leave `.js` beside `.ts`."""


def pass_over_shadowed(sources: Sequence[SourceFile]) -> tuple[tuple[SourceFile, ...], tuple[Finding, ...]]:
    """Leave out files that cannot be loaded, since Node loads another in their place; each becomes a finding."""
    paths = {source.path for source in sources}
    kept, findings = [], []
    for source in sources:
        if (other := _in_front(source.path)) not in paths:
            kept.append(source)
            continue
        message = f"It is passed over, since {other} stands beside it. Delete it, or give it another name."
        findings.append(Finding("project", "warning", source.path, message))
    return tuple(kept), tuple(findings)


def _in_front(path: str) -> str | None:
    for ending, taken in _SOURCE_ENDINGS.items():
        if path.endswith(ending):
            return path.removesuffix(ending) + taken
    return None
