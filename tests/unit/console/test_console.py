"""What the terminal shows, and what happens when it does not keep up."""

from __future__ import annotations

import io
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from polystep.console import Console, line_writer
from polystep.contracts.steps import HttpTrigger, SourceFile, StepSpec, StreamSpec

SOURCE = SourceFile("steps/a.step.ts", "step", "typescript", "node")
STEP = StepSpec("A", "api", SOURCE, HttpTrigger("GET", "/"))
TIME_MS = 1_767_225_600_000
BOUND_S = 10


class SlowTerminal(io.StringIO):
    """Takes one write at a time, when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.writing, self.let = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.writing.set()
        assert self.let.wait(BOUND_S)
        return super().write(text)


def shown(console: Console, output: io.StringIO) -> list[str]:
    console.stop()
    return output.getvalue().splitlines()


def test_every_kind_of_line_has_its_mark() -> None:
    output = io.StringIO()
    console = Console(output)
    console.line("plain")
    console.info("info")
    console.warning("careful")
    console.error("broken", "first\nsecond")
    console.step("CREATED", STEP)
    console.step("REMOVED", StreamSpec("s", SOURCE))
    console.failure(SOURCE, "why")
    console.log("info", "said", time_ms=TIME_MS, step="A", trace_id="4bf92f3577b34da6", fields='{"n":1}')
    console.log("warn", "said", time_ms=TIME_MS, step=None, trace_id=None, fields=None)
    at = time.strftime("%H:%M:%S", time.localtime(TIME_MS / 1000))
    assert shown(console, output) == [
        "plain",
        "➜ info",
        "⚠ [WARNING] careful",
        "✖ [ERROR] broken",
        "  │ first",
        "  │ second",
        "➜ [CREATED] Step (API) steps/a.step.ts created",
        "➜ [REMOVED] Stream steps/a.step.ts removed",
        "✖ [ERROR] steps/a.step.ts",
        "  │ why",
        f'[{at}] 77b34da6 [INFO] A said {{"n":1}}',
        f"[{at}]          [WARN] - said",
    ]


def test_colours_are_used_when_asked_for() -> None:
    output = io.StringIO()
    console = Console(output, colour=True)
    console.info("info")
    assert shown(console, output) == ["\x1b[36m➜\x1b[0m info"]


def test_no_color_turns_the_colours_of_a_terminal_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def first_line() -> str:
        output = io.StringIO()
        output.isatty = lambda: True  # type: ignore[method-assign]
        console = Console(output)
        console.info("info")
        return shown(console, output)[0]

    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = first_line()
    monkeypatch.setenv("NO_COLOR", "1")
    assert (coloured, first_line()) == ("\x1b[36m➜\x1b[0m info", "➜ info")


@pytest.mark.parametrize(("colour", "red"), [(True, "\x1b[31mred\x1b[0m"), (False, "red")])
def test_what_a_terminal_would_obey_is_shown_escaped_and_colours_are_for_terminals(colour: bool, red: str) -> None:
    output = io.StringIO()
    console = Console(output, colour=colour)
    nasty = "a\x1b[2Jb\x1b]0;title\x07c\rd\x9b1Ae\x1b[31mred\x1b[0m\tf"
    console.error(nasty, nasty)
    clean = f"a\\x1b[2Jb\\x1b]0;title\\x07c\\rd\\x9b1Ae{red}\tf".replace("\\r", "\\x0d")
    assert [line.partition(" a")[2] for line in shown(console, output)] == [clean[1:], clean[1:]]


FORGED = "hello\n✖ [ERROR] Payments: refused\r\n[13:05:10] 77b34da6 [INFO] Payments paid\x1b[8m"


@pytest.mark.parametrize(
    "kind", ["info", "warning", "error", "log", "fields", "details", "step", "trace", "failure", "path"]
)
def test_no_text_of_a_client_makes_a_line_that_looks_like_the_hosts(kind: str) -> None:
    output = io.StringIO()
    console = Console(output)
    if kind == "details":
        console.log("info", "m", time_ms=TIME_MS, step="A", trace_id=None, fields=None, details=FORGED)
    elif kind in ("log", "fields", "step", "trace"):
        used: dict[str, Any] = {"message": "m", "fields": None, "step": "A", "trace_id": None}
        used[{"log": "message", "trace": "trace_id"}.get(kind, kind)] = FORGED
        message = used.pop("message")
        assert message is not None
        console.log("info", message, time_ms=TIME_MS, **used)
    elif kind == "failure":
        console.failure(SOURCE, FORGED)
    elif kind == "path":
        console.step("CREATED", replace(STEP, source=replace(SOURCE, path=FORGED)))
    else:
        getattr(console, kind)(FORGED)
    first, *further = shown(console, output)
    assert first.startswith(("➜ ", "⚠ [WARNING] ", "✖ [ERROR] ", "["))
    if kind == "trace":
        assert further == []  # only its end is shown
        return
    assert [line[: len("  │ ✖")] for line in further[-2:]] == ["  │ ✖", "  │ ["]
    assert all(line.startswith("  │ ") for line in further)
    assert further[-1].startswith("  │ [13:05:10] 77b34da6 [INFO] Payments paid")
    assert "\x1b" not in output.getvalue()


def test_a_colour_ends_with_its_line() -> None:
    output = io.StringIO()
    console = Console(output, colour=True)
    console.info("a\x1b[31mb\nc\x1b[8md\ne\x1b[1mf\x1b[m")
    assert shown(console, output) == [
        "\x1b[36m➜\x1b[0m a\x1b[31mb\x1b[0m",
        "  \x1b[90m│\x1b[0m c\x1b[8md\x1b[0m",
        "  \x1b[90m│\x1b[0m e\x1b[1mf\x1b[m",
    ]


def test_text_cannot_be_turned_around() -> None:
    output = io.StringIO()
    console = Console(output)
    console.warning("a\u202etxt.exe\u2066b\u2028c")
    console.log("info", "m", time_ms=TIME_MS, step="A\u202e", trace_id=None, fields='{"a":"\u202e"}')
    lines = shown(console, output)
    assert lines[0] == "⚠ [WARNING] a\\u202etxt.exe\\u2066b\\u2028c"
    assert lines[1].endswith('[INFO] A\\u202e m {"a":"\\u202e"}')


def test_long_fields_are_cut() -> None:
    output = io.StringIO()
    console = Console(output)
    console.log("info", "m", time_ms=TIME_MS, step="A", trace_id=None, fields=f'{{"a":"{"y" * 1000}"}}')
    (line,) = shown(console, output)
    assert line.endswith("…")
    assert line[line.index("{") :].startswith('{"a":"yyy')
    assert len(line[line.index("{") :]) == 401


def test_lines_that_a_slow_terminal_misses_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_writer, "LINES_MAX", 3)
    output = SlowTerminal()
    console = Console(output)
    console.line("first")
    assert output.writing.wait(BOUND_S)
    for number in range(5):
        console.line(f"line {number}")
    output.let.set()
    assert shown(console, output) == [
        "first",
        "line 0",
        "line 1",
        "line 2",
        "… 2 lines were not shown: the terminal is slower than the logs",
    ]


def test_a_terminal_that_stands_still_does_not_keep_the_host_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_writer, "LINES_MAX", 1)
    monkeypatch.setattr(line_writer, "STOP_S", 0.05)
    output = SlowTerminal()
    console = Console(output)
    console.line("first")
    assert output.writing.wait(BOUND_S)
    console.line("second")
    console.stop()
    output.let.set()


def test_a_terminal_that_is_gone_stops_nothing() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    console = Console(Gone())
    console.line("lost")
    console.stop()
    console.line("lost too")
    console.stop()


def test_a_terminal_without_unicode_shows_question_marks_and_goes_on() -> None:
    raw = io.BytesIO()
    console = Console(io.TextIOWrapper(raw, encoding="ascii"))
    console.info("first")
    console.info("é")
    console.stop()
    assert raw.getvalue() == b"? first\n? ?\n"
