"""Verbs that ask a running host: everything the status page shows and does, for terminals and scripts.

The host is found through the project's `.polystep/` folder, and the per-start token is read from there. `--json` prints
the admin API's answer as it is.
"""

from __future__ import annotations

import http.client
import json
import shlex
import sys
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from polystep.app import ProjectFolder
from polystep.cli.printing import plain, show, show_json
from polystep.contracts.events import UNKNOWN_STEP

ProjectOption = Annotated[Path, typer.Option("--project", help="The project's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the API's answer.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many, newest first.")]
EntriesOption = Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most this many entries.")]
CursorOption = Annotated[str | None, typer.Option("--cursor", help="Where to go on: the cursor of the part before.")]

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

TIMEOUT_S = 10.0
PURGE_TIMEOUT_S = 600.0
"""A million events take half a minute."""


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    for verb in (
        steps,
        traces,
        trace,
        logs,
        state,
        stream,
        queues,
        dead_letters,
        replay,
        purge,
        purge_dead_letters,
        cron,
        fire,
    ):
        app.command(verb.__name__.replace("_", "-"))(verb)


def steps(project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """List steps and streams, what does not load, and what is wrong with the project."""
    nothing = "No steps are loaded."
    for each in _listed(project, "steps", as_json, "steps", "streams", "findings", nothing=nothing):
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


def traces(project: ProjectOption = Path(), limit: LimitOption = 20, as_json: JsonOption = False) -> None:
    """List the last traces."""
    for each in _listed(project, f"traces?limit={limit}", as_json, "traces", nothing="No traces yet."):
        show(_trace_line(each))


def trace(
    trace_id: Annotated[str, typer.Argument(help="Its id, or the beginning or end of it, as the console shows it.")],
    project: ProjectOption = Path(),
) -> None:
    """Print one whole trace as JSON."""
    show_json(_ask(project, "GET", _path("traces", trace_id)))


def logs(
    project: ProjectOption = Path(),
    limit: LimitOption = 50,
    level: Annotated[str | None, typer.Option(help="debug, info, warn or error.")] = None,
    step: Annotated[str | None, typer.Option(help="Only this step's.")] = None,
    trace_id: Annotated[
        str | None, typer.Option("--trace", help="Only this trace's; the beginning or end of its id is enough.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the last log lines, oldest first."""
    chosen = {"level": level, "step": step, "traceId": trace_id}
    wanted = urllib.parse.urlencode({"limit": limit, **{name: value for name, value in chosen.items() if value}})
    nothing = "No log lines fit." if any(chosen.values()) else "No log lines yet."
    for each in reversed(_listed(project, f"logs?{wanted}", as_json, "logs", nothing=nothing)):
        fields = json.dumps(each["fields"]) if each["fields"] else ""
        show(f"{_at(each['time'])} [{each['level'].upper()}] {each['step'] or '-'} {each['message']} {fields}")


def state(
    group: str,
    key: Annotated[str | None, typer.Argument()] = None,
    project: ProjectOption = Path(),
    limit: EntriesOption = 100,
    cursor: CursorOption = None,
) -> None:
    """Print a state group, a part of it if it is large, or one of its values, as JSON."""
    if key is not None:
        show_json(_ask(project, "GET", _path("state", group, key)))
        return
    answer = _ask(project, "GET", _part(_path("state", group), limit, cursor))
    show_json(answer)
    _tell_more(answer)
    if not answer["items"]:
        typer.echo(f"The state group {group} is empty.", err=True)


def stream(
    name: str,
    group: str,
    project: ProjectOption = Path(),
    limit: EntriesOption = 100,
    cursor: CursorOption = None,
) -> None:
    """Print the items of a stream's group, or a part of them, as JSON, oldest first."""
    answer = _ask(project, "GET", _part(_path("streams", name, group), limit, cursor))
    show_json(answer)
    _tell_more(answer)
    if not answer["items"]:
        typer.echo(f"The group {group} of the stream {name} is empty.", err=True)


def queues(project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """List how many events wait or run, by step; then those whose subscriber is not known yet, by topic."""
    for each in _listed(project, "queues", as_json, "queues", "parked", nothing="No events wait or run."):
        if "topic" in each:
            what = f"(unknown subscriber) of {each['topic']}: the oldest waits for {each['oldestMs'] / 1000:.0f} s"
        else:
            what = each["step"]
        show(f"{each['waiting']:>8}  {what}")


def dead_letters(project: ProjectOption = Path(), limit: LimitOption = 20, as_json: JsonOption = False) -> None:
    """List events that could not be delivered or kept failing."""
    for each in _listed(project, f"dead-letters?limit={limit}", as_json, "deadLetters", nothing="No dead letters."):
        show(f"{each['id']:>6}  {_at(each['diedAt'])}  {each['step']}  {each['error']['message']}")


def replay(id: int, project: ProjectOption = Path()) -> None:
    """Try a dead letter again."""
    answer = _ask(project, "POST", f"dead-letters/{id}/replay")
    show(f"{answer['step']} gets its event again; trace {answer['traceId']}")


def purge(step: str, project: ProjectOption = Path(), yes: YesOption = False) -> None:
    """Remove all events that wait for a step, for good. Those that run go on, and emit no more to the same step."""
    listed = _ask(project, "GET", "queues")
    waiting = sum(each["waiting"] for each in listed["queues"] if each["step"] == step)
    if step == UNKNOWN_STEP:
        waiting = sum(each["waiting"] for each in listed["parked"])
    _confirm(f"Remove {waiting} events of {step} for good?", yes)
    answer = _ask(project, "POST", _path("queues", step, "purge"), timeout_s=PURGE_TIMEOUT_S)
    show(f"{answer['removed']} events of {step} were removed.")


def purge_dead_letters(
    project: ProjectOption = Path(),
    step: Annotated[str | None, typer.Option(help="Only this step's.")] = None,
    yes: YesOption = False,
) -> None:
    """Remove dead letters for good: those of one step, or all."""
    of = "all steps" if step is None else step
    _confirm(f"Remove the dead letters of {of} for good?", yes)
    query = "" if step is None else f"?{urllib.parse.urlencode({'step': step})}"
    answer = _ask(project, "POST", f"dead-letters/purge{query}", timeout_s=PURGE_TIMEOUT_S)
    show(f"{answer['removed']} dead letters of {of} were removed.")


def _confirm(question: str, yes: bool) -> None:
    """Ask before something is lost.

    Raises:
        typer.Exit: The answer is no, or nobody can be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        _fail(f"{question} Nobody can be asked here: add --yes.")
    if not typer.confirm(question):
        raise typer.Exit(1)


def cron(project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """List cron steps and when they fire next."""
    for each in _listed(project, "cron", as_json, "cron", nothing="No cron steps are loaded."):
        show(f"{each['step']:<24} {each['expression']:<16} {each['error'] or each['next']}")


def fire(step: str, project: ProjectOption = Path()) -> None:
    """Run a cron step now."""
    answer = _ask(project, "POST", _path("cron", step, "run"))
    show(answer["skipped"] or f"{step} runs; trace {answer['traceId']}")


def _ask(project: Path, method: str, path: str, timeout_s: float = TIMEOUT_S) -> Any:
    running = ProjectFolder(project.resolve()).running()
    if running is None:
        _fail(f"No polystep runs {project.resolve()}. Start it: polystep dev --project {project}")
    request = urllib.request.Request(
        f"{running.url}/__polystep/api/{path}", method=method, headers={"Authorization": f"Bearer {running.token}"}
    )
    # The host is on this machine, and its token is nobody else's: no proxy of the environment is used.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout_s) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        _fail(_refusal(error))
    except (OSError, http.client.HTTPException, ValueError) as error:
        _fail(f"{running.url} does not answer: {error}. Start it: polystep dev --project {project}")


def _refusal(error: urllib.error.HTTPError) -> str:
    try:
        answer = json.load(error)
        choices = [f"\n  {plain(_trace_line(each), err=True)}" for each in answer.get("traces", [])]
        return plain(f"{answer['error']}. {answer.get('hint', '')}".strip(), err=True) + "".join(choices)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"The host answered {error.code} {error.reason}."


def _part(path: str, limit: int, cursor: str | None) -> str:
    return f"{path}?{urllib.parse.urlencode({'limit': limit, **({} if cursor is None else {'cursor': cursor})})}"


def _tell_more(answer: Any) -> None:
    if answer.get("cursor") is not None:
        typer.echo(f"There is more. The next part: --cursor {shlex.quote(answer['cursor'])}", err=True)


def _path(*parts: str) -> str:
    return "/".join(urllib.parse.quote(part, safe="") for part in parts)


def _trace_line(each: Any) -> str:
    took = "-" if each["durationMs"] is None else f"{each['durationMs']} ms"
    return f"{each['traceId']}  {_at(each['startedAt'])}  {each['status']:<10} {took:>9}  {each['name']}"


def _listed(project: Path, path: str, as_json: bool, *members: str, nothing: str) -> list[Any]:
    """The entries of an answer, one after another; none with `--json`, which prints the answer itself.

    An empty list says so, beside the output: what counts its lines gets none.
    """
    answer = _ask(project, "GET", path)
    if as_json:
        show_json(answer)
        return []
    entries = [entry for member in members for entry in answer.get(member, [])]
    if not entries:
        typer.echo(nothing, err=True)
    return entries


def _at(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _fail(message: str) -> NoReturn:
    typer.secho(f"✖ {message}", fg="red", err=True)
    raise typer.Exit(1)
