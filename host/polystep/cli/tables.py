"""Results of operations as lines of a terminal."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import typer

from polystep.cli.answer_forms import answer_command
from polystep.cli.printing import plain, show, show_json

Show = Callable[[Any, Mapping[str, Any]], None]
"""Prints a result; the parameters say what was asked for."""

_CELL_CHARS_MAX: Final = 60
_TIMES: Final = ("At", "time")
"""Ends of the names of members that are Unix milliseconds."""


def show_steps(result: Any, _: Mapping[str, Any]) -> None:
    """Print steps and streams with their errors, then what is wrong with the project."""
    for each in listed(result, "steps", "streams", "findings", nothing="No steps are loaded."):
        if "severity" in each:
            if each["kind"] == "cron":
                continue  # shown with its step
            about = f"{each['file']}: " if each["file"] else ""
            colour = "red" if each["severity"] == "error" else "yellow"
            typer.secho(plain(f"{each['severity']}: {about}{each['message']}", mark="  "), fg=colour)
            continue
        show(f"{each['name']:<24} {each['type'] or '-':<7} {each['language']:<11} {each['file']}")
        if each["error"]:
            typer.secho(f"  {plain(each['error'], mark='  ')}", fg="red")


def show_traces(result: Any, _: Mapping[str, Any]) -> None:
    """Print a line for each trace."""
    for each in listed(result, "traces", nothing="No traces yet."):
        show(trace_line(each))


def show_logs(result: Any, given: Mapping[str, Any]) -> None:
    """Print log lines, oldest first."""
    chosen = any(value is not None for name, value in given.items() if name != "limit")
    nothing = "No log lines fit." if chosen else "No log lines yet."
    lines = listed(result, "logs", nothing=nothing)
    for each in lines if given.get("after") is not None else reversed(lines):
        show(log_line(each))


def show_queues(result: Any, _: Mapping[str, Any]) -> None:
    """Print how much waits, by step and by topic."""
    for each in listed(result, "queues", "parked", nothing="No events wait or run."):
        if "topic" in each:
            what = f"(unknown subscriber) of {each['topic']}: the oldest waits for {each['oldestMs'] / 1000:.0f} s"
        else:
            states = ("ready", "blocked", "delayed", "retrying", "running")
            parts = [f"{each[state]} {state}" for state in states if each.get(state)]
            parts += ["paused"] if each.get("pausedAt") else []
            what = f"{each['step']}  {', '.join(parts)}".rstrip()
        show(f"{each['waiting']:>8}  {what}")


def show_cancelled_event(result: Any, _: Mapping[str, Any]) -> None:
    """Print who does not get an event any more."""
    if result["removed"]:
        show(f"The event {result['id']} of {result['topic']} was cancelled for {', '.join(result['removed'])}.")
    else:
        typer.echo(f"No event {result['id']} of {result['topic']} waits to start.", err=True)


def show_emitted(result: Any, _: Mapping[str, Any]) -> None:
    """Print who gets an event."""
    if result.get("duplicateOf") and not result["deliveries"]:
        show(f"The event {result['duplicateOf']} of {result['topic']} has this id already; nothing was stored.")
        return
    names = [each["step"] for each in result["deliveries"]] + ["unknown subscribers"] * result["parked"]
    # An event without a subscriber is stored only for runs.
    takers = ", ".join(names) or "the runs that wait for it or that it cancels"
    show(f"{result['topic']} goes to {takers}; trace {result['traceId']}")


def show_replayed(result: Any, _: Mapping[str, Any]) -> None:
    """Print how many dead letters are events again."""
    show(f"{result['replayed']} events are tried again.")
    if result["missing"]:
        typer.echo(f"There is no dead letter {', '.join(map(str, result['missing']))}.", err=True)
    if result["left"]:
        typer.echo("There are more: run it again.", err=True)


def show_replayed_run(result: Any, _: Mapping[str, Any]) -> None:
    """Print what runs again."""
    answer = f", answered {result['status']}" if result.get("status") else ""
    edited = " with another input" if result["edited"] else ""
    show(f"{result['step']} runs again{edited}{answer}; trace {result['traceId']}")


def show_rerun(result: Any, _: Mapping[str, Any]) -> None:
    """Print what begins again, and with what."""
    kept = ", ".join(result["found"]) or "nothing"
    edited = " and another input" if result["edited"] else ""
    show(f"{result['step']} runs again from {result['key']} with what was kept before ({kept}){edited}; "
         f"trace {result['traceId']}")  # fmt: skip


def show_source(result: Any, _: Mapping[str, Any]) -> None:
    """Print the text of a file as it is, without what a terminal would obey."""
    typer.echo(plain(result["text"], mark=""), nl=not result["text"].endswith("\n"))
    if result["cut"]:
        typer.echo(f"{result['file']} is longer than what is shown.", err=True)


def show_dead_letters(result: Any, _: Mapping[str, Any]) -> None:
    """Print a line for each dead letter."""
    for each in listed(result, "deadLetters", nothing="No dead letters."):
        show(f"{each['id']:>6}  {at(each['diedAt'])}  {each['step']}  {each['error']['message']}")


def show_asks(result: Any, _: Mapping[str, Any]) -> None:
    """Print a line for each open ask, and how to answer it."""
    for each in listed(result, "asks", nothing="Nothing waits for an answer."):
        show(f"{each['id']}  until {at(each['dueAt'])}  {each['step']}  {each['title']}")
    if result["asks"]:
        first = result["asks"][0]
        show(f"Answer one: {answer_command(first['id'], first['schema'])}", err=True)


def show_cron(result: Any, _: Mapping[str, Any]) -> None:
    """Print a line for each cron step."""
    for each in listed(result, "cron", nothing="No cron steps are loaded."):
        show(f"{each['step']:<24} {each['expression']:<16} {each['error'] or each['next']}")


def show_state(result: Any, given: Mapping[str, Any]) -> None:
    """Print the values of a state group as JSON."""
    show_json(result)
    if not result["items"]:
        typer.echo(f"The state group {given['group']} is empty.", err=True)


def show_stream(result: Any, given: Mapping[str, Any]) -> None:
    """Print the items of a stream's group as JSON."""
    show_json(result)
    if not result["items"]:
        typer.echo(f"The group {given['group']} of the stream {given['stream']} is empty.", err=True)


def as_json(result: Any, _: Mapping[str, Any]) -> None:
    """Print the result as JSON."""
    show_json(result)


def saying(text: str) -> Show:
    """Return what prints one sentence, made of the result."""

    def say(result: Any, _: Mapping[str, Any]) -> None:
        show(text.format(**result))

    return say


def show_table(result: Any, _: Mapping[str, Any]) -> None:
    """Print each list of a result as a table, and what else it has as lines."""
    lists = {name: value for name, value in result.items() if isinstance(value, list)}
    for name, value in result.items():
        if name not in lists and name != "cursor" and value is not None:
            show(f"{name}: {_cell(name, value, whole=True)}")
    for name, rows in lists.items():
        if not rows:
            typer.echo(f"No {name}.", err=True)
        elif all(isinstance(row, dict) for row in rows):
            _show_rows(rows)
        else:
            for row in rows:
                show(_cell(name, row, whole=True))


def tell_more(result: Any) -> None:
    """Say beside the output how to go on, where a list was cut."""
    if isinstance(result, dict) and isinstance(result.get("cursor"), str):
        typer.echo(f"There is more. The next part: --cursor {shlex.quote(result['cursor'])}", err=True)


def listed(result: Any, *members: str, nothing: str) -> list[Any]:
    """Return the entries of a result, one member after another.

    An empty list says so, beside the output: what counts its lines gets none.
    """
    entries = [entry for member in members for entry in result.get(member, [])]
    if not entries:
        typer.echo(nothing, err=True)
    return entries


def trace_line(each: Any) -> str:
    """Return the line of a trace."""
    took = "-" if each["durationMs"] is None else f"{each['durationMs']} ms"
    return f"{each['traceId']}  {at(each['startedAt'])}  {each['status']:<10} {took:>9}  {each['name']}"


def log_line(each: Any) -> str:
    """Return a log line with its time and its fields."""
    fields = json.dumps(each["fields"]) if each["fields"] else ""
    return f"{at(each['time'])} [{each['level'].upper()}] {each['step'] or '-'} {each['message']} {fields}"


def at(time_ms: float) -> str:
    """Return a moment in the time of this machine."""
    return datetime.fromtimestamp(time_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _show_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[plain(_cell(name, row.get(name))) for name in names] for row in rows]
    widths = [max(len(name), *(len(row[place]) for row in cells)) for place, name in enumerate(names)]
    typer.secho("  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)).rstrip(), bold=True)
    for row in cells:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cell(name: str, value: Any, *, whole: bool = False) -> str:
    if value is None:
        return "-"
    if isinstance(value, int) and not isinstance(value, bool) and name.endswith(_TIMES):
        return at(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if whole or len(text) <= _CELL_CHARS_MAX:
        return text
    return text[: _CELL_CHARS_MAX - 1] + "…"
