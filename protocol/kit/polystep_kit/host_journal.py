"""Journal in memory, with which the scripted host answers the durable calls of runs (PS-8.15 to PS-8.19)."""

from __future__ import annotations

import re
from typing import Any, Final

from polystep_kit.host_store import TOPIC, Refused

METHODS: Final = ("once.begin", "once.end", "wait", "ask.answer")
_DURATION: Final = re.compile(r"\d+(ms|s|m|h|d|w)")


class HostJournal:
    """Everything that one run keeps, over its attempts."""

    def __init__(self, project: dict[str, Any], *, is_request: bool) -> None:
        """Begin a run; `project` has the results that all runs share."""
        self._project = project
        self._is_request = is_request
        self._shares: set[str] = set()
        """Keys of the project whose functions run."""
        self._kept: dict[str, dict[str, Any]] = {}
        self._used: set[str] = set()
        self.emitted: list[Any] = []
        """Data of the events that the run has emitted."""
        self._asks: dict[str, list[Any]] = {}
        """Answers by the ids of callbacks that were opened; each has one at most."""
        self._open: dict[str, int] = {}
        """Keys whose functions run, with the calls that may still follow."""

    def begin_attempt(self, flag: str) -> None:
        """Forget the errors of the attempt before, and the keys that it has used."""
        self._used.clear()
        is_gone = {
            key
            for key, each in self._kept.items()
            if "error" in each and (each["error"]["retryable"] or flag == "forgets_errors") and flag != "keeps_errors"
        }
        self._kept = {key: each for key, each in self._kept.items() if key not in is_gone}

    def call(self, method: str, params: dict[str, Any], flag: str) -> Any:
        """The result of a call.

        Args:
            method: One of `METHODS`.
            params: Of the call.
            flag: What this host does wrong.

        Raises:
            Refused: It has none.
        """
        if method == "ask.answer":
            return self._answer(params["id"], params["value"], flag)
        key = params["key"]
        if method == "once.end":
            return self._end(key, params, flag)
        if method == "wait":
            return self._wait(key, params, flag)
        if key in self._used and not params.get("shared"):
            raise Refused("key_reused", f"The key {key} was used twice.")
        self._used.add(key)
        if params.get("scope") == "project":
            if "ttl" not in params or "within" in params or self._is_request:
                raise Refused("invalid_params", "No key of the project is possible here.")
            if key in self._project and flag != "keeps_nothing":
                return {"value": self._project[key]}
            self._shares.add(key)
        if key in self._kept and flag != "keeps_nothing":
            return self._kept[key]
        self._open[key] = params.get("retries", 0)
        return {"go": f"kit-{key}", "timeout_ms": 300_000, "attempt": 1}

    def _end(self, key: str, params: dict[str, Any], flag: str) -> Any:
        if key not in self._open:
            raise Refused("invalid_params", f"{key} has not begun.")
        if "error" in params and self._open[key] > 0 and flag != "never_again":
            self._open[key] -= 1
            return {"again_ms": 1, "attempt": 2}
        del self._open[key]
        if key in self._shares and "value" in params:
            self._project[key] = params["value"]
        if not self._is_request:
            self._kept[key] = {name: params[name] for name in ("value", "error") if name in params}
        return None

    def _wait(self, key: str, params: dict[str, Any], flag: str) -> Any:
        kind = params["kind"]
        length = params["duration"] if kind == "sleep" else params.get("timeout", "7d")
        if self._is_request or "within" in params or not _DURATION.fullmatch(length):
            raise Refused("invalid_params", "No such wait is possible here.")
        if kind in ("event", "call"):
            return self._event(params, flag) if kind == "event" else self._called(params, flag)
        if kind != "sleep":
            return self._ask(key, params, flag)
        if flag == "never_wakes" or (flag == "sleeps_again" and key in self._kept):
            raise Refused("internal", "It does not wake.")
        self._kept[key] = {}
        return None

    def _event(self, params: dict[str, Any], flag: str) -> Any:
        (wanted,) = params["topics"]
        if wanted["topic"] != TOPIC:
            raise Refused("topic_not_declared", "It is not in `waitsFor`.")
        if flag == "never_wakes":
            raise Refused("internal", "It does not wake.")
        found = [data for data in self.emitted if str(data.get("id")) == wanted["by"] or flag == "takes_any_event"]
        return {"topic": TOPIC, "data": found[0]} if found else None

    def _called(self, params: dict[str, Any], flag: str) -> Any:
        if params["step"] != "Called":
            raise Refused("invalid_params", "There is no such step.")
        return (
            {"value": None} if flag == "calls_nothing" else {"error": {"name": "timed_out", "message": "It is late."}}
        )

    def _ask(self, key: str, params: dict[str, Any], flag: str) -> Any:
        """Nobody answers in time."""
        if params["kind"] == "ask" and not params.get("title"):
            raise Refused("invalid_params", "Say what is asked.")
        if params.get("open") and flag != "opens_nothing":
            self._asks[key] = []
            return {"id": key, "url": f"http://kit/{key}"}
        if flag == "never_wakes":
            raise Refused("internal", "It does not wake.")
        if answers := self._asks.get(key):
            return {"status": "answered", "value": answers[-1]}
        return {"status": "timed_out", "value": None}

    def _answer(self, id: str, value: Any, flag: str) -> None:
        answers = self._asks.get(id)
        if answers is None:
            raise Refused("ask_not_found", "There is no such ask.")
        if answers and answers[0] != value and flag != "takes_second_answers":
            raise Refused("ask_answered", "It has another answer.")
        answers.append(value)
