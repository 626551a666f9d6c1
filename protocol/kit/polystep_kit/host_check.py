"""Checks a host: starts it on a project with the scripted runner, asks it over HTTP, stops it, reads the report."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from polystep_kit.check import Outcome, Report
from polystep_kit.codec import from_json
from polystep_kit.host import Failed
from polystep_kit.host_case import TIMEOUT_S, HostCase
from polystep_kit.host_cases import HOST_CASES
from polystep_kit.patterns import difference

LEVEL: Final = "host"
STARTING_S: Final = 30.0
_LOOK_AGAIN_S: Final = 0.02
_KIT: Final = Path(__file__).resolve().parents[1]
_SILENT_MAX: Final = 3
_RETRIES: Final = {"queue": {"maxRetries": 1}}

_API: Final = {"type": "api", "emits": ["kit.event"], "flows": ["kit"]}
FILES: Final[dict[str, dict[str, Any]]] = {
    "probe_step.kit": {**_API, "name": "Probe", "method": "GET", "path": "/probe/:name"},
    "post_step.kit": {**_API, "name": "Post", "method": "POST", "path": "/probe/:name"},
    "slow_step.kit": {
        **_API,
        "name": "Slow",
        "method": "GET",
        "path": "/slow/:name",
        "infrastructure": {"handler": {"timeout": TIMEOUT_S}},
    },
    "guarded_step.kit": {**_API, "name": "Guarded", "method": "GET", "path": "/guarded/:name", "middleware": 1},
    "event_step.kit": {
        "type": "event",
        "name": "Event",
        "subscribes": ["kit.event"],
        "infrastructure": _RETRIES,
        "waitsFor": [{"topic": "kit.event", "by": "id"}],
    },
    "called_step.kit": {"type": "event", "name": "Called", "subscribes": [], "output": {"type": "object"}},
    "live_stream.kit": {"name": "live"},
}
"""The step files of the project: JSON, whose config the scripted runner answers as it is."""

_ENTRY: Final = """\
[runners.kit]
pattern = "_step.kit"
stream_pattern = "_stream.kit"
command = {command}
channel = "{channel}"
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer that a client gets."""

    status: int
    body: bytes


async def check_host(
    command: Sequence[str],
    patience_s: float,
    *,
    channel: str = "stdio",
    only: Callable[[HostCase], bool] = lambda _: True,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
) -> Report:
    """Check one host.

    Args:
        command: The host's; `start --project DIR --port 0` is added.
        patience_s: No single wait is longer, but for the start.
        channel: `stdio` or `private`.
        only: Checks to play; the others are not in the report.
        on_outcome: Called with each outcome, when the host has ended.

    Raises:
        Failed: The host does not serve the steps; the text has what it printed.
        OSError: There is no such program.
    """
    report = Report(" ".join(command), (LEVEL,))
    cases = [case for case in HOST_CASES if only(case)]
    with tempfile.TemporaryDirectory(prefix="polystep-kit-host-") as folder:
        project, found = _make_project(folder, channel, patience_s)
        session = _Session(command, project, patience_s)
        try:
            await session.start()
            clients = await session.play_all(cases)
            how = await session.stop()
        finally:
            session.end()
        failures = _failures(found)
    for case in cases:
        outcome = Outcome(case.case, _verdict(case, failures, clients.get(case.name, [how])))
        report.outcomes.append(outcome)
        on_outcome(outcome)
    return report


def _make_project(folder: str, channel: str, patience_s: float) -> tuple[Path, Path]:
    project, report = Path(folder).resolve() / "project", Path(folder).resolve() / "report"
    (project / "steps").mkdir(parents=True)
    for name, config in FILES.items():
        (project / "steps" / name).write_text(json.dumps(config), "utf-8")
    runner = [sys.executable, "-m", "polystep_kit.played_runner", "--report", str(report)]
    runner += ["--channel", channel, "--patience", f"{patience_s:g}"]
    # A list of plain strings is the same in JSON and in TOML.
    (project / "polystep.toml").write_text(_ENTRY.format(command=json.dumps(runner), channel=channel), "utf-8")
    return project, report


def _failures(report: Path) -> dict[str, str | None]:
    """Of each check that the runner has seen: its first failure."""
    found: dict[str, str | None] = {}
    for line in report.read_text("utf-8").splitlines() if report.exists() else ():
        told = json.loads(line)
        found[told["check"]] = found.get(told["check"]) or told["failure"]
    return found


def _verdict(case: HostCase, found: dict[str, str | None], clients: list[str | None]) -> str | None:
    """Reason for a failed check; `clients` are their observations."""
    if found.get(case.name) is not None:
        return found[case.name]
    seen = next((each for each in clients if each is not None), None)
    if case.name not in found:
        if "status" in case.request and case.steps == () and seen is None:
            return None  # nothing reaches the runner here when all is well
        return f"the runner never saw it: {seen}" if seen else "the runner never saw it"
    return seen if case.steps is not None else None


class _Session:
    """One host process and the requests to it."""

    def __init__(self, command: Sequence[str], project: Path, patience_s: float) -> None:
        self._command = [str(Path(command[0]).absolute()) if "/" in command[0] else command[0], *command[1:]]
        self._project = project
        self._patience_s = patience_s
        self._host: subprocess.Popen[bytes] | None = None
        self._url = ""
        self._silent = 0
        """Requests in a row that were not answered at all."""

    async def start(self) -> None:
        """Start it and wait until it has loaded the steps."""
        self._host = self._spawn()
        until_s = time.monotonic() + STARTING_S
        # Another process's file and its readiness tell nobody: they are looked at again and again.
        while not await self._serves():
            status = self._host.poll()
            if status is not None:
                raise Failed(f"the host ended with status {status} before it served. It printed: {self._printed()}")
            if time.monotonic() > until_s:
                raise Failed(f"the host did not serve the steps within {STARTING_S:g} s. It printed: {self._printed()}")
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _serves(self) -> bool:
        """Report whether it has printed its address, and a request reaches the runner."""
        self._url = self._known_url() or ""
        if not self._url:
            return False
        answer = await self._ready()
        return isinstance(answer, Answer) and answer.status == 200

    async def _ready(self) -> Answer | str:
        return await asyncio.to_thread(self._fetch, urllib.request.Request(f"{self._url}/probe/ready"))

    def _spawn(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(_KIT), os.environ.get("PYTHONPATH")))),
        }
        with (self._project.parent / "printed").open("wb") as printed:
            return subprocess.Popen(
                [*self._command, "start", "--project", str(self._project), "--port", "0"],
                cwd=self._project,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _printed(self) -> str:
        return (self._project.parent / "printed").read_text("utf-8", "replace").strip()[-1000:]

    async def play_all(self, cases: Sequence[HostCase]) -> dict[str, list[str | None]]:
        """Play one check after another; of a host that has fallen silent, no more."""
        clients: dict[str, list[str | None]] = {}
        for case in cases:
            if case.steps is None:
                continue
            is_silent = self._silent >= _SILENT_MAX
            clients[case.name] = ["not tried: the host does not answer"] if is_silent else await self._play(case)
        return clients

    async def _play(self, case: HostCase) -> list[str | None]:
        """Send the request of a check; says of each client what was wrong with its answer, or what it was."""
        answers = await asyncio.gather(*(self._ask(case) for _ in range(case.request.get("times", 1))))
        self._silent = self._silent + 1 if isinstance(answers[0], str) else 0
        return [_misfit(case, answer) for answer in answers]

    async def stop(self) -> str | None:
        """End it with SIGTERM; says how it ended when that is not in order."""
        assert self._host is not None
        # Where the last check took the runner down, this waits for the next one: a stop is for one that serves.
        await self._ready()
        self._host.send_signal(signal.SIGTERM)
        try:
            status = await asyncio.to_thread(self._host.wait, self._patience_s)
        except subprocess.TimeoutExpired:
            return f"the host did not end within {self._patience_s:g} s of SIGTERM"
        return None if status == 0 else f"the host ended with status {status}"

    def end(self) -> None:
        """End whatever is left of it."""
        if self._host is not None and self._host.poll() is None:
            os.killpg(self._host.pid, signal.SIGKILL)
            self._host.wait()

    def _known_url(self) -> str | None:
        try:
            url = json.loads((self._project / ".polystep" / "host.json").read_bytes())["url"]
        except (OSError, ValueError, KeyError):
            return None
        return str(url)

    async def _ask(self, case: HostCase) -> Answer | str:
        """The answer to a request, or why there is none."""
        request = case.request
        body = json.dumps(from_json(request["body"])).encode() if "body" in request else None
        asked = urllib.request.Request(
            self._url + request.get("path", f"/probe/{case.name}"),
            data=body,
            method=request.get("method", "GET"),
            headers={"Content-Type": "application/json"} if body else {},
        )
        return await asyncio.to_thread(self._fetch, asked)

    def _fetch(self, asked: urllib.request.Request) -> Answer | str:
        # No proxy that the machine may have: the host is on this one.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(asked, timeout=2 * self._patience_s) as answered:
                return Answer(answered.status, answered.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read())
        except (OSError, http.client.HTTPException) as error:
            return f"the request failed: {error}"


def _misfit(case: HostCase, answer: Answer | str) -> str | None:
    """Describe the fault of an answer; None when it fits."""
    if isinstance(answer, str):
        return answer
    wanted = case.request.get("status")
    if wanted == "error":
        return None if answer.status >= 400 else f"the client got the status {answer.status}, not an error"
    if answer.status != (wanted or 200):
        return f"the client got the status {answer.status}, not {wanted or 200}: {answer.body[:200]!r}"
    if "json" not in case.request:
        return None
    try:
        return difference(json.loads(answer.body), case.request["json"], "the body")
    except ValueError:
        return f"the body is {answer.body[:200]!r}"
