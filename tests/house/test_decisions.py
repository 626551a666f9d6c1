"""Every page of docs/decisions is listed, and says what was known, chosen and measured, and what follows."""

import re
from pathlib import Path

PARTS = ("Context", "Decision", "Consequences", "Measured")
LINES_MAX = 60  # a page


def test_every_decision_is_in_the_list(root: Path) -> None:
    folder = root / "docs" / "decisions"
    listed = re.findall(r"^\| \[[^\]]+\]\(([\w-]+\.md)\) \|", (folder / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(path.name for path in folder.glob("*.md") if path.name != "README.md")


def test_every_decision_has_its_parts_on_a_page(root: Path) -> None:
    wrong = []
    for path in sorted((root / "docs" / "decisions").glob("*.md")):
        text = path.read_text("utf-8")
        parts = re.findall(r"^\*\*(\w+)\.?\*\*", text, re.MULTILINE)
        if path.name != "README.md" and (tuple(parts) != PARTS or len(text.splitlines()) > LINES_MAX):
            wrong.append(f"{path.name}: {parts}, {len(text.splitlines())} lines")
    assert wrong == []
