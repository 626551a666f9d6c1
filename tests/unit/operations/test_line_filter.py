"""Filter of log lines: words as they are typed, and the conditions of a reader of the live feed."""

from __future__ import annotations

import pytest

from polystep.contracts.ports.inspection import LogWord
from polystep.contracts.trace import LogLine
from polystep.operations.line_filter import WORDS_MAX, LineFilter, words_of

TRACE = "ab" * 16


def line(message: str = "Order placed", level: str = "info", step: str | None = "Pack") -> LogLine:
    return LogLine(1, level, message, '{"item":"vase","count":3}', step, TRACE, "r1", "logger")


def filter_of(query: str) -> LineFilter:
    found = LineFilter.read(query, lambda flow: ["Pack"] if flow == "shop" else [])
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  Late  -Poll ", [LogWord("late"), LogWord("poll", True)]),
        ('"two Words" -"not this"', [LogWord("two words"), LogWord("not this", True)]),
        (r'"a \"quoted\" part"', [LogWord('a "quoted" part')]),
        ('"never ends', [LogWord('"never'), LogWord("ends")]),
        ("item=Vase", [LogWord("item=vase", False, "item", ('"Vase"', "Vase"))]),
        ('-"item=two parts"', [LogWord("item=two parts", True, "item", ('"two parts"', "two parts"))]),
        ("- -- ÄRGER", [LogWord("-"), LogWord("-", True), LogWord("Ärger")]),
        ("=x a=", [LogWord("=x"), LogWord("a=")]),
    ],
)
def test_words_are_read_as_they_are_typed(text: str, words: list[LogWord]) -> None:
    assert words_of(text) == words


def test_further_words_are_left_out() -> None:
    assert len(words_of("word " * 1000)) == WORDS_MAX


@pytest.mark.parametrize(
    ("query", "through"),
    [
        ("minLevel=info", True),
        ("minLevel=warn", False),
        ("level=info", True),
        ("level=debug", False),
        ("step=Pack", True),
        ("step=Other", False),
        ("flow=shop", True),
        ("flow=other", False),
        (f"traceId={TRACE[:8]}", True),
        ("traceId=0000", False),
        ("runId=r1", True),
        ("runId=r2", False),
        ("text=ORDER+pack+vase", True),
        ("text=order+-placed", False),
        ("text=item%3Dvase+count%3D3", True),
        ("text=item%3Dvas", False),
        ("text=-item%3Dvase", False),
        ("text=-count%3D4", True),
    ],
)
def test_a_line_goes_through_when_every_condition_holds(query: str, through: bool) -> None:
    assert filter_of(query).lets_through(line()) is through


@pytest.mark.parametrize("query", ["", "a", "color=red", "level=loud", "step", "&".join(["step=a"] * 50)])
def test_what_is_no_filter_is_none(query: str) -> None:
    assert LineFilter.read(query, lambda _: []) is None
