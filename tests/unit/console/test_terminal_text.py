"""Text that users and clients wrote, as a terminal may show it."""

from __future__ import annotations

import io
import json

import pytest

from polystep.console import has_colours, terminal_json, terminal_text

NASTY = "a\x1b[2J\x00\x7f\x85\x9b\u2028\u202e\u2067\ud800\r\nb\rc\td\x0be"


def test_what_a_terminal_obeys_is_escaped_and_further_lines_are_set_off() -> None:
    shown = "a\\x1b[2J\\x00\\x7f\\x85\\x9b\\u2028\\u202e\\u2067\\ud800\n  │ b\\x0dc\td\\x0be"
    assert terminal_text(NASTY, colours=False) == shown
    assert len(terminal_text(NASTY, colours=False).splitlines()) == 2
    assert terminal_text("a\nb\n", colours=False, mark="  ") == "a\n  b"


@pytest.mark.parametrize("text", ["", "plain", "é ✖ 日本", "a\tb"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert terminal_text(text, colours=False) == text


def test_json_for_a_terminal_reads_back_as_the_same_value() -> None:
    value = {"é\u202e": [NASTY, "✖"], "n": 1}
    text = terminal_json(value)
    assert json.loads(text) == value
    assert "✖" in text
    assert all(each.isprintable() or each == "\n" for each in text)


def test_colours_are_for_terminals_whose_user_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert not has_colours(output)
    output.isatty = lambda: True  # type: ignore[method-assign]
    assert has_colours(output)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not has_colours(output)
