"""Which files there are, when they are written, and what is never overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from polystep.codegen import first_type_files, outdated, type_files, with_kept, write
from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import Flow, LoadFailure
from tests.unit.codegen.corpus import S, obj
from tests.unit.codegen.flows import event, flow, source, stream

TS, PY = "types.d.ts", "polystep_types.py"
TYPESCRIPT, PYTHON = event("A", "t", input=obj("a", a=S)), event("P", "t", language="python")


def test_each_language_of_a_project_has_its_file(tmp_path: Path) -> None:
    assert type_files(Flow(), tmp_path) == {}
    assert list(type_files(flow(TYPESCRIPT), tmp_path)) == [TS]
    assert list(type_files(flow(PYTHON), tmp_path)) == [PY]
    assert list(type_files(flow(stream("s")), tmp_path)) == [TS]
    broken = LoadFailure(source("steps/x_step.py", "python"), "bad")
    assert list(type_files(flow(TYPESCRIPT, failures=(broken,)), tmp_path)) == [TS, PY]
    # What is there stays up to date when the last step of its language goes.
    write({PY: "x"}, tmp_path)
    assert list(type_files(flow(TYPESCRIPT), tmp_path)) == [TS, PY]


def test_a_file_is_written_when_it_says_something_else(tmp_path: Path) -> None:
    texts = type_files(flow(TYPESCRIPT, PYTHON), tmp_path)
    assert outdated(texts, tmp_path) == texts
    write(texts, tmp_path)
    assert outdated(texts, tmp_path) == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == [PY, TS]
    other = type_files(flow(TYPESCRIPT), tmp_path)
    assert list(outdated(other, tmp_path)) == [TS, PY] or list(outdated(other, tmp_path)) == [TS]
    assert (tmp_path / TS).stat().st_mode & 0o777 == 0o644


def test_a_file_that_was_not_generated_is_left_alone(tmp_path: Path) -> None:
    texts = type_files(flow(TYPESCRIPT), tmp_path)
    for ours in ("", "\n", "/**\n * Automatically generated types for motia\n */\n", *first_type_files().values()):
        (tmp_path / TS).write_text(ours)
        assert list(outdated(texts, tmp_path)) == [TS]
    (tmp_path / TS).write_text("export type Mine = 1\n")
    with pytest.raises(LoadFailed, match="was not generated, so it is left alone"):
        outdated(texts, tmp_path)
    (tmp_path / TS).unlink()
    (tmp_path / TS).mkdir()
    with pytest.raises(LoadFailed, match="cannot be read: Is a directory"):
        outdated(texts, tmp_path)


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / TS).mkdir()
    with pytest.raises(LoadFailed, match="cannot be written"):
        write({TS: "x"}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [TS]
    with pytest.raises(LoadFailed, match="No such file or directory"):
        write({TS: "x"}, tmp_path / "gone")


@pytest.mark.parametrize(
    ("package", "augments"),
    [
        ('{"version": "0.17.14"}', True),
        ('{"version": "1.0.4"}', False),
        ("{broken", False),
        ("[]", False),
        (None, False),
    ],
)
def test_the_package_is_added_to_where_it_has_these_types(tmp_path: Path, package: str | None, augments: bool) -> None:
    project = tmp_path / "packages" / "app"
    project.mkdir(parents=True)
    if package is not None:
        (tmp_path / "node_modules" / "motia").mkdir(parents=True)
        (tmp_path / "node_modules" / "motia" / "package.json").write_text(package)
    text = type_files(flow(TYPESCRIPT), project)[TS]
    assert ("import type { ApiResponse" in text) is augments
    assert ("interface EventConfig" in text) is not augments


def test_files_that_fail_keep_what_they_declared() -> None:
    before = flow(event("A", "t"), event("B", "t"), stream("s"))
    failed = tuple(LoadFailure(source(path), "bad") for path in ("steps/A", "steps/s.stream.ts", "steps/never"))
    after = flow(event("C", "t"), failures=failed)
    kept = with_kept(after, before)
    assert (sorted(kept.steps), sorted(kept.streams), kept.failures) == (["A", "C"], ["s"], failed)
    # Another file has the name by now.
    moved = flow(event("A", "other"), failures=failed)
    assert with_kept(moved, before).steps["A"].topics == ("other",)
    assert with_kept(flow(event("C", "t")), before).steps.keys() == {"C"}
