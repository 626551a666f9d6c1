"""Files that only the Workbench reads are checked, those without a step named, and nothing that is the user's own."""

from __future__ import annotations

from pathlib import Path

from polystep.contracts.steps import Finding, SourceFile, SourcePattern
from polystep.discovery import find_sources, find_workbench_files

PATTERNS = (
    SourcePattern(".step.ts", "step", "typescript", "node"),
    SourcePattern("_step.py", "step", "python", "python"),
)


def make(project: Path, *files: str, text: str = "[]") -> None:
    for file in files:
        path = project / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(project: Path) -> tuple[Finding, ...]:
    return find_workbench_files(project, find_sources(project, PATTERNS))


def test_pictures_of_steps_are_one_warning(tmp_path: Path) -> None:
    make(tmp_path, "src/a.step.tsx", "steps/b/c.step.jsx")
    (finding,) = found(tmp_path)
    assert (finding.kind, finding.severity, finding.file) == ("project", "warning", "")
    assert finding.message == (
        "Only Motia's Workbench reads these files, so they have no effect: src/a.step.tsx, steps/b/c.step.jsx. "
        "Remove them."
    )


def test_notes_beside_a_step_are_no_step_and_no_finding(tmp_path: Path) -> None:
    make(tmp_path, "src/a.step.ts", "steps/e_step.py", text="x\n")
    make(tmp_path, "src/a.step.ts-features.json", "steps/e_step.py-features.json")
    assert [each.path for each in find_sources(tmp_path, PATTERNS)] == ["src/a.step.ts", "steps/e_step.py"]
    assert found(tmp_path) == ()


def test_notes_that_are_wrong_are_found_with_their_file(tmp_path: Path) -> None:
    make(tmp_path, "src/a.step.ts", text="one\ntwo\n")
    make(tmp_path, "src/a.step.ts-features.json", text='[{"title": "T", "lines": ["3"]}]')
    (finding,) = found(tmp_path)
    assert (finding.file, finding.severity) == ("src/a.step.ts-features.json", "warning")
    assert "is about line 3, and the file has 2" in finding.message


def test_notes_without_their_step_are_found(tmp_path: Path) -> None:
    make(tmp_path, "src/d.step-features.json", "src/gone.step.ts-features.json")
    first, second = found(tmp_path)
    assert first.message == (
        "It is shown with no step. Name it after the whole name of a step's file, such as d.step.ts-features.json."
    )
    assert (first.file, second.file) == ("src/d.step-features.json", "src/gone.step.ts-features.json")
    assert second.message == "It is shown with no step: there is no step gone.step.ts beside it."


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    make(tmp_path, "src/a.step.ts", "src/view.tsx", "src/my-features.json", "src/step.tsx", "web/a.step.tsx")
    make(tmp_path, "src/node_modules/x/a.step.tsx")
    assert found(tmp_path) == ()


def test_a_step_that_cannot_be_read_is_no_reason_to_stop(tmp_path: Path) -> None:
    make(tmp_path, "src/a.step.ts-features.json", text='[{"title": "T", "lines": ["3"]}]')
    sources = (SourceFile("src/a.step.ts", "step", "typescript", "node"),)
    assert find_workbench_files(tmp_path, sources) == ()
