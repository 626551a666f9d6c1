"""Faces of the operations on the command line, and their registration as verbs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import typer

from polystep.cli.asking import ask
from polystep.cli.follow import follow_logs
from polystep.cli.operate import Face, verb_of
from polystep.cli.printing import show
from polystep.cli.tables import (
    as_json,
    saying,
    show_asks,
    show_cancelled_event,
    show_cron,
    show_dead_letters,
    show_emitted,
    show_logs,
    show_queues,
    show_replayed,
    show_replayed_run,
    show_rerun,
    show_source,
    show_state,
    show_steps,
    show_stream,
    show_traces,
)
from polystep.contracts.events import UNKNOWN_STEP
from polystep.operations import TABLE
from polystep.operations.schemas import AnyOperation

PURGE_TIMEOUT_S: Final = 600.0
"""A million events take half a minute."""
REQUEST_TIMEOUT_S: Final = 70.0
"""Longer than the host waits for the route."""

_BY_NAME: Final[Mapping[str, AnyOperation]] = {operation.name: operation for operation in TABLE}


def _purge_question(project: Path, given: Mapping[str, Any]) -> str:
    step = given["step"]
    listed = ask(project, _BY_NAME["queues"], {})
    waiting = sum(each["waiting"] for each in listed["queues"] if each["step"] == step)
    if step == UNKNOWN_STEP:
        waiting = sum(each["waiting"] for each in listed["parked"])
    return f"Remove {waiting} events of {step} for good?"


def _purge_dead_letters_question(_: Path, given: Mapping[str, Any]) -> str:
    return f"Remove the dead letters of {given['step'] or 'all steps'} for good?"


def _clear_traces_question(_: Path, given: Mapping[str, Any]) -> str:
    which = "all traces and log lines" if given["before"] is None else "the traces and log lines from before that time"
    return f"Remove {which} for good?"


def _show_purged(result: Any, _: Mapping[str, Any]) -> None:
    show(f"{result['removed']} dead letters of {result['step'] or 'all steps'} were removed.")


def _show_fired(result: Any, _: Mapping[str, Any]) -> None:
    show(result["skipped"] or f"{result['step']} runs; trace {result['traceId']}")


def _one_value(given: Mapping[str, Any]) -> AnyOperation | None:
    return None if given.get("key") is None else _BY_NAME["state_value"]


FACES: Final[Mapping[str, Face]] = {
    "steps": Face(show_steps),
    "step_source": Face(show_source),
    "emit": Face(show_emitted, arguments=("topic", "data")),
    "cancel_event": Face(show_cancelled_event, arguments=("topic", "id")),
    "cancel": Face(saying("{step} was cancelled: run {runId}.")),
    "replay_run": Face(show_replayed_run, timeout_s=REQUEST_TIMEOUT_S),
    "rerun": Face(show_rerun, options={"key": "--from", "data": "--input"}, files=("data",)),
    "request": Face(as_json, arguments=("method", "path"), timeout_s=REQUEST_TIMEOUT_S),
    "validate": Face(as_json, arguments=("data",)),
    "starters": Face(as_json),
    "state": Face(show_state, further=("key",), instead=_one_value),
    "state_value": Face(as_json),
    "state_set": Face(saying("{key} of the state group {group} is written."), arguments=("value",)),
    "state_rename": Face(saying("It is {key} of the state group {group} now."), arguments=("to",)),
    "state_delete": Face(saying("{key} of the state group {group} is removed.")),
    "stream": Face(show_stream),
    "stream_item": Face(as_json),
    "stream_set": Face(as_json, arguments=("data",)),
    "stream_delete": Face(as_json),
    "traces": Face(show_traces, defaults={"limit": 20}),
    "trace": Face(as_json),
    "run": Face(as_json),
    "logs": Face(
        show_logs, defaults={"limit": 50}, options={"trace_id": "--trace", "run_id": "--run"}, follow=follow_logs
    ),
    "queues": Face(show_queues),
    "try_now": Face(saying("{due} events of {step} are due now.")),
    "drop": Face(saying("Delivery {dropped} of {step} was removed.")),
    "pause": Face(saying("{step} is paused; go on with: polystep resume")),
    "resume": Face(saying("{step} goes on.")),
    "purge": Face(
        saying("{removed} events of {step} were removed."), question=_purge_question, timeout_s=PURGE_TIMEOUT_S
    ),
    "dead_letters": Face(show_dead_letters, defaults={"limit": 20}),
    "dead_letter": Face(as_json),
    "asks": Face(show_asks),
    "answer": Face(saying("{step} goes on with the answer to {title}; trace {traceId}"), arguments=("value",)),
    "cancel_ask": Face(saying("{step} goes on without an answer to {title}; trace {traceId}")),
    "bulk_preview": Face(as_json),
    "bulk_start": Face(saying("Bulk {id} is about {total} dead letters; follow it with: polystep bulk {id}")),
    "bulk_stop": Face(saying("Bulk {id} is {status}: {done} of {total} are done.")),
    "replay_many": Face(show_replayed, timeout_s=PURGE_TIMEOUT_S),
    "discard": Face(saying("Dead letter {discarded} was removed.")),
    "replay": Face(saying("{step} gets its event again; trace {traceId}")),
    "clear_traces": Face(
        saying("Traces and log lines are removed; traces that run stay."),
        question=_clear_traces_question,
        timeout_s=PURGE_TIMEOUT_S,
    ),
    "purge_dead_letters": Face(_show_purged, question=_purge_dead_letters_question, timeout_s=PURGE_TIMEOUT_S),
    "cron": Face(show_cron),
    "cron_week": Face(as_json),
    "fire": Face(_show_fired),
    "pause_cron": Face(saying("{step} does not fire; let it fire again with: polystep resume-cron")),
    "resume_cron": Face(saying("{step} fires again.")),
}


def register(app: typer.Typer) -> None:
    """Add a verb for each operation to the command."""
    for operation in TABLE:
        app.command(operation.name.replace("_", "-"))(verb_of(operation, FACES.get(operation.name, Face())))
