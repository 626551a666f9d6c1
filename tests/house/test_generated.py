"""Files that are generated from the table of operations are up to date."""

from pathlib import Path

from polystep.operations.generated import generated_files


def test_generated_files_are_those_of_the_table(root: Path) -> None:
    outdated = [name for name, text in generated_files().items() if (root / name).read_text("utf-8") != text]
    assert outdated == [], "run: python -m polystep.operations"
