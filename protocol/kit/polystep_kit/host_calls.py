"""The checks of a host, continued: what a run may call, how runs are run, how a host ends a runner."""

from __future__ import annotations

from typing import Final

from polystep_kit.host_case import REFUSES_AS, STRICT, TIMEOUT_S, HostCase, Op, get, item, lives, put, result_schema
from polystep_kit.host_durable import DURABLE
from polystep_kit.host_events import EVENTS
from polystep_kit.host_pages import PAGES
from polystep_kit.host_updates import UPDATES

_WITH_ITEM: Final[Op] = {"data": {"a": 1}}

CALLS: Final = (
    HostCase(
        "unknown_run",
        "PS-8.2",
        "a call for a run that is not known is answered run_ended",
        ({**get("kit", "key", None), "run": "no such run", "error": "run_ended"},),
        REFUSES_AS,
    ),
    HostCase(
        "ended_run",
        "PS-8.2",
        "a call for a run that was answered is answered run_ended, and has no effect",
        ({**put("ended", "key", 1), "run": "$before", "error": "run_ended"}, get("ended", "key", None)),
        REFUSES_AS,
    ),
    HostCase(
        "topic_not_declared",
        "PS-9.2",
        "a topic that the config does not list is answered topic_not_declared",
        ({"call": "emit", "with": {"topic": "kit.undeclared", "data": 1}, "error": "topic_not_declared"},),
        REFUSES_AS,
    ),
    HostCase(
        "stream_not_found",
        "PS-9.2",
        "a stream that no file declares is answered stream_not_found",
        ({**item("get", stream="nowhere"), "error": "stream_not_found"},),
        REFUSES_AS,
    ),
    HostCase(
        "state_nil", "PS-8.4", "state.get of nothing is nil", (get("nil", "key", None),), {"gives": {"state.get": 0}}
    ),
    HostCase(
        "state_value",
        "PS-8.4",
        "state.get gives what state.set stored",
        (put("value", "key", {"a": [1, None]}), get("value", "key", {"$exactly": {"a": [1, None]}})),
        {"gives": {"state.get": {"a": [1]}}},
    ),
    HostCase(
        "state_delete",
        "PS-8.4",
        "state.delete gives the old value, and deletes it",
        (
            put("delete", "key", "old"),
            {"call": "state.delete", "with": {"group": "delete", "key": "key"}, "is": "old"},
            get("delete", "key", None),
        ),
        {"gives": {"state.delete": None}},
    ),
    HostCase(
        "state_group",
        "PS-8.4",
        "state.get_group gives the values of a group",
        (put("group", "one", 5), {"call": "state.get_group", "with": {"group": "group"}, "is": [5]}),
        {"gives": {"state.get_group": [6]}},
    ),
    HostCase(
        "state_clear",
        "PS-8.4",
        "state.clear empties a group",
        (
            put("clear", "key", 1),
            {"call": "state.clear", "with": {"group": "clear"}, "any": True},
            get("clear", "key", None),
        ),
        {"gives": {"state.get": 1}},
    ),
    HostCase(
        "stream_item",
        "PS-8.1",
        "streams.set gives the item: its data with id, _createdAt and __motia",
        (
            {
                **item("set", id="item", **_WITH_ITEM),
                "is": {"$exactly": {"a": 1, "id": "item", "_createdAt": {"$any": True}, "__motia": {"$any": True}}},
            },
        ),
        {"gives": {"streams.set": {"a": 1, "id": "item"}}},
    ),
    HostCase(
        "stream_nil",
        "PS-8.4",
        "streams.set with nil gives nil, and writes nothing",
        ({**item("set", id="nil", data=None), "is": None}, {**item("get", id="nil"), "is": None}),
        {"gives": {"streams.set": {}}},
    ),
    HostCase(
        "stream_get",
        "PS-8.4",
        "streams.get gives the item",
        (
            {**item("set", id="get", **_WITH_ITEM), "any": True},
            {**item("get", id="get"), "is": {"a": 1, "id": "get"}},
        ),
        {"gives": {"streams.get": None}},
    ),
    HostCase(
        "stream_group",
        "PS-8.4",
        "streams.get_group gives the items of a group",
        (
            {
                "call": "streams.set",
                "with": {"stream": "live", "group": "group", "id": "one", "data": {"a": 1}},
                "any": True,
            },
            {"call": "streams.get_group", "with": {"stream": "live", "group": "group"}, "is": [{"a": 1, "id": "one"}]},
        ),
        {"gives": {"streams.get_group": []}},
    ),
    *PAGES,
    *DURABLE,
    *EVENTS,
    *UPDATES,
    HostCase(
        "stream_delete",
        "PS-8.4",
        "streams.delete gives the old item, and deletes it",
        (
            {**item("set", id="delete", **_WITH_ITEM), "any": True},
            {**item("delete", id="delete"), "is": {"a": 1, "id": "delete"}},
            {**item("get", id="delete"), "is": None},
        ),
        {"gives": {"streams.delete": None}},
    ),
    HostCase(
        "log_odd",
        "PS-8.7",
        "a log line with odd members is taken",
        (
            {"send": [2, "log", {"level": 5, "message": ["a"], "fields": [1], "time_ms": "now", "source": {}}]},
            {"send": [2, "log", {"run": {}, "level": "info", "message": "kit", "time_ms": -1, "source": "logger"}]},
            {"send": [2, "span", {"run": 1, "type": None, "attributes": []}]},
            {"send": [2, "span.open", {"run": 1, "open": "one", "start_ms": "now", "attributes": 7, "received": -1}]},
            lives(),
        ),
        STRICT,
    ),
    result_schema("emit", "PS-8.4", {"call": "emit", "with": {"topic": "kit.event", "data": {}}}, 1),
    result_schema("state.set", "PS-8.4", put("schema", "key", 1), 1),
    result_schema("state.clear", "PS-8.4", {"call": "state.clear", "with": {"group": "schema"}}, 1),
    result_schema("state.get_group", "PS-8.4", {"call": "state.get_group", "with": {"group": "schema"}}, {}),
    result_schema("state.page", "PS-8.12", {"call": "state.page", "with": {"group": "schema"}}, []),
    result_schema("streams.set", "PS-8.1", item("set", **_WITH_ITEM), "one"),
    result_schema("streams.get", "PS-8.1", item("get"), "one"),
    result_schema(
        "streams.get_group", "PS-8.1", {"call": "streams.get_group", "with": {"stream": "live", "group": "kit"}}, [1]
    ),
    result_schema("streams.page", "PS-8.12", {"call": "streams.page", "with": {"stream": "live", "group": "kit"}}, []),
    result_schema("streams.delete", "PS-8.1", item("delete"), "one"),
    result_schema("response.start", "PS-8.11", {"call": "response.start", "with": {"status": 200}}, 1),
    result_schema("streams.send", "PS-8.4", item("send", event={"type": "kit", "data": 1}), 1),
)


def _event(name: str, code: int, error: str, *, retryable: bool = True) -> Op:
    """An event whose first attempt fails with this error."""
    return {
        "call": "emit",
        "with": {
            "topic": "kit.event",
            "data": {"tell": name, "fails": {"code": code, "name": error, "retryable": retryable}},
        },
        "any": True,
    }


RUNS: Final = (
    HostCase(
        "api_input",
        "PS-7.2",
        "the input of an api step is the request",
        (
            {
                "params": {
                    "type": "api",
                    "attempt": 1,
                    "flows": ["kit"],
                    "input": {
                        "body": {"$exactly": {"a": [1, "ä"]}},
                        "pathParams": {"$exactly": {"name": "api_input"}},
                        "queryParams": {"$exactly": {"q": "1"}},
                        "rawBody": {"$any": True},
                        "headers": {"content-type": "application/json"},
                    },
                }
            },
        ),
        {"changes_body": {"a": []}},
        {"method": "POST", "path": "/probe/api_input?q=1", "body": {"a": [1, "ä"]}},
    ),
    HostCase(
        "api_integers",
        "PS-3.12",
        "integers of 64 bits in a JSON body come as they are to a runner with the feature, floats as floats",
        ({"params": {"input": {"body": {"$exactly": {"ids": [2**53 + 1, 2**64 - 1, -(2**63)], "float": 1e20}}}}},),
        {"changes_body": {"ids": [2**53, 2**64 - 1, -(2**63)], "float": 1e20}},
        {"method": "POST", "body": {"ids": [2**53 + 1, 2**64 - 1, -(2**63)], "float": 1e20}},
    ),
    HostCase(
        "api_answer",
        "PS-7.2",
        "the value of an api step is the answer",
        ({"answer": {"status": 201, "headers": {"X-Kit": "yes"}, "body": {"ok": ["é"]}}},),
        {"flag": "answers_nothing"},
        {"status": 201, "json": {"ok": ["é"]}},
    ),
    HostCase(
        "response_items",
        "PS-8.11",
        "what a run writes with response.write is the answer to its client, in order",
        (
            {
                "call": "response.start",
                "with": {"status": 201, "headers": {"content-type": "application/json"}},
                "is": None,
            },
            {"call": "response.write", "with": {"data": '{"ok":'}, "is": None},
            {"call": "response.write", "with": {"data": "[1]}"}, "is": None},
            {"answer": None},
        ),
        {"flag": "forgets_items"},
        {"status": 201, "json": {"ok": [1]}},
    ),
    HostCase(
        "step_failed",
        "PS-7.3",
        "a run that failed gives the client an error",
        ({"fail": {"code": 21, "name": "step_failed"}},),
        {"flag": "hides_failures"},
        {"status": "error"},
    ),
    HostCase(
        "error_no_map",
        "PS-9.5",
        "an answer whose error is no map is an error",
        ({"fail": "no map"},),
        {"flag": "hides_failures"},
        {"status": "error"},
    ),
    HostCase(
        "malformed_answer",
        "PS-4.5",
        "a malformed answer fails the run that waits for it",
        ({"answer": {"status": 200, "body": {"$hex": "d6ff00000000"}}},),
        {"flag": "hides_failures"},
        {"status": "error"},
    ),
    HostCase(
        "oversized_answer",
        "PS-3.3",
        "an answer that is too large fails the run that waits for it",
        ({"answer_too_large": True},),
        {"flag": "hides_failures"},
        {"status": "error"},
    ),
    HostCase(
        "event_input",
        "PS-7.2",
        "an event step is run with the data of the event",
        (
            {"call": "emit", "with": {"topic": "kit.event", "data": {"tell": "event_input", "a": [1]}}, "any": True},
            {
                "attempts": "event_input",
                "are": [{"type": "event", "input": {"$exactly": {"tell": "event_input", "a": [1]}}}],
            },
        ),
        {"changes_event": {"tell": "event_input", "a": []}},
    ),
    HostCase(
        "attempt",
        "PS-7.1",
        "attempt counts from 1, and grows when an event step is tried again",
        (_event("attempt", 21, "step_failed"), {"attempts": "attempt", "are": [{"attempt": 1}, {"attempt": 2}]}),
        {"retries": {"attempt": 1}},
    ),
    HostCase(
        "run_per_attempt",
        "PS-7.1",
        "each attempt has its own run, in the same trace",
        (
            _event("run_per_attempt", 21, "step_failed"),
            {"attempts": "run_per_attempt", "are": [{}, {}], "differ": "run", "equal": "trace_id"},
        ),
        {"flag": "same_run"},
    ),
    HostCase(
        "unknown_error",
        "PS-9.5",
        "an error of an unknown code is taken by its name, message and retryable",
        (
            _event("unknown_error", 999, "kit_unheard_of"),
            {"attempts": "unknown_error", "are": [{"attempt": 1}, {"attempt": 2}]},
        ),
        {"flag": "does_not_retry"},
    ),
    HostCase(
        "not_retryable",
        "PS-9.5",
        "an event step whose error is not retryable is not tried again",
        (
            _event("not_retryable", 999, "kit_unheard_of", retryable=False),
            {"attempts": "not_retryable", "are": [{"attempt": 1}]},
            # While another one is tried again, this one would have been too.
            _event("retryable", 999, "kit_unheard_of"),
            {"attempts": "retryable", "are": [{}, {}]},
            {"attempts": "not_retryable", "are": [{}], "no_more": True},
        ),
        {"flag": "retries_anyhow"},
    ),
    HostCase(
        "timeout_ms",
        "PS-7.8",
        "timeout_ms is what the config allows",
        ({"params": {"timeout_ms": TIMEOUT_S * 1000}},),
        {"runs": {"timeout_ms": 5}},
        {"path": "/slow/timeout_ms"},
    ),
    HostCase(
        "cancel_reason",
        "PS-7.8",
        "a run past its timeout is sent cancel with the reason timeout",
        ({"cancelled": {"reason": "timeout"}}, {"fail": {"code": 11, "name": "cancelled"}}),
        {"flag": "cancels_for_nothing"},
        {"path": "/slow/cancel_reason", "status": "error"},
    ),
    HostCase(
        "timeout_answer",
        "PS-7.8",
        "the client of a run past its timeout gets an error",
        ({"cancelled": {}}, {"fail": {"code": 11, "name": "cancelled"}}),
        {"flag": "hides_timeouts"},
        {"path": "/slow/timeout_answer", "status": "error"},
    ),
)

ENDS: Final = (
    HostCase(
        "garbage_breaks",
        "PS-4.4",
        "a frame that is no message breaks the channel: the host closes it",
        ({"frame": "a3796573"}, {"closed": True}),
        {"flag": "survives"},
        {"status": "error"},
    ),
    HostCase(
        "garbage_replaced",
        "PS-11.2",
        "after a broken channel a new process takes the next request",
        (lives(),),
        {"flag": "replaces_late"},
        {"status": 200},
    ),
    HostCase(
        "empty_frame_breaks",
        "PS-3.2",
        "a length of 0 breaks the channel",
        ({"frame": ""}, {"closed": True}),
        {"flag": "survives"},
        {"status": "error"},
    ),
    HostCase(
        "stop_drains", "PS-7.10", "a host that stops sends drain before shutdown", fault={"flag": "does_not_drain"}
    ),
    HostCase("drain_last", "PS-7.10", "behind drain there is no step.run", fault={"flag": "runs_behind_drain"}),
    HostCase("stop_shutdown", "PS-7.10", "a host that stops sends shutdown", fault={"flag": "no_shutdown"}),
    HostCase(
        "stop_closes", "PS-10.2", "a runner that stays is ended by closing its input first", fault={"flag": "kills"}
    ),
)
