"""Files of Motia's Workbench are named once, and nothing that is the user's own."""

from __future__ import annotations

from pathlib import Path

from polystep.discovery import find_workbench_files


def make(project: Path, *files: str) -> None:
    for file in files:
        path = project / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")


def test_all_of_them_are_one_warning(tmp_path: Path) -> None:
    make(tmp_path, "src/a.step.tsx", "steps/b/c.step.jsx", "src/a.step.ts-features.json", "src/d.step-features.json")
    make(tmp_path, "src/e_step.py-features.json", "src/f.step.tsx")
    (finding,) = find_workbench_files(tmp_path)
    assert (finding.kind, finding.severity, finding.file) == ("project", "warning", "")
    assert finding.message == (
        "Only Motia's Workbench reads these files, so they have no effect: src/a.step.ts-features.json, "
        "src/a.step.tsx, src/d.step-features.json, src/e_step.py-features.json, src/f.step.tsx and 1 more. Remove them."
    )


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    make(tmp_path, "src/a.step.ts", "src/view.tsx", "src/my-features.json", "src/step.tsx", "web/a.step.tsx")
    make(tmp_path, "src/node_modules/x/a.step.tsx")
    assert find_workbench_files(tmp_path) == ()
