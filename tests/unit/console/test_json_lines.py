"""JSON lines: one object for everything that is told, whatever is in it."""

from __future__ import annotations

import io
import json
import threading
from typing import Any

import pytest

from polystep.console import JsonLines, line_writer
from polystep.contracts.steps import Finding, HttpTrigger, SourceFile, StepSpec

SOURCE = SourceFile("steps/a.step.ts", "step", "typescript", "node")
STEP = StepSpec("A", "api", SOURCE, HttpTrigger("GET", "/"))
TIME_MS = 1_767_225_600_123


class Told:
    """Lines of one writer."""

    def __init__(self) -> None:
        self._output = io.StringIO()
        self.lines = JsonLines(self._output)

    def read(self) -> list[dict[str, Any]]:
        self.lines.stop()
        found = [json.loads(line) for line in self._output.getvalue().rstrip("\n").split("\n")]
        assert all(each["time"].endswith("Z") for each in found)
        return [{name: value for name, value in each.items() if name != "time"} for each in found]


def test_everything_that_is_told_is_an_object_of_its_own() -> None:
    told = Told()
    told.lines.info("ready")
    told.lines.warning("likely\na mistake")
    told.lines.error("broken", "line 1\nline 2")
    told.lines.error("plain")
    told.lines.step("CREATED", STEP)
    told.lines.finding(Finding("topic", "warning", "a.step.ts", "nobody"))
    told.lines.failure(SOURCE, "no import")
    assert told.read() == [
        {"level": "info", "message": "ready"},
        {"level": "warn", "message": "likely\na mistake"},
        {"level": "error", "message": "broken", "details": "line 1\nline 2"},
        {"level": "error", "message": "plain"},
        {"level": "info", "message": "steps/a.step.ts created", "file": "steps/a.step.ts"},
        {"level": "warn", "message": "a.step.ts: nobody", "file": "a.step.ts"},
        {
            "level": "error",
            "message": "steps/a.step.ts does not load",
            "file": "steps/a.step.ts",
            "details": "no import",
        },
    ]


def test_a_log_line_of_a_step_has_its_trace_and_its_fields() -> None:
    output = io.StringIO()
    lines = JsonLines(output)
    lines.log(
        "info", "paid", time_ms=TIME_MS, step="A", trace_id="t", fields='{"n":9007199254740993}', details="at a.ts"
    )
    lines.log("debug", "bare", time_ms=TIME_MS, step=None, trace_id=None, fields=None)
    lines.stop()
    assert [json.loads(line) for line in output.getvalue().splitlines()] == [
        {
            "time": "2026-01-01T00:00:00.123Z", "level": "info", "message": "paid", "step": "A", "traceId": "t",
            "fields": {"n": 9007199254740993}, "details": "at a.ts",
        },
        {"time": "2026-01-01T00:00:00.123Z", "level": "debug", "message": "bare", "step": None, "traceId": None},
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["\ud83d", "\x00\x1b[31m", "\u2028", '"}{', "é 😀"])
def test_no_text_breaks_a_line(text: str) -> None:
    told = Told()
    told.lines.info(text)
    told.lines.log("info", text, time_ms=TIME_MS, step="A", trace_id=None, fields=json.dumps({"x": "é"}), details=text)
    first, second = told.read()
    assert first["message"] == second["message"] == second["details"] == text.replace("\ud83d", "?")


class Slow(io.StringIO):
    """Takes nothing before it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.writing, self.let = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.writing.set()
        self.let.wait(30)
        return super().write(text)


def test_lines_that_were_dropped_are_told_in_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_writer, "LINES_MAX", 2)
    output = Slow()
    lines = JsonLines(output)
    lines.info("first")
    assert output.writing.wait(30)
    for number in range(5):
        lines.info(str(number))
    output.let.set()
    lines.stop()
    found = [json.loads(line)["message"] for line in output.getvalue().splitlines()]
    assert found == ["first", "0", "1", "3 lines were not written: whoever reads them is slower than the logs"]
