"""Filter of log lines: words as a reader types them, and the same conditions on lines that the live feed sees."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Collection, Sequence
from typing import Final, Self
from urllib.parse import parse_qsl

import orjson

from polystep.contracts.ports.inspection import LogWord
from polystep.contracts.trace import LogLine

LEVELS: Final = ("debug", "info", "warn", "error")
WORDS_MAX: Final = 20
"""Words of one text; further ones are left out: each costs a look at every line."""

_PARTS: Final = ("level", "minLevel", "step", "flow", "traceId", "runId", "text")
_WORD: Final = re.compile(r'(-?)(?:"((?:[^"\\]|\\.)*)"|(\S+))')
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_FIELD: Final = re.compile(r"([\w.-]+)=(.+)", re.DOTALL)
_SMALL: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def words_of(text: str) -> list[LogWord]:
    """Read words as they are typed: `late -poll item=vase "two words"`."""
    found: list[LogWord] = []
    for minus, quoted, bare in _WORD.findall(text):
        word = _ESCAPE.sub(r"\1", quoted) if quoted else bare
        if word and len(found) < WORDS_MAX:
            found.append(_word(word, is_refused=bool(minus)))
    return found


def _word(text: str, *, is_refused: bool) -> LogWord:
    pair = _FIELD.fullmatch(text)
    if pair is None:
        return LogWord(text.translate(_SMALL), is_refused)
    return LogWord(text.translate(_SMALL), is_refused, pair[1], (orjson.dumps(pair[2]).decode(), pair[2]))


def levels_from(least: str) -> Sequence[str]:
    """Return a level and those above it."""
    return LEVELS[LEVELS.index(least) :]


class LineFilter:
    """Conditions on the lines that one reader of the live feed wants to hear of.

    It lets every line through that the operation `logs` would list. It may let others through, too: a notice is a hint
    to ask, and the time and whole ids are only known to whoever asks.
    """

    def __init__(self, given: dict[str, str], steps_of: Callable[[str], Collection[str]]) -> None:
        """Take parameters of `logs` by name; `steps_of` names the steps of a flow."""
        self._levels: Collection[str] = LEVELS
        if "minLevel" in given:
            self._levels = levels_from(given["minLevel"])
        if "level" in given:
            self._levels = (given["level"],)
        self._step = given.get("step")
        self._flow = given.get("flow")
        self._steps_of = steps_of
        self._trace = given.get("traceId")
        self._run = given.get("runId")
        self._words = words_of(given.get("text", ""))

    @classmethod
    def read(cls, query: str, steps_of: Callable[[str], Collection[str]]) -> Self | None:
        """Read the query of a subject, such as `minLevel=warn&step=Pack`; `None` when it is none."""
        try:
            pairs = parse_qsl(query, strict_parsing=True, max_num_fields=len(_PARTS))
        except ValueError:
            return None
        given = dict(pairs)
        levels = (given[name] for name in ("level", "minLevel") if name in given)
        is_known = given and all(name in _PARTS for name in given) and all(level in LEVELS for level in levels)
        return cls(given, steps_of) if is_known else None

    def lets_through(self, line: LogLine) -> bool:
        """Report whether the reader wants to hear of a line."""
        if line.level not in self._levels or (self._step is not None and line.step != self._step):
            return False
        if self._run is not None and line.run_id != self._run:
            return False
        if self._trace is not None:
            trace = line.trace_id or ""
            if not trace.startswith(self._trace) and not trace.endswith(self._trace):
                return False
        if self._flow is not None and line.step not in self._steps_of(self._flow):
            return False
        return all(_holds(line, word) is not word.is_refused for word in self._words)


def _holds(line: LogLine, word: LogWord) -> bool:
    if any(word.text in part.translate(_SMALL) for part in (line.message, line.step or "", line.fields or "")):
        return True
    if word.field is None or line.fields is None:
        return False
    fields = orjson.loads(line.fields)
    return word.field in fields and orjson.dumps(fields[word.field]).decode() in word.values
