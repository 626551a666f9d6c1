"""Rules of .gitignore: git itself says what is right."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from polystep.bundle.ignore import is_ignored, read_rules
from polystep.bundle.tree import read_tree

PATHS = [
    "a.log",
    "deep/a.log",
    "build/x.txt",
    "deep/build/x.txt",
    "deep/er/build/x.txt",
    "doc/a.txt",
    "doc/er/a.txt",
    "keep.log",
    "#note",
    "!bang",
    "a b ",
    "x1y",
    "x2y",
    "x!y",
    "docs/er/b.txt",
    "a*b",
]
RULES = [
    "*.log",
    "*.log\n!keep.log",
    "build/",
    "/build",
    "build/\n!build/x.txt",
    "doc/*.txt",
    "doc/**/*.txt",
    "**/build",
    "deep/**",
    "deep/**/build",
    "**",
    "# note\n\n   \n\\#note",
    "\\!bang",
    "a b\\ ",
    "a b   ",
    "x[12]y",
    "x[!12]y",
    "x[^1]y",
    "x?y",
    "doc*/er",
    "a\\*b",
    "*\n!deep/\n!deep/a.log",
    "/*\n!/doc",
]


@pytest.mark.parametrize("rules", RULES)
def test_what_is_left_out_is_what_git_leaves_out(tmp_path: Path, rules: str) -> None:
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    (tmp_path / ".gitignore").write_text(rules)
    listed = ["git", "-c", "core.quotePath=false", "ls-files", "-z", "--others", "--exclude-standard"]
    # Neither the settings of the machine and its user nor the variables of a hook count here.
    home = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL"), "/nonexistent")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    clean |= {**home, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, env=clean, check=True)
    done = subprocess.run(listed, cwd=tmp_path, env=clean, capture_output=True, text=True, check=True)
    git = done.stdout.split("\0")
    assert set(read_tree(tmp_path)) == {path for path in git if path}


def test_rules_of_a_folder_count_from_there() -> None:
    rules = (*read_rules("/a\nb/c"), *read_rules("/d\n", "sub"))
    left_out = [path for path in ("a", "sub/a", "b/c", "sub/b/c", "d", "sub/d") if is_ignored(path, False, rules)]
    assert left_out == ["a", "b/c", "sub/d"]
