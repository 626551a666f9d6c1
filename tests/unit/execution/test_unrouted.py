"""Events that reach no step are shown once per topic, and on their trace."""

from __future__ import annotations

import io

import pytest

from polystep.console import Console
from polystep.contracts.steps import Flow
from polystep.discovery import Loaded
from polystep.execution import UnroutedEvents, unrouted
from tests.unit.execution.rooms import event_step


def lines(console: Console, output: io.StringIO) -> list[str]:
    console.stop()
    return output.getvalue().splitlines()


def test_in_development_the_console_names_each_topic_once() -> None:
    output = io.StringIO()
    console = Console(output)
    flow = Flow({"N": event_step("N", virtual_subscribes=("outside",))})
    notices = UnroutedEvents(console, Loaded(flow), dev=True)
    for topic in ("a", "a", "outside", "b"):
        assert notices.notice(topic) == f"No step subscribes to {topic}: the event went nowhere."
    shown = lines(console, output)
    assert [line.split(":")[0] for line in shown] == [
        "⚠ [WARNING] No step subscribes to a",
        "⚠ [WARNING] No step subscribes to b",
    ]


def test_made_up_topics_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unrouted, "TOPICS_MAX", 2)
    output = io.StringIO()
    console = Console(output)
    notices = UnroutedEvents(console, Loaded(), dev=True)
    for topic in "abc":
        notices.notice(topic)
    assert len(lines(console, output)) == 2


def test_in_production_only_the_trace_says_it() -> None:
    output = io.StringIO()
    console = Console(output)
    UnroutedEvents(console, Loaded(), dev=False).notice("a")
    assert lines(console, output) == []
