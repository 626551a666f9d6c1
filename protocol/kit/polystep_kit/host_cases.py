"""The checks of a host, as data: what the scripted runner does in each, and how a host that fails it misbehaves."""

from __future__ import annotations

from typing import Final

from polystep_kit.host_calls import CALLS, ENDS, RUNS
from polystep_kit.host_case import REFUSES_AS, STRICT, VALUE_CHARS, HostCase, get, lives, put, refused

_CONVERSATION: Final = (
    HostCase("hello_first", "PS-5.1", "hello is the first message", fault={"flag": "cancels_first"}),
    HostCase("channel_variable", "PS-2.1", "POLYSTEP_CHANNEL names the channel", fault={"flag": "names_no_channel"}),
    HostCase(
        "folder", "PS-2.4", "the working directory is the project's root, as in hello", fault={"flag": "elsewhere"}
    ),
    HostCase("one_load", "PS-6.1", "one step.load is open at a time", fault={"flag": "loads_at_once"}),
    HostCase("load_relative", "PS-6.1", "the file of step.load is relative to the project", fault={"flag": "absolute"}),
    HostCase("load_kind", "PS-6.1", "the kind of step.load is that of the file", fault={"flag": "streams_are_steps"}),
    HostCase(
        "middleware",
        "PS-6.2",
        "a step with middleware is not run by a runner without the feature",
        (),
        {"flag": "ignores_middleware"},
        {"path": "/guarded/middleware", "status": "error"},
    ),
    HostCase("schema.params.hello", "PS-5.1", "hello fits its schema", fault={"flag": "no_features"}),
    HostCase("schema.params.step.load", "PS-6.1", "step.load fits its schema", fault={"flag": "no_kind"}),
    HostCase("schema.params.step.run", "PS-7.1", "step.run fits its schema", (), {"runs": {"flows": None}}),
    HostCase("schema.notification.cancel", "PS-7.9", "cancel fits its schema", fault={"flag": "cancels_nothing"}),
    HostCase(
        "schema.request", "PS-4.1", "every request is a request of the protocol", (), {"sends": [0, 900, "kit", {}]}
    ),
    HostCase(
        "schema.notification", "PS-4.2", "every notification is one of the protocol", (), {"sends": [2, "cancel", []]}
    ),
    HostCase(
        "schema.response",
        "PS-4.3",
        "an answer has an error or a result",
        ({"call": "kit.unknown", "any": True},),
        {"flag": "error_and_result"},
    ),
    HostCase(
        "schema.error",
        "PS-9.1",
        "an error fits its schema",
        ({"call": "kit.unknown", "any": True},),
        {"flag": "error_without_data"},
    ),
    HostCase("answers_once", "PS-4.3", "every request is answered once", (lives(),), {"flag": "answers_twice"}),
    HostCase(
        "known_file", "PS-7.1", "step.run names a file that was loaded", (), {"runs": {"file": "steps/other_step.kit"}}
    ),
    HostCase("known_step", "PS-7.1", "step.run names the step of that file", (), {"runs": {"step": "Other"}}),
    HostCase(
        "traceparent",
        "PS-7.1",
        "traceparent carries trace_id",
        (),
        {"runs": {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}},
    ),
    HostCase(
        "ids_unique",
        "PS-4.1",
        "ids are unique among unanswered requests",
        ({"hold": True},),
        {"flag": "same_ids"},
        {"times": 2, "status": 200},
    ),
    HostCase(
        "runs_max",
        "PS-5.3",
        "under six requests at once there are never more than two runs open, and all are answered",
        ({"hold": True},),
        {"flag": "no_limit"},
        {"times": 6, "status": 200},
    ),
)

_REQUESTS: Final = (
    HostCase(
        "unknown_method",
        "PS-4.2",
        "an unknown request is answered method_not_found",
        ({"call": "kit.unknown", "error": "method_not_found"},),
        REFUSES_AS,
    ),
    HostCase(
        "params_no_map",
        "PS-4.2",
        "params that are no map are answered invalid_params",
        ({"call": "state.get", "params": ["kit", "key"], "error": "invalid_params"}, lives()),
        REFUSES_AS,
    ),
    HostCase(
        "params_lacking",
        "PS-4.2",
        "params that lack a member are answered invalid_params",
        ({"call": "state.get", "with": {"group": "kit"}, "error": "invalid_params"},),
        REFUSES_AS,
    ),
    HostCase(
        "params_of_wrong_type",
        "PS-4.2",
        "a member of the wrong type is answered invalid_params",
        ({"call": "state.get", "with": {"group": {}, "key": "key"}, "error": "invalid_params"},),
        REFUSES_AS,
    ),
    HostCase(
        "unknown_members",
        "PS-4.2",
        "members of params that are not known are ignored",
        ({"call": "state.get", "with": {"group": "kit", "key": "odd", "kit": {"a": 1}, "value": 1}, "is": None},),
        {"gives": {"state.get": 1}},
    ),
    HostCase(
        "unawaited_response",
        "PS-4.6",
        "a response to which no call waits is dropped",
        ({"send": [1, 4_000_000, None, None]}, lives()),
        STRICT,
    ),
    HostCase(
        "malformed_response",
        "PS-4.5",
        "a malformed response to which no call waits is dropped",
        ({"send": [1, 4_000_000, {"$hex": "d6ff00000000"}, None]}, lives()),
        STRICT,
    ),
    HostCase(
        "unknown_notification",
        "PS-4.2",
        "an unknown notification is ignored",
        ({"send": [2, "kit.unknown", {}]}, lives()),
        STRICT,
    ),
    HostCase(
        "malformed_notification",
        "PS-4.5",
        "malformed notifications are dropped",
        ({"send": [2, "log", []]}, {"send": [2, {"$hex": "c1"}, {}]}, lives()),
        STRICT,
    ),
    HostCase(
        "oversized_request",
        "PS-3.3",
        "a request that is too large is answered frame_too_large, and the next is read",
        ({"oversized": "own", "error": "frame_too_large"}, lives()),
        REFUSES_AS,
    ),
    HostCase(
        "oversized_for_us",
        "PS-3.2",
        "a request that is larger than what the runner announced, the smaller limit, is answered frame_too_large",
        ({"oversized": "agreed", "error": "frame_too_large"}, lives()),
        REFUSES_AS,
    ),
    HostCase(
        "answer_too_large",
        "PS-3.3",
        "an answer that is too large for the runner is replaced by frame_too_large",
        (
            put("large", "one", {"$repeat": ["x", VALUE_CHARS]}),
            put("large", "two", {"$repeat": ["y", VALUE_CHARS]}),
            {"call": "state.get_group", "with": {"group": "large"}, "error": "frame_too_large"},
            lives(),
        ),
        REFUSES_AS,
    ),
    HostCase(
        "run_too_large",
        "PS-3.3",
        "a step.run that is too large for the runner is not sent, and fails alone",
        (),
        {"flag": "sends_too_large"},
        {"method": "POST", "body": {"text": {"$repeat": ["x", 2 * VALUE_CHARS]}}, "status": "error"},
    ),
    HostCase(
        "byte_by_byte",
        "PS-3.1",
        "a frame is cut anywhere",
        ({**put("pieces", "key", 1), "pieces": 1}, get("pieces", "key", 1)),
        {"gives": {"state.get": 2}},
    ),
    HostCase(
        "many_at_once",
        "PS-3.1",
        "many frames arrive in one piece, and each is answered",
        (put("many", "key", 7), {"many": 200, **get("many", "key", 7)}),
        {"gives": {"state.get": 8}},
    ),
    HostCase(
        "wide",
        "PS-3.10",
        "a message is taken in the widest encodings",
        (
            {**put("wide", "key", {"a": [1, "b", -1, True]}), "wide": True},
            get("wide", "key", {"a": [1, "b", -1, True]}),
        ),
        {"gives": {"state.get": None}},
    ),
)

_VALUES: Final = (
    refused("extension", "PS-3.11", "an extension type is answered invalid_value", "d6ff00000000"),
    refused("integer_key", "PS-3.11", "a key that is no text is answered invalid_value", "8101a161"),
    refused("unused_byte", "PS-3.11", "the unused byte c1 is answered invalid_value", "c1"),
    HostCase(
        "trailing_byte",
        "PS-3.11",
        "a request that goes on after its end is answered invalid_value",
        ({**put("refused", "key", 1), "after": "c0", "error": "invalid_value"}, lives()),
        REFUSES_AS,
    ),
    HostCase(
        "truncated",
        "PS-3.11",
        "a request that ends before its value does is answered invalid_value",
        ({**put("refused", "key", "text"), "cut": 2, "error": "invalid_value"}, lives()),
        REFUSES_AS,
    ),
    refused("nan", "PS-3.5", "NaN is answered invalid_value", "cb7ff8000000000000"),
    refused("infinity", "PS-3.5", "an infinity is answered invalid_value", "cbfff0000000000000"),
    refused("integer_too_large", "PS-3.5", "2^53+1 is answered invalid_value", "cf0020000000000001"),
    HostCase(
        "vectors_accepted",
        "PS-3.4",
        "every value of vectors/values.json that a reader accepts survives state.set and state.get",
        ({"vectors": "accept"},),
        {"gives": {"state.get": "another"}},
    ),
    HostCase(
        "vectors_refused",
        "PS-3.11",
        "every value of vectors/values.json that a reader refuses is answered invalid_value",
        ({"vectors": "refuse"}, lives()),
        REFUSES_AS,
    ),
    HostCase(
        "vectors_doubtful",
        "PS-3.11",
        "every value of vectors/values.json that a reader may refuse is taken or answered invalid_value",
        ({"vectors": "may_refuse"}, lives()),
        REFUSES_AS,
    ),
)

HOST_CASES: Final = (*_CONVERSATION, *_REQUESTS, *_VALUES, *CALLS, *RUNS, *ENDS)
"""Every check, in the order in which they are played; the host is stopped last."""
BY_NAME: Final = {case.name: case for case in HOST_CASES}
