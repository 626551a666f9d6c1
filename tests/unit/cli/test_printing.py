"""What steps and clients wrote, as the commands print it."""

from __future__ import annotations

import io
import logging

import pytest
from typer.testing import CliRunner

from polystep.app import Console
from polystep.cli import operate
from polystep.cli.main import app
from polystep.cli.printing import show
from polystep.cli.serve import logging_to

FORGED = "hello\n2026-01-01 00:00:00 [ERROR] Payments refused\x1b[2J\u202e"
SHOWN = "hello\n  │ 2026-01-01 00:00:00 [ERROR] Payments refused\\x1b[2J\\u202e"
FINDING = {"severity": "error", "kind": "topic", "file": "a.ts", "message": FORGED}
STEP = {"name": "A", "type": "api", "language": "python", "file": "a.py", "error": FORGED}
TRACE = {"traceId": "t", "startedAt": 0, "status": "failed", "durationMs": None, "name": FORGED}


@pytest.mark.parametrize(
    ("verb", "answer"),
    [
        (["logs"], {"logs": [{"time": 0, "level": "info", "step": "A", "message": FORGED, "fields": None}]}),
        (["logs"], {"logs": [{"time": 0, "level": "info", "step": FORGED, "message": "m", "fields": None}]}),
        (["dead-letters"], {"deadLetters": [{"id": 1, "diedAt": 0, "step": "A", "error": {"message": FORGED}}]}),
        (["traces"], {"traces": [TRACE]}),
        (["queues"], {"queues": [{"waiting": 1, "step": FORGED}]}),
        (["queues"], {"queues": [], "parked": [{"waiting": 1, "topic": FORGED, "oldestMs": 0}]}),
        (["cron"], {"cron": [{"step": "A", "expression": "* * * * *", "error": FORGED, "next": None}]}),
        (["replay", "1"], {"step": FORGED, "traceId": "t"}),
    ],
)
def test_no_text_of_a_client_makes_a_line_of_its_own(
    verb: list[str], answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operate, "ask", lambda *_, **__: answer)
    assert SHOWN in CliRunner().invoke(app, verb).stdout


@pytest.mark.parametrize("answer", [{"findings": [FINDING]}, {"steps": [STEP]}])
def test_further_lines_of_an_error_of_a_file_are_indented(answer: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operate, "ask", lambda *_, **__: answer)
    assert SHOWN.replace("│ ", "") in CliRunner().invoke(app, ["steps"]).stdout


def test_a_trace_is_json_that_a_terminal_does_not_obey(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operate, "ask", lambda *_, **__: {"é": "a\u202e\x9b\n"})
    assert CliRunner().invoke(app, ["trace", "t"]).stdout == '{\n  "é": "a\\u202e\\u009b\\n"\n}\n'


def test_progress_goes_beside_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    show(FORGED, err=True)
    assert capsys.readouterr() == ("", f"{SHOWN}\n")


@pytest.mark.parametrize("name", ["polystep.http", "aiohttp.server", "asyncio"])
def test_log_lines_of_the_host_and_of_libraries_go_through_the_console(name: str) -> None:
    output = io.StringIO()
    console = Console(output)
    with logging_to(console):
        logging.getLogger(name).error("GET %s", "/a\n✖ [ERROR] forged")
        logging.getLogger(name).warning("careful\n➜ forged")
        logging.getLogger("aiohttp.access").info("not shown")
    logging.getLogger(name).info("later")
    console.stop()
    assert output.getvalue().splitlines() == [
        "✖ [ERROR] GET /a",
        "  │ ✖ [ERROR] forged",
        "⚠ [WARNING] careful",
        "  │ ➜ forged",
    ]
