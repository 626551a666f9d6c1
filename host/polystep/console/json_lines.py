"""Output for programs that collect logs: each line is a JSON object."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import orjson

from polystep.console.line_writer import LineWriter
from polystep.contracts.steps import Finding, SourceFile, StepSpec, StreamSpec


class JsonLines(LineWriter):
    """Writer of JSON lines: the port `Reporter`.

    Members: `time` (UTC, RFC 3339), `level` (debug, info, warn, error) and `message`; of a line of a step `step`,
    `traceId` and `fields`; of an error `details`, such as its stack.
    """

    def info(self, text: str) -> None:
        """Write something that the user wants to know."""
        self._tell("info", text)

    def warning(self, text: str) -> None:
        """Write something that is likely a mistake."""
        self._tell("warn", text)

    def error(self, text: str, details: str = "") -> None:
        """Write something that does not work."""
        self._tell("error", text, **({"details": details} if details else {}))

    def step(self, verb: str, spec: StepSpec | StreamSpec) -> None:
        """Write that a step or stream came, changed or went."""
        self._tell("info", f"{spec.source.path} {verb.lower()}", file=spec.source.path)

    def finding(self, finding: Finding) -> None:
        """Write a problem of the project."""
        self._tell("error" if finding.severity == "error" else "warn", str(finding), file=finding.file)

    def failure(self, source: SourceFile, message: str) -> None:
        """Write a file that does not load."""
        self._tell("error", f"{source.path} does not load", file=source.path, details=message)

    def log(
        self,
        level: str,
        message: str,
        *,
        time_ms: int,
        step: str | None,
        trace_id: str | None,
        fields: str | None,
        details: str = "",
    ) -> None:
        """Write one log line of a step."""
        members: dict[str, Any] = {"step": step, "traceId": trace_id}
        if fields:
            members["fields"] = orjson.Fragment(fields)
        if details:
            members["details"] = details
        self._write_members(time_ms, level, message, members)

    def dropped_line(self, count: int) -> str:
        """Return the line that counts those that were dropped."""
        text = f"{count} lines were not written: whoever reads them is slower than the logs"
        return orjson.dumps({"time": _utc(_now_ms()), "level": "warn", "message": text}).decode()

    def _tell(self, level: str, text: str, **members: Any) -> None:
        self._write_members(_now_ms(), level, text, members)

    def _write_members(self, time_ms: int, level: str, message: str, members: dict[str, Any]) -> None:
        content = {"time": _utc(time_ms), "level": level, "message": message, **members}
        try:
            line = orjson.dumps(content)
        except TypeError:  # halves of characters, as JavaScript cuts them
            line = orjson.dumps({name: _whole(value) for name, value in content.items()})
        self.line(line.decode())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _whole(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _utc(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
