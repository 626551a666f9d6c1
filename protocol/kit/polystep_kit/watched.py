"""Watch of the scripted runner over a host's messages: schema, ids, limits and order."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from polystep_kit.host_case import RUNS_MAX
from polystep_kit.messages import MessageSchemas


class Watched:
    """Appends to the report what is right and what is wrong."""

    def __init__(self, report: Path, channel: str) -> None:
        self._channel = channel
        self._file = os.open(report, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._schemas = MessageSchemas()
        self._told: set[tuple[str, str | None]] = set()
        self._asked: dict[int, str] = {}
        self._answers: set[int] = set()
        self._unanswered: dict[int, str] = {}
        """Requests of the host: methods by id."""
        self._loaded: dict[str, str] = {}
        self._began = False
        self._methods: list[str] = []
        self.open: list[str] = []

    def passed(self, check: str) -> None:
        """A check was right, this time."""
        self._tell(check, None)

    def failed(self, check: str, why: str) -> None:
        """A check was wrong; once is enough."""
        self._tell(check, why)

    def asked(self, id: int, method: str) -> None:
        """We are about to send a request."""
        self._asked[id] = method

    def answered(self, id: int) -> None:
        """We are about to answer a request of the host."""
        self._unanswered.pop(id, None)

    def message(self, message: Any) -> None:
        """Judge a message of the host."""
        self._judge("hello_first", self._began or _method(message) == "hello", f"the first message is {message!r:.200}")
        self._began = True
        self._fits_schema(message)
        match message:
            case [0, int(id), str(method), params]:
                self._request(id, method, params)
            case [1, int(id), _, _]:
                is_first = id in self._asked and id not in self._answers
                self._judge("answers_once", is_first, f"the request {id} ({self._asked.get(id)}) was answered again")
                self._answers.add(id)

    def loaded(self, file: str, step: str) -> None:
        """A file was loaded."""
        self._loaded[file] = step

    def opened(self, params: dict[str, Any]) -> None:
        """Judge a `step.run`, whose run is open now."""
        file, step = str(params.get("file")), params.get("step")
        self._judge("known_file", file in self._loaded, f"step.run is for {file}, which was not loaded")
        is_known = self._loaded.get(file, step) == step
        self._judge(
            "known_step", is_known, f"step.run is for the step {step}; that of {file} is {self._loaded.get(file)}"
        )
        trace = str(params.get("trace_id"))
        carries = str(params.get("traceparent")).split("-")[1:2] == [trace]
        self._judge("traceparent", carries, f"traceparent is {params.get('traceparent')}, trace_id {trace}")
        self.open.append(str(params.get("run")))
        self._judge(
            "runs_max", len(self.open) <= RUNS_MAX, f"{len(self.open)} runs are open, {RUNS_MAX} were announced"
        )

    def closed(self, params: dict[str, Any]) -> None:
        """The run is about to be answered."""
        self.open.remove(str(params.get("run")))

    def terminated(self) -> None:
        """SIGTERM came."""
        self.failed("stop_closes", "it sent SIGTERM before it closed the input")

    def ended(self) -> None:
        """The input ended."""
        if "shutdown" in self._methods or "drain" in self._methods:
            self.passed("stop_closes")
            self.passed("drain_last")

    def _request(self, id: int, method: str, params: Any) -> None:
        self._judge(
            "ids_unique", id not in self._unanswered, f"{method} has the id {id} of a request that is not answered"
        )
        is_loading = method == "step.load" and "step.load" in self._unanswered.values()
        if method == "step.load":
            self._judge("one_load", not is_loading, "a step.load was sent before the one before it was answered")
            file = Path(str(params.get("file")))
            is_inside = not file.is_absolute() and file.is_file()
            self._judge("load_relative", is_inside, f"step.load is for {file}, which is no file below {Path.cwd()}")
            kind, wanted = params.get("kind"), "stream" if file.stem.endswith("_stream") else "step"
            if kind in ("step", "stream"):
                self._judge("load_kind", kind == wanted, f"{file} is loaded as {kind}, not {wanted}")
        if method == "hello":
            self._hello(params)
        if method == "step.run" and "drain" in self._methods:
            self.failed("drain_last", "a step.run came behind drain")
        if method == "drain":
            self.passed("stop_drains")
        if method == "shutdown":
            self.passed("stop_shutdown")
            self._judge("stop_drains", "drain" in self._methods, "shutdown came without drain")
        self._unanswered[id] = method
        self._methods.append(method)

    def _hello(self, params: Any) -> None:
        channel = os.environ.get("POLYSTEP_CHANNEL")
        self._judge(
            "channel_variable", channel == self._channel, f"POLYSTEP_CHANNEL is {channel!r}, not {self._channel!r}"
        )
        project = str(params.get("project"))
        is_here = Path(project).resolve() == Path.cwd().resolve()
        self._judge("folder", is_here, f"the project of hello is {project}, the working directory is {Path.cwd()}")

    def _fits_schema(self, message: Any) -> None:
        answered = self._asked.get(message[1]) if _kind(message) == 1 and isinstance(message[1], int) else None
        violation = self._schemas.check(message, "host", answered)
        envelope = {0: "schema.request", 1: "schema.response", 2: "schema.notification"}.get(
            _kind(message), "schema.request"
        )
        if violation is None:
            self.passed(envelope)
            self.passed(f"schema.{_schema(message)}")
        elif violation.kind == "envelope":
            self.failed(envelope, f"{violation.reason}: {message!r:.200}")
        else:
            self.failed(f"schema.{violation.kind.replace(':', '.')}", f"{violation.reason}: {message!r:.200}")

    def _judge(self, check: str, is_right: bool, why: str) -> None:
        self._tell(check, None if is_right else why)

    def _tell(self, check: str, failure: str | None) -> None:
        if (check, failure) not in self._told:
            self._told.add((check, failure))
            os.write(self._file, json.dumps({"check": check, "failure": failure}).encode() + b"\n")


def _kind(message: Any) -> Any:
    return message[0] if isinstance(message, list) and len(message) > 1 else None


def _method(message: Any) -> Any:
    return message[2] if _kind(message) == 0 and len(message) > 2 else None


def _schema(message: Any) -> str:
    """The name of the check of the schema that this message was held against; answers have theirs by their probe."""
    match message:
        case [0, _, str(method), _]:
            return f"params.{method}"
        case [2, str(method), _]:
            return f"notification.{method}"
    return "response"
