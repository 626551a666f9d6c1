"""Feature cards beside a step: where they are found, what a card holds, and what is said of a file that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from polystep.discovery import read_features
from polystep.discovery.features import FEATURES_BYTES_MAX, FEATURES_MAX, Feature

STEP = "src/shop/order.step.ts"
BESIDE = f"{STEP}-features.json"


def write(project: Path, file: str, content: object) -> None:
    path = project / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def problems(project: Path, content: object, lines: int | None = 30) -> tuple[str, ...]:
    write(project, BESIDE, content)
    found = read_features(project, STEP, lines)
    assert found is not None
    return found.problems


def test_cards_are_read_as_motia_writes_them(tmp_path: Path) -> None:
    cards = [
        {
            "id": "route",
            "title": "Route",
            "description": "Where it listens",
            "lines": ["7", "11-12"],
            "link": "https://x",
        },
        {"title": "All", "description": "", "lines": [3, "5 - 9"]},
        {"title": "No lines"},
    ]
    write(tmp_path, BESIDE, cards)
    found = read_features(tmp_path, STEP, 30)
    assert found is not None
    assert (found.file, found.problems) == (BESIDE, ())
    assert found.cards == (
        Feature("route", "Route", "Where it listens", ((7, 7), (11, 12)), "https://x"),
        Feature("", "All", "", ((3, 3), (5, 9)), None),
        Feature("", "No lines", "", (), None),
    )


def test_no_file_is_no_cards_and_no_problem(tmp_path: Path) -> None:
    assert read_features(tmp_path, STEP, 30) is None
    (tmp_path / BESIDE).mkdir(parents=True)
    assert read_features(tmp_path, STEP, 30) is None


def test_a_file_in_the_tutorial_folder_is_found_for_src_and_the_one_beside_goes_first(tmp_path: Path) -> None:
    there = "tutorial/shop/order.step.ts-features.json"
    write(tmp_path, there, [{"title": "There"}])
    found = read_features(tmp_path, STEP, 30)
    assert found is not None
    assert (found.file, found.cards[0].title) == (there, "There")
    assert read_features(tmp_path, "steps/shop/order.step.ts", 30) is None
    write(tmp_path, BESIDE, [{"title": "Here"}])
    found = read_features(tmp_path, STEP, 30)
    assert found is not None
    assert found.cards[0].title == "Here"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ({"title": "x"}, "a list of cards"),
        (["x"], "Card 1 is not an object"),
        ([{"title": "a"}, {"description": "x"}], 'Card 2 has no text "title"'),
        ([{"title": "a", "description": 1}], 'The "description" of card 1 is not text'),
        ([{"title": "a", "lines": "4"}], 'The "lines" of card 1 is not a list'),
        ([{"title": "a", "lines": ["4-x"]}], 'card 1 has the lines "4-x"'),
        ([{"title": "a", "lines": ["0"]}], 'card 1 has the lines "0"'),
        ([{"title": "a", "lines": ["9-4"]}], 'card 1 has the lines "9-4"'),
        ([{"title": "a", "lines": [True]}], "card 1 has the lines true"),
        ([{"title": "a", "lines": ["4-31"]}], 'Card 1, "a", is about line 31, and the file has 30'),
    ],
)
def test_what_is_wrong_is_said_in_words(tmp_path: Path, content: object, words: str) -> None:
    (found,) = problems(tmp_path, content)
    assert words.lower() in found.lower()


def test_a_card_that_is_wrong_leaves_the_others(tmp_path: Path) -> None:
    write(tmp_path, BESIDE, [1, {"title": "ok", "lines": ["2", "nine"]}])
    found = read_features(tmp_path, STEP, 30)
    assert found is not None
    assert [(card.title, card.lines) for card in found.cards] == [("ok", ((2, 2),))]
    assert len(found.problems) == 2


def test_unknown_length_of_a_file_is_no_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, [{"title": "a", "lines": ["4-31"]}], None) == ()


def test_what_is_too_much_is_cut_and_said(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, [{"title": "a"}] * (FEATURES_MAX + 1))
    assert str(FEATURES_MAX) in found
    (found,) = problems(tmp_path, " " * FEATURES_BYTES_MAX + "[]")
    assert "larger" in found
    deep = "[" * 100_000
    assert len(problems(tmp_path, deep)) == 1
    (tmp_path / BESIDE).write_bytes(b"\xff\xfe[]")
    broken = read_features(tmp_path, STEP, 30)
    assert broken is not None
    assert len(broken.problems) == 1
    many = problems(tmp_path, [1] * FEATURES_MAX)
    assert len(many) == 11
    assert many[-1] == "190 more of its cards are wrong."
