"""The checks of a host, continued: results that are kept, and waits (PS-8.15 to PS-8.19)."""

from __future__ import annotations

from typing import Any, Final

from polystep_kit.host_case import REFUSES_AS, HostCase, Op, lives, result_schema

_GO: Final = {"go": {"$type": "text"}, "timeout_ms": {"$type": "integer"}, "attempt": 1}


def _begin(key: str, **more: Any) -> Op:
    return {"call": "once.begin", "with": {"key": key, **more}}


def _end(key: str, **more: Any) -> Op:
    return {"call": "once.end", "with": {"key": key, **more}}


def _sleep(key: str, duration: str, **more: Any) -> Op:
    return {"call": "wait", "with": {"key": key, "kind": "sleep", "duration": duration, **more}}


def _ask(key: str, kind: str = "ask", **more: Any) -> Op:
    return {"call": "wait", "with": {"key": key, "kind": kind, "timeout": "10ms", **more}}


def _event(key: str, *topics: dict[str, Any], timeout: str = "10ms") -> Op:
    return {"call": "wait", "with": {"key": key, "kind": "event", "topics": list(topics), "timeout": timeout}}


def _call(key: str, step: str, given: Any) -> Op:
    return {"call": "wait", "with": {"key": key, "kind": "call", "step": step, "input": given, "timeout": "10ms"}}


def _answer(id: Any, value: Any, **more: Any) -> Op:
    return {"call": "ask.answer", "with": {"id": id, "value": value}, **more}


def _plays(name: str, *legs: list[Op], **fails: Any) -> tuple[Op, ...]:
    """An event whose step plays these operations, one list in each attempt; the first may fail."""
    told = {"tell": name, "plays": list(legs), **fails}
    return (
        {"call": "emit", "with": {"topic": "kit.event", "data": told}, "any": True},
        {"played": name, "times": len(legs)},
    )


def _play_two_runs(name: str, first: list[Op], second: list[Op]) -> tuple[Op, ...]:
    """Two events, one after the other, whose runs play these operations."""
    emit: Op = {"call": "emit", "with": {"topic": "kit.event", "data": {"tell": name, "plays": [first, second]}}}
    return (
        {**emit, "any": True},
        {"played": name, "times": 1},
        {**emit, "any": True},
        {"played": name, "times": 2},
    )


_PROJECT: Final = {"scope": "project", "ttl": "1d"}
_KEPT: Final = {"$kept": True}
_OPEN: Final = {
    **_ask("c", "callback", open=True, timeout="1h"),
    "is": {"id": {"$type": "text"}, "url": {"$any": True}},
    "keeps": "id",
}
_FAILS: Final = {"code": 21, "name": "step_failed", "retryable": True}
_LATE: Final = {"$exactly": {"status": "timed_out", "value": None}}
_ERROR: Final = {"name": "Error", "message": "on purpose", "retryable": True}
_FINAL: Final = {**_ERROR, "retryable": False}

DURABLE: Final = (
    HostCase(
        "once_go",
        "PS-8.15",
        "once.begin of a key that nothing is kept under asks to call the function",
        ({**_begin("once_go"), "is": _GO}, {**_end("once_go", value=1), "is": None}),
        {"gives": {"once.begin": {"value": None}}},
    ),
    HostCase(
        "once_reused",
        "PS-8.15",
        "a key that is used twice in one attempt is answered key_reused",
        (
            {**_begin("once_reused"), "any": True},
            {**_end("once_reused", value=1), "any": True},
            {**_begin("once_reused"), "error": "key_reused"},
            lives(),
        ),
        REFUSES_AS,
    ),
    HostCase(
        "once_shared",
        "PS-8.15",
        "the second use of a key that shares it gets the value of the first",
        _plays(
            "once_shared",
            [
                {**_begin("a"), "is": _GO},
                {**_end("a", value=[1]), "is": None},
                {**_begin("a", shared=True), "is": {"value": [1]}},
            ],
        ),
        {"flag": "keeps_nothing"},
    ),
    HostCase(
        "once_kept",
        "PS-8.15",
        "a value is kept for the attempts that follow",
        _plays(
            "once_kept",
            [{**_begin("a"), "is": _GO}, {**_end("a", value={"n": [1, None]}), "is": None}],
            [{**_begin("a"), "is": {"$exactly": {"value": {"n": [1, None]}}}}],
            fails=_FAILS,
        ),
        {"flag": "keeps_nothing"},
    ),
    HostCase(
        "once_error_forgotten",
        "PS-8.16",
        "an error is forgotten after a failure of the step",
        _plays(
            "once_error_forgotten",
            [{**_begin("a"), "is": _GO}, {**_end("a", error=_ERROR), "is": None}],
            [{**_begin("a"), "is": _GO}],
            fails=_FAILS,
        ),
        {"flag": "keeps_errors"},
    ),
    HostCase(
        "once_error_kept",
        "PS-8.16",
        "an error that is not retryable is kept for the run",
        _plays(
            "once_error_kept",
            [{**_begin("a"), "is": _GO}, {**_end("a", error=_FINAL), "is": None}],
            [{**_begin("a"), "is": {"error": _FINAL}}],
            fails=_FAILS,
        ),
        {"flag": "forgets_errors"},
    ),
    HostCase(
        "once_again",
        "PS-8.16",
        "an error is answered with the time of the next call, as often as retries says",
        (
            {**_begin("once_again", retries=1), "is": _GO},
            {**_end("once_again", error=_ERROR), "is": {"again_ms": {"$type": "integer"}, "attempt": 2}},
            {**_end("once_again", error=_ERROR), "is": None},
        ),
        {"flag": "never_again"},
    ),
    HostCase(
        "once_unbegun",
        "PS-8.16",
        "once.end of a key that was not begun is answered invalid_params",
        ({**_end("once_unbegun", value=1), "error": "invalid_params"}, lives()),
        REFUSES_AS,
    ),
    HostCase(
        "once_project",
        "PS-8.27",
        "a result that is the project's is given to another run",
        _play_two_runs(
            "once_project",
            [{**_begin("kit-project", **_PROJECT), "is": _GO}, {**_end("kit-project", value=[1]), "is": None}],
            [{**_begin("kit-project", **_PROJECT), "is": {"value": [1]}}],
        ),
        {"flag": "keeps_nothing"},
    ),
    HostCase(
        "once_project_refused",
        "PS-8.27",
        "a key of the project without a ttl, or inside another once, is answered invalid_params",
        _plays(
            "once_project_refused",
            [
                {**_begin("a", scope="project"), "error": "invalid_params"},
                {**_begin("b", **_PROJECT, within="c"), "error": "invalid_params"},
            ],
        ),
        REFUSES_AS,
    ),
    HostCase(
        "once_project_in_request",
        "PS-8.27",
        "a key of the project in an api step is answered invalid_params",
        ({**_begin("a", **_PROJECT), "error": "invalid_params"}, lives()),
        REFUSES_AS,
    ),
    HostCase(
        "sleep",
        "PS-8.17",
        "a short sleep of an event step ends with its answer",
        _plays("sleep", [{**_sleep("s", "10ms"), "is": None}]),
        {"flag": "never_wakes"},
    ),
    HostCase(
        "sleep_again",
        "PS-8.17",
        "a sleep that is over is over in every later attempt, whatever its duration says by then",
        _plays(
            "sleep_again", [{**_sleep("s", "10ms"), "is": None}], [{**_sleep("s", "300d"), "is": None}], fails=_FAILS
        ),
        {"flag": "sleeps_again"},
    ),
    HostCase(
        "sleep_within",
        "PS-8.17",
        "a sleep inside the function of a once is answered invalid_params",
        _plays("sleep_within", [{**_sleep("s", "10ms", within="a"), "error": "invalid_params"}]),
        REFUSES_AS,
    ),
    HostCase(
        "sleep_duration",
        "PS-8.17",
        "a duration that is none is answered invalid_params",
        _plays("sleep_duration", [{**_sleep("s", "soon"), "error": "invalid_params"}]),
        REFUSES_AS,
    ),
    HostCase(
        "sleep_in_request",
        "PS-8.17",
        "a sleep of an api step is answered invalid_params",
        ({**_sleep("s", "10ms"), "error": "invalid_params"}, lives()),
        REFUSES_AS,
    ),
    HostCase(
        "ask_timed_out",
        "PS-8.19",
        "an ask that nobody answers ends at its timeout, without a value",
        _plays("ask_timed_out", [{**_ask("a", title="Send it?", data={"n": [1]}), "is": _LATE}]),
        {"flag": "never_wakes"},
    ),
    HostCase(
        "ask_again",
        "PS-8.19",
        "an ask that has ended has the same end in every later attempt",
        _plays(
            "ask_again",
            [{**_ask("a", title="Send it?"), "is": _LATE}],
            [{**_ask("a", title="Send it?", timeout="300d"), "is": _LATE}],
            fails=_FAILS,
        ),
        {"flag": "never_wakes"},
    ),
    HostCase(
        "ask_untitled",
        "PS-8.19",
        "an ask without a title is answered invalid_params",
        _plays("ask_untitled", [{**_ask("a"), "error": "invalid_params"}]),
        REFUSES_AS,
    ),
    HostCase(
        "ask_in_request",
        "PS-8.19",
        "an ask of an api step is answered invalid_params",
        ({**_ask("a", title="Send it?"), "error": "invalid_params"}, lives()),
        REFUSES_AS,
    ),
    HostCase(
        "callback",
        "PS-8.19",
        "a callback is opened with an id and a link, and then waited for",
        _plays(
            "callback",
            [
                {**_ask("c", "callback", open=True), "is": {"id": {"$type": "text"}, "url": {"$any": True}}},
                {**_ask("c", "callback"), "is": _LATE},
            ],
        ),
        {"flag": "opens_nothing"},
    ),
    HostCase(
        "answer",
        "PS-8.26",
        "the first answer to an ask counts, it may come twice, and another one is answered ask_answered",
        _plays(
            "answer",
            [
                _OPEN,
                _answer(_KEPT, {"ok": True}, **{"is": None}),
                _answer(_KEPT, {"ok": True}, **{"is": None}),
                _answer(_KEPT, {"ok": False}, error="ask_answered"),
                {
                    **_ask("c", "callback", timeout="1h"),
                    "is": {"$exactly": {"status": "answered", "value": {"ok": True}}},
                },
            ],
        ),
        {"flag": "takes_second_answers"},
    ),
    HostCase(
        "answer_unknown",
        "PS-8.26",
        "an answer to an ask that is none is answered ask_not_found",
        (_answer("none", 1, error="ask_not_found"), lives()),
        REFUSES_AS,
    ),
    HostCase(
        "event",
        "PS-8.20",
        "a wait for an event ends with one that was emitted since the event of the run, and that has its value",
        _plays(
            "event",
            [
                {"call": "emit", "with": {"topic": "kit.event", "data": {"tell": "event.of", "id": "no"}}, "any": True},
                {"call": "emit", "with": {"topic": "kit.event", "data": {"tell": "event.of", "id": 7}}, "any": True},
                {
                    **_event("e", {"topic": "kit.event", "by": "7"}),
                    "is": {"topic": "kit.event", "data": {"tell": "event.of", "id": 7}},
                },
            ],
        ),
        {"flag": "takes_any_event"},
    ),
    HostCase(
        "event_timed_out",
        "PS-8.20",
        "a wait for an event that does not come ends at its timeout with nil, in every later attempt too",
        _plays(
            "event_timed_out",
            [{**_event("e", {"topic": "kit.event", "by": "never"}), "is": None}],
            [{**_event("e", {"topic": "kit.event", "by": "never"}, timeout="300d"), "is": None}],
            fails=_FAILS,
        ),
        {"flag": "never_wakes"},
    ),
    HostCase(
        "event_undeclared",
        "PS-8.20",
        "a wait for a topic that the config does not name is answered topic_not_declared",
        _plays("event_undeclared", [{**_event("e", {"topic": "kit.other"}), "error": "topic_not_declared"}]),
        REFUSES_AS,
    ),
    HostCase(
        "call",
        "PS-8.21",
        "a call of a step that does not end in time ends with an error that says so",
        _plays(
            "call",
            [
                {
                    **_call("c", "Called", {"tell": "call.of"}),
                    "is": {"error": {"name": "timed_out", "message": {"$type": "text"}}},
                }
            ],
        ),
        {"flag": "calls_nothing"},
    ),
    HostCase(
        "call_unknown",
        "PS-8.21",
        "a call of a step that is none is answered invalid_params",
        _plays("call_unknown", [{**_call("c", "Nobody", None), "error": "invalid_params"}]),
        REFUSES_AS,
    ),
    result_schema("once.begin", "PS-8.15", _begin("schema"), 1),
    HostCase(
        "schema.result.once.end",
        "PS-8.16",
        "the result of once.end fits its schema",
        ({**_begin("schema"), "any": True}, {**_end("schema", value=1), "any": True}),
        {"gives": {"once.end": 1}},
    ),
    HostCase(
        "schema.result.ask.answer",
        "PS-8.26",
        "the result of ask.answer fits its schema",
        _plays("schema.result.ask.answer", [_OPEN, _answer(_KEPT, 1, any=True)]),
        {"gives": {"ask.answer": 1}},
    ),
    HostCase(
        "schema.result.wait",
        "PS-8.17",
        "the result of wait fits its schema",
        _plays("schema.result.wait", [{**_sleep("s", "10ms"), "any": True}]),
        {"gives": {"wait": 1}},
    ),
)
