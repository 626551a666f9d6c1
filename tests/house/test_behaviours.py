"""docs/behaviours.md names each behaviour of durable handlers once, with a test that there is."""

import re
from pathlib import Path

NUMBERS = range(1, 71)


def test_every_behaviour_has_a_row_and_every_row_a_test_that_exists(root: Path) -> None:
    text = (root / "docs/behaviours.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| (.+) \| (.+) \|$", text, re.MULTILINE)
    numbers = [int(number) for number, _, _ in rows]
    assert len(numbers) == len(set(numbers))
    assert set(NUMBERS) <= set(numbers)
    for number, _, held_by in rows:
        if held_by == "not yet":
            continue
        found = re.fullmatch(r"\[\w+\]\(\.\./(tests/[\w/.]+)\) `(\w+)`", held_by)
        assert found is not None, number
        assert f"def {found[2]}(" in (root / found[1]).read_text("utf-8"), number
