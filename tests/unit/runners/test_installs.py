"""Installs below `.polystep/`: which are kept."""

from __future__ import annotations

import os
from pathlib import Path

from polystep.runners.installs import is_complete, last_complete, mark_used, prune


def install(home: Path, name: str, used_s: float, base: str = "") -> Path:
    folder = home / name
    folder.mkdir()
    mark_used(folder, base)
    os.utime(folder / ".polystep-complete", (used_s, used_s))
    return folder


def unfinished(home: Path, name: str, changed_s: float) -> Path:
    folder = home / name
    folder.mkdir()
    os.utime(folder, (changed_s, changed_s))
    return folder


def test_the_current_one_and_the_one_used_last_are_kept(tmp_path: Path) -> None:
    current = install(tmp_path, "venv-a", 9000)
    for number, name in enumerate(["venv-b", "venv-c", "venv-d"]):
        install(tmp_path, name, 1000 + number)
    install(tmp_path, "bridge-node-a", 10)
    (tmp_path / "venv").symlink_to("venv-a")
    prune(current)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bridge-node-a", "venv", "venv-a", "venv-d"]


def test_one_that_was_never_finished_goes_unless_it_may_be_under_way(tmp_path: Path) -> None:
    current = install(tmp_path, "bridge-node-a", 9000)
    old, fresh = unfinished(tmp_path, "bridge-node-b", 1000), unfinished(tmp_path, "bridge-node-c", 8000)
    prune(current)
    assert (old.exists(), fresh.exists(), is_complete(fresh)) == (False, True, False)


def test_the_last_complete_one_is_that_with_the_same_base(tmp_path: Path) -> None:
    first = install(tmp_path, "venv-a", 1000, "python 3.11")
    install(tmp_path, "venv-b", 2000, "python 3.12")
    unfinished(tmp_path, "venv-c", 3000)
    assert last_complete(tmp_path, "venv", "python 3.11") == first
    assert last_complete(tmp_path, "venv", "python 3.13") is None
