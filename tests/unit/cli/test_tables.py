"""Results of operations as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from polystep.cli import tables


def printed(capsys: pytest.CaptureFixture[str], show: tables.Show, result: Any, **given: Any) -> tuple[str, str]:
    show(result, given)
    output = capsys.readouterr()
    return output.out.strip(), output.err.strip()


@pytest.mark.parametrize(
    ("show", "result", "out", "err"),
    [
        (
            tables.show_cancelled_event,
            {"id": "i", "topic": "t", "removed": ["A", "B"]},
            "The event i of t was cancelled for A, B.",
            "",
        ),
        (
            tables.show_cancelled_event,
            {"id": "i", "topic": "t", "removed": []},
            "",
            "No event i of t waits to start.",
        ),
        (
            tables.show_emitted,
            {"topic": "t", "deliveries": [{"step": "A"}], "parked": 1, "traceId": "x"},
            "t goes to A, unknown subscribers; trace x",
            "",
        ),
        (
            tables.show_emitted,
            {"topic": "t", "deliveries": [], "parked": 0, "traceId": "x"},
            "t goes to the runs that wait for it or that it cancels; trace x",
            "",
        ),
        (
            tables.show_emitted,
            {"topic": "t", "deliveries": [], "parked": 0, "duplicateOf": "e"},
            "The event e of t has this id already; nothing was stored.",
            "",
        ),
        (
            tables.show_replayed,
            {"replayed": 2, "missing": [7, 8], "left": True},
            "2 events are tried again.",
            "There is no dead letter 7, 8.\nThere are more: run it again.",
        ),
        (
            tables.show_replayed_run,
            {"step": "A", "status": 202, "edited": True, "traceId": "x"},
            "A runs again with another input, answered 202; trace x",
            "",
        ),
        (
            tables.show_source,
            {"text": "one\n\x1b[2J", "file": "steps/a.py", "cut": True},
            "one\n\\x1b[2J",
            "steps/a.py is longer than what is shown.",
        ),
        (tables.show_queues, {"queues": [], "parked": []}, "", "No events wait or run."),
        (
            tables.show_queues,
            {
                "queues": [{"step": "A", "waiting": 3, "ready": 1, "delayed": 2, "pausedAt": 5}],
                "parked": [{"topic": "t", "waiting": 4, "oldestMs": 9000}],
            },
            "3  A  1 ready, 2 delayed, paused\n       4  (unknown subscriber) of t: the oldest waits for 9 s",
            "",
        ),
        (
            tables.show_cron,
            {"cron": [{"step": "A", "expression": "* * * * *", "error": None, "next": "soon"}]},
            "A                        * * * * *        soon",
            "",
        ),
        (
            tables.show_table,
            {"cursor": "c", "count": 2, "names": ["a", "b"], "none": [], "rows": [{"key": "k", "value": "v" * 70}]},
            "count: 2\na\nb\nkey  value\nk    " + "v" * 59 + "…",
            "No none.",
        ),
    ],
)
def test_a_result_is_lines(
    show: tables.Show, result: Mapping[str, Any], out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed(capsys, show, result) == (out, err)


def test_an_empty_group_says_so_beside_its_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, tables.show_state, {"items": []}, group="g")[1] == "The state group g is empty."
    out, err = printed(capsys, tables.show_stream, {"items": []}, stream="s", group="g")
    assert (out, err) == ('{\n  "items": []\n}', "The group g of the stream s is empty.")


def test_a_cut_list_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    tables.tell_more({"cursor": "a b"})
    assert capsys.readouterr().err == "There is more. The next part: --cursor 'a b'\n"
    tables.tell_more({"cursor": None})
    assert capsys.readouterr().err == ""
