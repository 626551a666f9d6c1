"""Which files are steps and streams."""

from __future__ import annotations

from pathlib import Path

from polystep.contracts.steps import SourceFile, SourcePattern
from polystep.discovery import find_sources

PATTERNS = (
    SourcePattern(".step.ts", "step", "typescript", "node"),
    SourcePattern("_step.py", "step", "python", "python"),
    SourcePattern(".step.py", "step", "python", "python"),
    SourcePattern(".stream.ts", "stream", "typescript", "node"),
)


def make(project: Path, *paths: str) -> None:
    for path in paths:
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).touch()


def found(project: Path) -> list[str]:
    return [source.path for source in find_sources(project, PATTERNS)]


def test_files_of_both_folders_are_found_with_kind_language_and_runner(tmp_path: Path) -> None:
    make(tmp_path, "src/deep/er/b.step.ts", "steps/a_step.py", "steps/old.step.py", "steps/live.stream.ts")
    assert find_sources(tmp_path, PATTERNS) == (
        SourceFile("src/deep/er/b.step.ts", "step", "typescript", "node"),
        SourceFile("steps/a_step.py", "step", "python", "python"),
        SourceFile("steps/live.stream.ts", "stream", "typescript", "node"),
        SourceFile("steps/old.step.py", "step", "python", "python"),
    )


def test_files_elsewhere_and_with_other_names_are_no_steps(tmp_path: Path) -> None:
    make(tmp_path, "a.step.ts", "lib/a.step.ts", "steps/helper.ts", "steps/a.step.tsx", "steps/a.step.test.ts")
    assert found(tmp_path) == []


def test_package_folders_caches_and_what_is_hidden_are_passed_over(tmp_path: Path) -> None:
    make(
        tmp_path,
        "steps/node_modules/p/a.step.ts",
        "steps/__pycache__/a_step.py",
        "steps/venv/a_step.py",
        "steps/.git/a.step.ts",
        "steps/.hidden.step.ts",
        "steps/.#locked.step.ts",
        "steps/kept.step.ts",
    )
    assert found(tmp_path) == ["steps/kept.step.ts"]


def test_a_name_that_is_only_the_suffix_is_no_step(tmp_path: Path) -> None:
    make(tmp_path, "steps/_step.py", "steps/.step.ts", "steps/x_step.py")
    assert found(tmp_path) == ["steps/x_step.py"]


def test_links_to_folders_are_not_followed_and_links_to_files_are(tmp_path: Path) -> None:
    make(tmp_path, "elsewhere/far.step.ts", "steps/near.step.ts")
    (tmp_path / "steps" / "loop").symlink_to(tmp_path / "steps")
    (tmp_path / "steps" / "out").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "steps" / "linked.step.ts").symlink_to(tmp_path / "elsewhere" / "far.step.ts")
    assert found(tmp_path) == ["steps/linked.step.ts", "steps/near.step.ts"]


def test_a_project_without_the_folders_has_no_steps(tmp_path: Path) -> None:
    assert find_sources(tmp_path, PATTERNS) == ()
