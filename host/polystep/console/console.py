"""Terminal of the user: what happens, in lines for people."""

from __future__ import annotations

import time
from typing import Final, TextIO

from polystep.console.line_writer import LineWriter
from polystep.console.terminal_text import MARK, has_colours, terminal_text
from polystep.contracts.steps import Finding, SourceFile, StepSpec, StreamSpec

_FIELDS_CHARS_MAX: Final = 400
_COLOURS: Final = {"debug": "bright_black", "info": "cyan", "warn": "yellow", "error": "red"}
_CODES: Final = {
    "red": 31, "green": 32, "yellow": 33, "magenta": 35, "cyan": 36, "bright_black": 90, "bright_white": 97
}  # fmt: skip
"""Of ANSI terminals, by colour."""
_TYPES: Final = {"api": "API", "event": "Event", "cron": "Cron", "noop": "Noop"}


class Console(LineWriter):
    """Writer of lines for people to a terminal or a file: the port `Reporter`."""

    def __init__(self, output: TextIO, *, colour: bool | None = None) -> None:
        super().__init__(output)
        self._colour = has_colours(output) if colour is None else colour
        self._second = (0, "")
        """The last one that was shown, and how."""

    def info(self, text: str) -> None:
        """Print something that the user wants to know."""
        self.line(f"{self._style('➜', 'cyan')} {self._inside(text)}")

    def warning(self, text: str) -> None:
        """Print something that is likely a mistake."""
        self.line(f"{self._style('⚠', 'yellow')} {self._style('[WARNING]', 'yellow')} {self._inside(text)}")

    def error(self, text: str, details: str = "") -> None:
        """Print something that does not work; further lines are set off."""
        self.line(f"{self._style('✖', 'red')} {self._style('[ERROR]', 'red')} {self._inside(text)}")
        if details:
            mark = self._mark("red")
            self.line(mark + terminal_text(details, colours=self._colour, mark=mark))

    def step(self, verb: str, spec: StepSpec | StreamSpec) -> None:
        """Print that a step or stream came, changed or went: `➜ [CREATED] Step (API) steps/x.step.ts created`."""
        what = f"Step ({_TYPES[spec.type]})" if isinstance(spec, StepSpec) else "Stream"
        colour = {"CREATED": "green", "REMOVED": "magenta"}.get(verb, "cyan")
        self.info(f"{self._style(f'[{verb}]', colour)} {what} {spec.source.path} {verb.lower()}")

    def finding(self, finding: Finding) -> None:
        """Print a problem of the project; further lines of an error are set off."""
        if finding.severity == "error":
            first, _, rest = str(finding).partition("\n")
            self.error(first, rest)
        else:
            self.warning(str(finding))

    def failure(self, source: SourceFile, message: str) -> None:
        """Print a file that does not load."""
        self.error(source.path, message)

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
        """Print one log line of a step: `[13:05:10] 77b34da6 [INFO] TriageTicket message {"a":1}`; `fields` are JSON.

        `details` are further lines, set off like those of an error.

        Of the trace id the end is shown: its beginning is the time, which many traces share.
        """
        second = time_ms // 1000
        if second != self._second[0]:
            self._second = (second, time.strftime("%H:%M:%S", time.localtime(second)))
        trace = (trace_id or "")[-8:].ljust(8)
        name = step or "-"
        shown = fields or ""
        if len(shown) > _FIELDS_CHARS_MAX:
            shown = shown[:_FIELDS_CHARS_MAX] + "…"
        # Nearly every line is printable as it is, and this is the console's hot path.
        inside = str if f"{trace}{name}{message}{shown}".isprintable() else self._inside
        parts = [
            self._style(f"[{self._second[1]}]", "bright_black"),
            self._style(inside(trace), "bright_black"),
            self._style(f"[{level.upper()}]", _COLOURS.get(level, "cyan")),
            self._style(inside(name), "bright_white"),
            inside(message),
        ]
        if shown:
            parts.append(self._style(inside(shown), "bright_black"))
        if details:
            mark = self._mark(_COLOURS.get(level, "cyan"))
            parts[-1] += f"\n{mark}{terminal_text(details, colours=self._colour, mark=mark)}"
        self.line(" ".join(parts))

    def _inside(self, text: str) -> str:
        """Make a text safe in a line: its further lines are set off, so that none looks like a line of the host."""
        return (
            text if text.isprintable() else terminal_text(text, colours=self._colour, mark=self._mark("bright_black"))
        )

    def _mark(self, colour: str) -> str:
        return f"  {self._style('│', colour)} " if self._colour else MARK

    def _style(self, text: str, colour: str) -> str:
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self._colour else text
