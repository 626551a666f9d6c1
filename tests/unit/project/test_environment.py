"""`.env`: what it sets, and the lines that set nothing."""

from __future__ import annotations

from pathlib import Path

from polystep.project.environment import Variables, read_variables


def test_a_bad_line_costs_that_line_alone_and_is_named_by_its_number(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "\ufeffA=1\n# note\n\nAPI KEY sk-secret\nexport B='two words'\nALONE\nC=${A}0\n\nD=\"open\nE=5\n"
    )
    read = read_variables(tmp_path)
    assert read.values == {"A": "1", "B": "two words", "C": "10", "E": "5"}
    assert read.bad_lines == (4, 6, 9)
    assert [str(finding) for finding in read.findings] == [
        f".env: Line {line} sets no variable and is ignored. Write NAME=value." for line in (4, 6, 9)
    ]


def test_a_file_that_is_missing_or_unreadable_sets_nothing(tmp_path: Path) -> None:
    assert read_variables(tmp_path) == Variables()
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    assert [str(each) for each in read_variables(tmp_path).findings] == [
        ".env: It cannot be read and is ignored: it is not UTF-8 text."
    ]
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()
    assert [str(each) for each in read_variables(tmp_path).findings] == [
        ".env: It cannot be read and is ignored: Is a directory."
    ]
