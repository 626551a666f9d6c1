"""Large answers wait for a host that is behind, small ones do not."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from polystep_runner.channel import Channel
from polystep_runner.features.answers import Answers

MIB = 1024 * 1024
LARGE = {"body": "x" * MIB}


class _Pipe(SimpleNamespace):
    unsent: bytes
    on_written: Callable[[], None]


def _set_up() -> tuple[_Pipe, Answers]:
    pipe = _Pipe(unsent=b"")
    return pipe, Answers(cast(Channel, pipe))


def test_large_answers_wait_while_the_host_is_behind_and_small_ones_pass() -> None:
    pipe, answers = _set_up()
    given: list[str] = []

    def give(name: str, value: Any) -> None:
        answers.give(value, lambda: given.append(name))

    give("first", LARGE)
    pipe.unsent = bytes(17 * MIB)
    give("second", LARGE)
    give("small", {"status": 200, "body": {"ok": True, "list": [1, "two", None]}})
    give("nothing", None)
    give("many", list(range(10_000)))
    give("keys", {str(key): None for key in range(10_000)})
    give("bytes", bytes(MIB))
    assert (given, len(answers)) == (["first", "small", "nothing"], 4)
    pipe.on_written()
    assert len(answers) == 4
    pipe.unsent = bytes(16 * MIB)
    pipe.on_written()
    assert (given[3:], len(answers)) == (["second", "many", "keys", "bytes"], 0)


def test_only_as_many_are_given_at_once_as_there_is_room_for() -> None:
    pipe, answers = _set_up()

    def send() -> None:
        pipe.unsent += bytes(10 * MIB)
        pipe.on_written()  # as a write does that the pipe takes a part of

    pipe.unsent = bytes(17 * MIB)
    for _ in range(5):
        answers.give(LARGE, send)
    pipe.unsent = b""
    pipe.on_written()
    assert (len(answers), len(pipe.unsent)) == (3, 20 * MIB)
