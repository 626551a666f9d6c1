"""Asking the project's access rules: whatever goes wrong refuses, and nothing costs without rules."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from polystep.contracts import limits
from polystep.contracts.errors import PolystepError, RunnerGone, RunTimedOut, StepFailed
from polystep.contracts.ids import Ids
from polystep.contracts.ports.streams import AccessRefused, StreamAccess
from polystep.contracts.steps import AccessSpec, Flow, LoadFailure, SourceFile, StreamSpec
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import Loaded, Validators
from polystep.project.access import WARNED_EVERY_S, AccessRules
from polystep.testing import FakeClock
from tests.patience import HANG_S

RULE = SourceFile("motia.config.ts", "access", "typescript", "node")
OPEN = SourceFile("steps/open.stream.ts", "stream", "typescript", "node")
GUARDED = SourceFile("steps/guarded_stream.py", "stream", "python", "python")
STREAMS = {"open": StreamSpec("open", OPEN), "guarded": StreamSpec("guarded", GUARDED, guarded=True)}
SCHEMA: JSONObject = {"type": "object", "properties": {"user": {"type": "string"}}, "required": ["user"]}


def loaded(flow: Flow) -> Loaded:
    validators = Validators({}, {}, {})
    if flow.access is not None:
        assert validators.add_access(flow.access) is None
    return Loaded(flow, validators)


class Runner:
    """Answers with what `answers` gives, one after another; the last one repeats."""

    def __init__(self, *answers: JSONValue | Exception | Callable[[], Awaitable[JSONValue]]) -> None:
        self.answers = [*answers]
        self.asked: list[JSONObject] = []

    async def run(self, params: JSONObject, timeout_s: float) -> JSONValue:
        assert timeout_s == limits.ACCESS_TIMEOUT_S
        self.asked.append(params)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return await answer() if callable(answer) else answer


class Built:
    def __init__(self, flow: Flow, node: Runner | None = None, python: Runner | None = None) -> None:
        self.said: list[str] = []
        self.clock = FakeClock()
        self.loaded = loaded(flow)
        runners = {name: each for name, each in (("node", node), ("python", python)) if each is not None}
        self.rules = AccessRules(self.loaded, runners, self.said.append, self.clock, Ids())


def with_rule(schema: JSONObject | None = None) -> Flow:
    return Flow(streams=STREAMS, access=AccessSpec(RULE, schema))


async def status_of(rules: StreamAccess, headers: JSONObject | None = None, url: str = "/") -> int:
    with pytest.raises(AccessRefused) as refused:
        await rules.authenticate(headers or {}, url)
    return refused.value.status


async def test_without_rules_everybody_is_anonymous_and_nothing_is_asked() -> None:
    built = Built(Flow(streams=STREAMS))
    assert await built.rules.authenticate({"x": "1"}, "/") is None
    assert await built.rules.may_join("open", "g", None, None) is True
    assert await built.rules.may_join("unknown", "g", None, None) is False
    assert [built.rules.has_rule(name) for name in ("open", "guarded", "unknown")] == [False, True, False]
    assert built.said == []


async def test_authenticate_is_asked_with_headers_and_url_in_its_own_runner() -> None:
    node = Runner({"user": "ada"})
    built = Built(with_rule(SCHEMA), node)
    assert await built.rules.authenticate({"authorization": "Bearer x"}, "/a?b=c") == {"user": "ada"}
    asked = node.asked[0]
    assert (asked["file"], asked["type"], asked["attempt"]) == ("motia.config.ts", "authenticate", 1)
    assert asked["input"] == {"headers": {"authorization": "Bearer x"}, "url": "/a?b=c"}
    assert built.rules.has_rule("open") is True


@pytest.mark.parametrize(
    ("subscription", "id"), [({"groupId": "g"}, None), ({"groupId": "g", "id": "i"}, "i")], ids=["group", "item"]
)
async def test_can_access_is_asked_with_the_subscription_and_the_context(
    subscription: JSONObject, id: str | None
) -> None:
    python = Runner(True)
    built = Built(Flow(streams=STREAMS), python=python)
    assert await built.rules.may_join("guarded", "g", id, {"user": "ada"}) is True
    assert python.asked[0]["type"] == "can_access"
    assert python.asked[0]["input"] == {"subscription": subscription, "context": {"user": "ada"}}


@pytest.mark.parametrize("answer", [False, None, 1, "true", {}], ids=str)
async def test_only_true_lets_a_client_join(answer: JSONValue) -> None:
    built = Built(Flow(streams=STREAMS), python=Runner(answer))
    assert await built.rules.may_join("guarded", "g", None, None) is False
    assert built.said == []


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (StepFailed("Error: no"), 401),
        (RunTimedOut("too long"), 503),
        (RunnerGone("it died", {"fault": "own"}), 503),
        (PolystepError("anything"), 503),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_rule_that_fails_refuses_and_says_why(failure: Exception, status: int) -> None:
    built = Built(with_rule(), Runner(failure), Runner(failure))
    assert await status_of(built.rules) == status
    assert str(failure) in built.said[0]
    await built.clock.advance(WARNED_EVERY_S)
    assert await built.rules.may_join("guarded", "g", None, None) is False
    assert "steps/guarded_stream.py" in built.said[1]


async def test_a_rule_whose_runner_is_not_there_refuses() -> None:
    built = Built(with_rule())
    assert await status_of(built.rules) == 503
    assert await built.rules.may_join("guarded", "g", None, None) is False


async def test_a_rule_is_asked_again_when_its_process_was_ended_by_another_run() -> None:
    node = Runner(RunnerGone("gone", {"fault": "neighbour"}), {"user": "ada"})
    built = Built(with_rule(), node)
    assert await built.rules.authenticate({}, "/") == {"user": "ada"}
    assert node.asked[0]["run"] != node.asked[1]["run"]


async def test_a_context_that_breaks_its_schema_is_refused_with_the_issues_on_the_console() -> None:
    built = Built(with_rule(SCHEMA), Runner({"name": "ada"}))
    assert await status_of(built.rules) == 401
    assert built.said == [
        "A WebSocket was refused: what authenticate of motia.config.ts returned breaks contextSchema: user: is required"
    ]


async def test_a_closed_project_refuses_sockets_and_joins() -> None:
    built = Built(replace(Flow(streams=STREAMS), access_closed="It is still loading."))
    assert await status_of(built.rules) == 503
    assert await built.rules.may_join("open", "g", None, None) is False


async def test_a_stream_whose_file_does_not_load_any_more_is_not_joined() -> None:
    built = Built(replace(Flow(streams=STREAMS), failures=(LoadFailure(OPEN, "broken"),)))
    assert await built.rules.may_join("open", "g", None, None) is False


async def test_what_a_client_sent_is_not_repeated() -> None:
    headers: JSONObject = {
        "authorization": "Bearer header-token",
        "sec-websocket-protocol": "Authorization, protocol-token",
        "cookie": "session=cookie-value",
    }
    why = "Error: not header-token protocol-token cookie-value query-token query%2Dtoken, an Authorization"
    built = Built(with_rule(), Runner(StepFailed(why)))
    assert await status_of(built.rules, headers, "/?authToken=query%2Dtoken") == 401
    hidden = "[hidden] [hidden] [hidden] [hidden] [hidden]"
    assert built.said == [
        f"A WebSocket was refused: authenticate of motia.config.ts raised Error: not {hidden}, an Authorization"
    ]


async def test_clients_do_not_decide_how_much_is_printed() -> None:
    built = Built(with_rule(), Runner(StepFailed("Error: no")))
    for _ in range(5):
        await status_of(built.rules)
    assert len(built.said) == 1
    await built.clock.advance(WARNED_EVERY_S)
    await status_of(built.rules)
    assert built.said[1].endswith("Error: no (4 more refusals were not shown)")


async def test_rules_share_a_bounded_number_of_places_and_a_bounded_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polystep.project.access.ACCESS_WAITING_MAX", limits.ACCESS_RUNS_MAX + 1)
    gate, full, open_runs, most = asyncio.Event(), asyncio.Event(), 0, 0

    async def slow() -> JSONValue:
        nonlocal open_runs, most
        open_runs += 1
        most = max(most, open_runs)
        if most == limits.ACCESS_RUNS_MAX:
            full.set()
        await gate.wait()
        open_runs -= 1
        return {"user": "ada"}

    built = Built(with_rule(), Runner(slow))
    tasks = [asyncio.create_task(built.rules.authenticate({}, "/")) for _ in range(limits.ACCESS_RUNS_MAX + 1)]
    async with asyncio.timeout(HANG_S):
        await full.wait()
    assert await status_of(built.rules) == 503
    gate.set()
    assert await asyncio.gather(*tasks) == [{"user": "ada"}] * len(tasks)
    assert most == limits.ACCESS_RUNS_MAX
