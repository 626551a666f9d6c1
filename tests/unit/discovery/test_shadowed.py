"""JavaScript files beside TypeScript files of the same name."""

from __future__ import annotations

from polystep.contracts.steps import SourceFile
from polystep.discovery import pass_over_shadowed


def source(path: str) -> SourceFile:
    return SourceFile(path, "step", "javascript", "node")


def test_what_a_build_has_left_is_passed_over_and_named() -> None:
    sources = [source(f"steps/{name}") for name in ("a.step.js", "a.step.ts", "b.step.js", "b_step.py", "c.step.js")]
    kept, (finding,) = pass_over_shadowed(sources)
    assert [each.path for each in kept] == [
        "steps/a.step.ts",
        "steps/b.step.js",
        "steps/b_step.py",
        "steps/c.step.js",
    ]
    assert (finding.file, finding.severity) == ("steps/a.step.js", "warning")
    assert "steps/a.step.ts stands beside it" in finding.message
