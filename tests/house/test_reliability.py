"""docs/reliability.md: every file and every test that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

_FILE = re.compile(r"`(tests/[a-z0-9_/]+\.py)`")
_NAMED = re.compile(r"`(tests/[a-z0-9_/]+\.py)`((?:,? `test_[a-z0-9_]+`)*)")
_TEST = re.compile(r"`(test_[a-z0-9_]+)`")


def test_every_test_that_it_names_exists(root: Path) -> None:
    text = (root / "docs" / "reliability.md").read_text("utf-8")
    named = [(path, test) for path, tests in _NAMED.findall(text) for test in _TEST.findall(tests)]
    missing = [path for path in _FILE.findall(text) if not (root / path).is_file()]
    missing += [
        f"{path}: {test}" for path, test in named if not re.search(rf"def {test}\b", (root / path).read_text("utf-8"))
    ]
    assert missing == []
    assert len(named) == len(_TEST.findall(text))
    assert len(named) > 15


def test_each_sentence_of_the_promise_has_its_row(root: Path) -> None:
    promise = (root / "README.md").read_text("utf-8").partition("## The promise")[2].partition("\n## ")[0]
    page = (root / "docs" / "reliability.md").read_text("utf-8")
    sentences = re.findall(r"^(\d+)\. ", promise, re.MULTILINE)
    assert len(sentences) == 8
    assert re.findall(r"^\| (\d+)\. ", page, re.MULTILINE) == sentences
