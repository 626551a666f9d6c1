"""What a pair of peers must do, joined in memory and over real pipes (PS-3, PS-4)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import cast

import pytest

from polystep.contracts.errors import (
    ALL_ERRORS,
    FrameTooLarge,
    InvalidParams,
    InvalidValue,
    MethodNotFound,
    Overloaded,
    PolystepError,
    RunnerGone,
)
from polystep.contracts.limits import CALLS_MAX
from polystep.contracts.values import JSONObject, JSONValue
from polystep.wire import FittedAnswer, Packed, Peer, WatchedAnswer, connect_pipes, direct_pair, frame, pack
from polystep.wire.peer import Method
from tests.patience import HANG_S

BYTES_MAX = 100_000
Notifications = Mapping[str, Callable[[JSONObject], None]]
Join = Callable[..., Awaitable[tuple[Peer, Peer]]]


async def _join_pipes(one: Peer, two: Peer) -> None:
    there, back = os.pipe(), os.pipe()
    await connect_pipes(one, back[0], there[1])
    await connect_pipes(two, there[0], back[1])


@pytest.fixture(params=["direct", "pipes"])
async def join(request: pytest.FixtureRequest) -> AsyncIterator[Join]:
    """Makes a caller and the peer that has the methods; both are closed at the end."""
    made: list[Peer] = []

    async def make(
        methods: Mapping[str, Method] | None = None,
        notifications: Notifications | None = None,
        caller_methods: Mapping[str, Method] | None = None,
    ) -> tuple[Peer, Peer]:
        if request.param == "direct":
            pair = direct_pair(
                (caller_methods or {}, {}), (methods or {}, notifications or {}), frame_bytes_max=BYTES_MAX
            )
        else:
            pair = (
                Peer(caller_methods or {}, {}, frame_bytes_max=BYTES_MAX),
                Peer(methods or {}, notifications or {}, frame_bytes_max=BYTES_MAX),
            )
            await _join_pipes(*pair)
        made.extend(pair)
        return pair

    async with asyncio.timeout(HANG_S):
        yield make
    for peer in made:
        peer.fail(RunnerGone("The test is over."))
    # Transports close in the turns that follow.
    for _ in range(5):
        await asyncio.sleep(0)


async def _coroutine(params: JSONObject) -> JSONValue:
    await asyncio.sleep(0)
    return params["value"]


def _future(params: JSONObject) -> asyncio.Future[JSONValue]:
    future: asyncio.Future[JSONValue] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, params["value"])
    return future


ECHOES: dict[str, Method] = {"plain": lambda params: params["value"], "coroutine": _coroutine, "future": _future}
VALUES: list[JSONValue] = [
    None, True, False, 0, -1, 2**53 - 1, 1.5, "", "texť 👩‍🚀", b"", b"\x00\xff", [], {}, {"a": [1, {"b": None}]},
    ["x"] * 300,
]  # fmt: skip


@pytest.mark.parametrize("method", ECHOES)
async def test_an_answer_is_equal_to_what_was_sent(join: Join, method: str) -> None:
    caller, _ = await join(ECHOES)
    assert await asyncio.gather(*(caller.call(method, {"value": value}) for value in VALUES)) == VALUES


async def test_both_sides_call_each_other_with_the_same_numbers(join: Join) -> None:
    one, two = await join(ECHOES, caller_methods=ECHOES)
    answers = await asyncio.gather(
        *(peer.call("coroutine", {"value": [name, n]}) for n in range(20) for name, peer in (("1", one), ("2", two)))
    )
    assert answers == [[name, n] for n in range(20) for name in "12"]


async def test_answers_reach_their_callers_in_whatever_order_they_come(join: Join) -> None:
    waiting: dict[object, asyncio.Future[str]] = {}
    all_there = asyncio.Event()

    def hold(params: JSONObject) -> asyncio.Future[str]:
        waiting[params["n"]] = asyncio.get_running_loop().create_future()
        if len(waiting) == 5:
            all_there.set()
        return waiting[params["n"]]

    caller, _ = await join({"hold": hold})
    calls = [caller.call("hold", {"n": n}) for n in range(5)]
    await all_there.wait()
    order: list[object] = []
    for n in (3, 0, 4, 2, 1):
        calls[n].add_done_callback(lambda done: order.append(done.result()))
        waiting[n].set_result(f"answer {n}")
        await calls[n]
    assert order == ["answer 3", "answer 0", "answer 4", "answer 2", "answer 1"]


@pytest.mark.parametrize("kind", ALL_ERRORS)
async def test_an_error_arrives_as_its_own_class(join: Join, kind: type[PolystepError]) -> None:
    def plain(_: JSONObject) -> None:
        raise kind("what happened", {"where": ["data", 3]})

    async def coroutine(params: JSONObject) -> None:
        plain(params)

    caller, _ = await join({"plain": plain, "coroutine": coroutine})
    for method in ("plain", "coroutine"):
        with pytest.raises(PolystepError) as caught:
            await caller.call(method, {})
        assert (type(caught.value), caught.value.message, caught.value.data) == (
            kind,
            "what happened",
            {"where": ["data", 3]},
        )


async def test_a_failure_of_the_host_itself_is_answered_and_logged(
    join: Join, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: JSONObject) -> None:
        raise KeyError("missing")

    caller, _ = await join({"broken": broken})
    with pytest.raises(PolystepError, match="failed while it answered broken: KeyError: 'missing'"):
        await caller.call("broken", {})
    assert [record.message for record in caplog.records] == ["Answering broken failed"]


@pytest.mark.parametrize("kind", ["value", "future", "coroutine", "fitted"])
async def test_a_watched_answer_is_the_answer_and_its_watcher_hears_when_it_was_sent(join: Join, kind: str) -> None:
    heard: list[BaseException | None] = []
    ways: dict[str, Callable[[JSONObject], object]] = {
        "value": lambda params: params["value"],
        "future": _future,
        "coroutine": _coroutine,
        "fitted": lambda params: FittedAnswer(lambda _: _packed(params)),
    }
    caller, _ = await join({"watched": lambda params: WatchedAnswer(ways[kind](params), heard.append)})
    assert await caller.call("watched", {"value": [1]}) == [1]
    assert heard == [None]


async def test_a_watcher_hears_of_the_error_that_was_sent(join: Join) -> None:
    heard: list[BaseException | None] = []

    async def fail(_: JSONObject) -> None:
        raise Overloaded("Too much.")

    def unfinished(_: JSONObject) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        return future

    caller, _ = await join(
        {
            "fail": lambda params: WatchedAnswer(fail(params), heard.append),
            "unfinished": lambda params: WatchedAnswer(unfinished(params), heard.append),
        }
    )
    with pytest.raises(Overloaded):
        await caller.call("fail", {})
    with pytest.raises(RunnerGone):
        await caller.call("unfinished", {})
    assert [type(each) for each in heard] == [Overloaded, RunnerGone]


async def _packed(params: JSONObject) -> Packed:
    return Packed(pack(params["value"]))


async def test_an_unknown_method_is_named(join: Join) -> None:
    caller, _ = await join(ECHOES)
    with pytest.raises(MethodNotFound, match='There is no method "fly"'):
        await caller.call("fly", {})
    assert await caller.call("plain", {"value": 1}) == 1


async def test_an_error_whose_data_is_too_large_is_answered_without_it(join: Join) -> None:
    def huge(_: JSONObject) -> None:
        raise Overloaded("m" * BYTES_MAX, {"big": "d" * BYTES_MAX})

    caller, _ = await join({**ECHOES, "huge": huge})
    with pytest.raises(Overloaded) as caught:
        await caller.call("huge", {})
    assert (caught.value.message, caught.value.data) == ("m" * 1000, {})
    assert await caller.call("plain", {"value": 1}) == 1


async def test_an_error_that_cannot_be_packed_is_answered_without_it(join: Join) -> None:
    async def odd(_: JSONObject) -> None:
        raise Overloaded("half \ud800", {"odd": object()})  # type: ignore[dict-item]

    caller, _ = await join({"odd": odd})
    with pytest.raises(Overloaded) as caught:
        await caller.call("odd", {})
    assert (caught.value.message, caught.value.data) == ("half ?", {})


async def test_an_answer_that_cannot_be_packed_fails_its_call_alone(join: Join) -> None:
    caller, _ = await join({**ECHOES, "odd": lambda _: object()})
    with pytest.raises(InvalidValue):
        await caller.call("odd", {})
    assert await caller.call("plain", {"value": 1}) == 1


async def test_params_that_cannot_be_packed_fail_their_call_alone(join: Join) -> None:
    caller, _ = await join(ECHOES)
    with pytest.raises(InvalidValue):
        await caller.call("plain", {"value": {1, 2}})  # type: ignore[dict-item]
    assert await caller.call("plain", {"value": 1}) == 1


async def test_a_request_that_is_too_large_fails_its_call_alone(join: Join) -> None:
    caller, _ = await join(ECHOES)
    large, small = caller.call("plain", {"value": "x" * BYTES_MAX}), caller.call("plain", {"value": 1})
    with pytest.raises(FrameTooLarge, match="plain would be a message of"):
        await large
    assert await small == 1


async def test_the_other_sides_limit_counts_once_it_is_known(join: Join) -> None:
    caller, _ = await join(ECHOES)
    caller.agree(100)
    with pytest.raises(FrameTooLarge, match="the limit is 100"):
        await caller.call("plain", {"value": "x" * 100})
    assert await caller.call("plain", {"value": 1}) == 1


@pytest.mark.parametrize("method", ["plain", "coroutine"])
async def test_an_answer_that_is_too_large_fails_its_call_alone(join: Join, method: str) -> None:
    caller, _ = await join({**ECHOES, "plain": lambda _: "x" * BYTES_MAX, "coroutine": _too_large})
    large, small = caller.call(method, {}), caller.call("future", {"value": 1})
    with pytest.raises(FrameTooLarge, match=f"the answer to {method} would be a message of"):
        await large
    assert await small == 1


async def _too_large(_: JSONObject) -> str:
    return "x" * BYTES_MAX


async def test_a_side_that_sends_more_than_the_other_takes_fails_its_own_calls_alone(join: Join) -> None:
    one, two = await join({"large": lambda _: "x" * 1000, **ECHOES}, caller_methods=ECHOES)
    # As if they had agreed on less than the sender believes.
    for receiver in (one, two):
        receiver._frames.frame_bytes_max = 500
    answers = await asyncio.gather(
        one.call("plain", {"value": "y" * 1000}),
        one.call("large", {}),
        one.call("plain", {"value": "small"}),
        two.call("plain", {"value": "small"}),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [FrameTooLarge, FrameTooLarge, str, str]


async def test_notifications_arrive_in_order_and_before_later_calls(join: Join) -> None:
    heard: list[JSONValue] = []
    caller, _ = await join(ECHOES, {"log": lambda params: heard.append(params["n"])})
    for n in range(10):
        caller.notify("log", {"n": n})
    await caller.call("plain", {"value": 1})
    assert heard == list(range(10))


async def test_an_unknown_notification_is_ignored(join: Join) -> None:
    caller, _ = await join(ECHOES)
    caller.notify("unheard", {})
    assert await caller.call("plain", {"value": 1}) == 1


@pytest.mark.parametrize("error", [ValueError("no"), Overloaded("no")])
async def test_a_notification_that_fails_costs_nothing_that_came_with_it(
    join: Join, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: JSONObject) -> None:
        raise error

    caller, _ = await join(ECHOES, {"log": fail})
    first = caller.call("plain", {"value": 1})
    caller.notify("log", {})
    second = caller.call("plain", {"value": 2})
    assert [await first, await second] == [1, 2]
    assert [record.message for record in caplog.records] == ["A notification (log) could not be taken"]


async def test_a_caller_that_left_is_not_missed(join: Join) -> None:
    release = asyncio.Event()

    async def slow(_: JSONObject) -> int:
        await release.wait()
        return 1

    caller, _ = await join({**ECHOES, "slow": slow})
    left = caller.call("slow", {})
    left.cancel()
    release.set()
    assert await caller.call("plain", {"value": 2}) == 2
    assert left.cancelled()


GARBAGE = {
    "no msgpack": frame(b"\xc1"),
    "an empty frame": frame(b""),
    "no array": frame(pack({"a": 1})),
    "an array of nothing": frame(pack([])),
    "an unknown kind": frame(pack([3, 1, "m", {}])),
    "a kind that is no integer": frame(pack([False, 1, "plain", {}])),
    "an id that is no integer": frame(pack([0, "1", "plain", {}])),
    "an id of true": frame(pack([1, True, None, None])),
    "an id that nobody can answer": frame(b"\x94\x00\xcf" + b"\xff" * 8 + b"\xa5plain\x80"),
    "a request of three": frame(pack([0, 1, "plain"])),
    "a response of three": frame(pack([1, 1, None])),
    "a notification of four": frame(pack([2, "log", {}, {}])),
    "an oversized frame of something else": (BYTES_MAX + 1).to_bytes(4, "big") + b"\xc1" * 64,
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
async def test_garbage_fails_every_waiter_and_every_later_call_on_both_sides(join: Join, garbage: bytes) -> None:
    never: Method = lambda _: asyncio.get_running_loop().create_future()  # noqa: E731
    one, two = await join({"never": never}, caller_methods={"never": never})
    waiting = [one.call("never", {}), one.call("never", {}), two.call("never", {})]
    await _both_have_read(one, two)
    one._send(garbage)
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [RunnerGone] * 3
    assert (one.closed, two.closed) == (True, True)
    for peer in (one, two):
        with pytest.raises(RunnerGone):
            await peer.call("never", {})
        peer.notify("log", {})


UNUSABLE = {
    "params that are no map": (b"\x91\x01", InvalidParams, "The params of plain must be a map"),
    "params of nil": (b"\xc0", InvalidParams, "The params of plain must be a map"),
    "an extension type": (b"\x81\xa1a\xd4\x01\x00", InvalidValue, "not valid msgpack"),
    "a key that is no text": (b"\x81\x01\x02", InvalidValue, "not valid msgpack"),
    "a text that is not UTF-8": (b"\x81\xa1a\xa1\xff", InvalidValue, "not valid msgpack"),
    "the unused byte": (b"\x81\xa1a\xc1", InvalidValue, "not valid msgpack"),
    "bytes that end early": (b"\x82\xa1a\x01", InvalidValue, "not valid msgpack"),
    "bytes that go on": (b"\x80\x01", InvalidValue, "end early, or go on"),
    "NaN": (b"\x81\xa1a\xcb\x7f\xf8" + bytes(6), InvalidValue, "a: the float nan cannot be carried"),
    "infinity in four bytes": (b"\x81\xa1a\xca\x7f\x80\x00\x00", InvalidValue, "a: the float inf cannot be carried"),
    "an integer beyond": (b"\x81\xa1a\xcf\x00\x20" + bytes(6), InvalidValue, "a: the integer 9007199254740992 is"),
}


@pytest.mark.parametrize(("params", "kind", "why"), UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_a_request_that_cannot_be_used_is_answered_and_nothing_else_fails(
    join: Join, params: bytes, kind: type[PolystepError], why: str
) -> None:
    caller, _ = await join(ECHOES)
    refused = _waits_for(caller, 500)
    beside = caller.call("coroutine", {"value": 1})
    caller._send(frame(b"\x94\x00\xcd\x01\xf4\xa5plain" + params))
    with pytest.raises(kind, match=why):
        await refused
    assert [await beside, await caller.call("plain", {"value": 2})] == [1, 2]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (b"\x94\x00\xcd\x01\xf4\x05\x80", InvalidParams),
        (b"\x94\x00\xcd\x01\xf4\xc1\x80", InvalidValue),
        (b"\x94\x00\xcd\x01\xf4\xa3fly\x90", MethodNotFound),
    ],
    ids=["a method that is no text", "a method that cannot be read", "no such method, whatever its params"],
)
async def test_a_request_without_a_usable_method_is_answered(
    join: Join, message: bytes, kind: type[PolystepError]
) -> None:
    caller, _ = await join(ECHOES)
    refused = _waits_for(caller, 500)
    caller._send(frame(message))
    with pytest.raises(kind):
        await refused
    assert await caller.call("plain", {"value": 2}) == 2


async def test_a_request_with_an_id_below_zero_is_answered(join: Join) -> None:
    caller, _ = await join(ECHOES)
    refused = _waits_for(caller, -1)
    caller._send(frame(pack([0, -1, "plain", {"value": 1}])))
    with pytest.raises(InvalidParams):
        await refused


VALUES_BESIDE_PARAMS = {name: case for name, case in UNUSABLE.items() if not name.startswith("params")}


@pytest.mark.parametrize(
    ("result", "why"),
    [(result, why) for result, _, why in VALUES_BESIDE_PARAMS.values()],
    ids=VALUES_BESIDE_PARAMS.keys(),
)
async def test_a_response_that_cannot_be_used_fails_its_call_alone(join: Join, result: bytes, why: str) -> None:
    one, two = await join({"never": lambda _: asyncio.get_running_loop().create_future(), **ECHOES})
    failed, beside = one.call("never", {}), one.call("coroutine", {"value": 1})
    two._send(frame(b"\x94\x01\x01\xc0" + result))
    with pytest.raises(InvalidValue, match=why):
        await failed
    # One that answers nothing costs nothing.
    two._send(frame(b"\x94\x01\x63\xc0" + result))
    assert [await beside, await one.call("plain", {"value": 2})] == [1, 2]


@pytest.mark.parametrize(
    "notification",
    [
        *(b"\x93\x02\xa3log" + params for params, _, _ in UNUSABLE.values()),
        b"\x93\x02\x05\x80",
        b"\x93\x02\xa1\xff\x80",
        b"\x93\x02\xa7unknown\x90",
    ],
    ids=[*UNUSABLE, "a method that is no text", "a method that cannot be read", "an unknown one without a map"],
)
async def test_a_notification_that_cannot_be_used_is_dropped_and_told(
    join: Join, notification: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[JSONObject] = []
    caller, _ = await join(ECHOES, {"log": heard.append})
    caller._send(frame(notification))
    caller.notify("log", {"n": 1})
    assert await caller.call("plain", {"value": 1}) == 1
    assert heard == [{"n": 1}]
    assert [record.message.partition(". ")[0] for record in caplog.records] == ["A notification was dropped"]


@pytest.mark.parametrize("error", ["oops", 5, {"code": "x"}, {}])
async def test_an_error_that_is_no_error_is_an_internal_one(join: Join, error: JSONValue) -> None:
    one, two = await join({"never": lambda _: asyncio.get_running_loop().create_future()})
    failed = one.call("never", {})
    two._send(frame(pack([1, 1, error, None])))
    with pytest.raises(PolystepError) as caught:
        await failed
    assert (caught.value.code, caught.value.name) == (1, "internal")


async def test_an_error_of_an_unknown_code_keeps_its_name_and_whether_to_try_again(join: Join) -> None:
    def newer(_: JSONObject) -> None:
        error = PolystepError("out of paper", {"tray": 2})
        error.code, error.name, error.retryable = 4711, "printer_empty", False
        raise error

    caller, _ = await join({"newer": newer})
    with pytest.raises(PolystepError) as caught:
        await caller.call("newer", {})
    assert caught.value.to_wire() == {
        "code": 4711, "name": "printer_empty", "message": "out of paper", "retryable": False, "data": {"tray": 2},
    }  # fmt: skip


def _waits_for(caller: Peer, identifier: int) -> asyncio.Future[JSONValue]:
    """As if the caller had sent a request with this id by itself."""
    waiter: asyncio.Future[JSONValue] = asyncio.get_running_loop().create_future()
    caller._waiting[identifier] = waiter
    return waiter


async def _both_have_read(one: Peer, two: Peer) -> None:
    for caller in (one, two):
        with pytest.raises(MethodNotFound):
            await caller.call("nothing", {})


async def test_the_end_of_one_side_fails_everything_that_waits_on_the_other(join: Join) -> None:
    one, two = await join({"never": lambda _: asyncio.get_running_loop().create_future()})
    closed: list[str] = []
    before = one.on_close

    def note() -> None:
        closed.append("closed")
        before()

    one.on_close = note
    waiting = [one.call("never", {}) for _ in range(3)]
    await _both_have_read(one, two)
    two.fail(RunnerGone("gone for good"))
    two.fail(RunnerGone("again"))
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [RunnerGone] * 3
    assert (one.closed, closed) == (True, ["closed"])
    with pytest.raises(RunnerGone, match="gone for good"):
        await two.call("never", {})


async def test_what_was_sent_before_the_end_arrives(join: Join) -> None:
    heard: list[JSONValue] = []
    arrived = asyncio.Event()

    def hear(params: JSONObject) -> None:
        heard.append(params["n"])
        arrived.set()

    one, _ = await join({}, {"log": hear})
    one.notify("log", {"n": 1})
    one.fail(RunnerGone("over"))
    await arrived.wait()
    assert heard == [1]


async def test_a_call_that_is_being_answered_when_the_caller_goes_runs_to_its_end(join: Join) -> None:
    begun, release, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def write(_: JSONObject) -> None:
        begun.set()
        await release.wait()
        ended.set()

    one, two = await join({"write": write})
    call = one.call("write", {})
    await begun.wait()
    one.fail(RunnerGone("over"))
    with pytest.raises(RunnerGone):
        await call
    await _closed(two)
    release.set()
    await ended.wait()


async def _closed(peer: Peer) -> None:
    """Return when the peer is closed."""
    if peer.closed:
        return
    closed, before = asyncio.Event(), peer.on_close

    def note() -> None:
        closed.set()
        before()

    peer.on_close = note
    await closed.wait()


async def test_a_caller_with_too_many_unanswered_calls_is_not_read_until_some_are_answered(join: Join) -> None:
    waiting: list[asyncio.Future[int]] = []
    full = asyncio.Event()

    def hold(_: JSONObject) -> asyncio.Future[int]:
        waiting.append(asyncio.get_running_loop().create_future())
        if len(waiting) == CALLS_MAX:
            full.set()
        return waiting[-1]

    class Reader:
        def __init__(self) -> None:
            self.said: list[str] = []

        def pause_reading(self) -> None:
            self.said.append("pause")

        def resume_reading(self) -> None:
            self.said.append("resume")

    caller, answerer = await join({"hold": hold})
    reader = answerer._reader = Reader()
    calls = [caller.call("hold", {}) for _ in range(CALLS_MAX)]
    await full.wait()
    paused = list(reader.said)
    for number in range(CALLS_MAX // 2):
        waiting[number].set_result(number)
    await asyncio.gather(*calls[: CALLS_MAX // 2])
    assert (paused, reader.said) == (["pause"], ["pause", "resume"])
    for number in range(CALLS_MAX // 2, CALLS_MAX):
        waiting[number].set_result(number)
    assert await asyncio.gather(*calls) == list(range(CALLS_MAX))


async def test_a_runner_that_does_not_read_its_answers_is_not_read_from(caplog: pytest.LogCaptureFixture) -> None:
    to_host, to_runner = os.pipe(), os.pipe()
    host = Peer({"big": lambda _: b"x" * 1_000_000}, {})
    answered = 0

    def big(_: JSONObject) -> bytes:
        nonlocal answered
        answered += 1
        return b"x" * 1_000_000

    host._methods = {"big": big}
    await connect_pipes(host, to_host[0], to_runner[1])
    os.set_blocking(to_host[1], False)
    call = frame(pack([0, 1, "big", {}]))
    async with asyncio.timeout(HANG_S):
        while host._reading:
            os.write(to_host[1], call)
            await asyncio.sleep(0)
        before = answered
        os.write(to_host[1], call * 100)
        for _ in range(50):
            await asyncio.sleep(0)
        assert (answered, before <= 25) == (before, True)
        # It goes on when the runner reads again.
        os.set_blocking(to_runner[0], False)
        while answered < before + 100:
            _drain(to_runner[0])
            await asyncio.sleep(0)
    os.close(to_runner[0])
    os.close(to_host[1])
    await _closed(host)


def _drain(descriptor: int) -> None:
    try:
        while os.read(descriptor, 1 << 20):
            pass
    except BlockingIOError:
        return


async def test_a_runner_that_closes_its_input_alone_is_gone_after_its_last_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("polystep.wire.pipes._LAST_ANSWERS_S", 0.05)
    to_host, to_runner = os.pipe(), os.pipe()
    host = Peer({}, {})
    await connect_pipes(host, to_host[0], to_runner[1])
    async with asyncio.timeout(HANG_S):
        answered, unanswered = host.call("step.run", {}), host.call("step.run", {})
        os.close(to_runner[0])
        os.write(to_host[1], frame(pack([1, 1, None, "done"])))
        assert await answered == "done"
        with pytest.raises(RunnerGone, match="stopped reading its channel"):
            await unanswered
    os.close(to_host[1])


async def test_what_is_sent_after_the_other_side_is_gone_fails_with_the_channel() -> None:
    trouble: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: trouble.append(context))
    to_host, to_runner = os.pipe(), os.pipe()
    host = Peer({}, {})
    await connect_pipes(host, to_host[0], to_runner[1])
    os.close(to_runner[0])
    try:
        # The transport notices and is closed; the channel is not, for last answers may be on their way.
        for _ in range(50):
            await asyncio.sleep(0)
        assert cast("asyncio.WriteTransport", host._writer).is_closing()
        late = [host.call("step.run", {}) for _ in range(100)]
        host.fail(RunnerGone("It was killed."))
        for call in late:
            with pytest.raises(RunnerGone, match="was killed"):
                await call
    finally:
        os.close(to_host[1])
        await _closed(host)
    assert trouble == []
