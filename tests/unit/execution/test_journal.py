"""Journal of one attempt: keys, emits that have left, and the clock of the handler."""

from __future__ import annotations

import pytest

from polystep.contracts.durations import duration_ms
from polystep.contracts.errors import InvalidParams, KeyReused, RunEnded
from polystep.contracts.journal import JournalEntry, StoredJournal
from polystep.execution.journal import AttemptJournal, OpenUnit, print_of


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def journal(clock: Clock | None = None, **stored: object) -> AttemptJournal:
    return AttemptJournal(None, StoredJournal(**stored), clock or Clock())  # type: ignore[arg-type]


def unit(began_s: float = 100.0, timeout_s: float = 60.0) -> OpenUnit:
    return OpenUnit(began_s, timeout_s, 0, is_sensitive=False)


def test_a_key_used_twice_is_refused_with_both_lines() -> None:
    leg = journal()
    leg.use("a", "once", "steps/a.step.ts:3", shared=False)
    with pytest.raises(KeyReused, match=r"steps/a\.step\.ts:3.*steps/a\.step\.ts:9"):
        leg.use("a", "once", "steps/a.step.ts:9", shared=False)
    leg.use("a", "once", "steps/a.step.ts:9", shared=True)


def test_another_kind_under_a_key_is_refused_in_this_leg_and_over_legs() -> None:
    leg = journal(entries=[JournalEntry("w", "sleep", 1, due_ms=5)])
    leg.use("a", "once", "", shared=False)
    with pytest.raises(InvalidParams, match='"a" is the key of a once'):
        leg.use("a", "sleep", "", shared=False)
    with pytest.raises(InvalidParams, match='"w" is the key of a sleep'):
        leg.use("w", "once", "", shared=True)


def test_equal_emits_are_told_apart_by_their_number() -> None:
    leg = journal(sent={print_of("t", b"x"): 2})
    assert [leg.has_sent(print_of("t", b"x")) for _ in range(3)] == [True, True, False]
    assert leg.has_sent(print_of("t", b"y")) is False
    assert leg.has_sent(print_of("u", b"x")) is False


def test_an_emit_that_leaves_with_a_wait_of_this_leg_may_be_made_again_behind_it() -> None:
    leg = journal()
    leg.add_sent(print_of("t", b"x"))
    assert leg.has_sent(print_of("t", b"x")) is False
    assert leg.unmatched() == []


def test_a_changed_emit_is_found_by_the_one_that_was_not_made_again() -> None:
    leg = journal(sent={print_of("t", b"x"): 1, print_of("u", b"x"): 1})
    leg.has_sent(print_of("u", b"x"))
    assert leg.unmatched() == ["t"]


def test_the_time_inside_a_once_does_not_count_for_the_handler() -> None:
    clock = Clock()
    leg = journal(clock)
    assert leg.more_s() == 0
    leg.begin_unit("a", unit())
    clock.now_s += 7
    assert leg.more_s() == 7
    assert leg.more_s() == 0.05
    clock.now_s += 2
    leg.end_unit("a")
    clock.now_s += 50
    assert leg.more_s() == 2
    assert leg.more_s() == 0


def test_a_once_that_its_bridge_does_not_end_excuses_nothing_more() -> None:
    clock = Clock()
    leg = journal(clock)
    leg.begin_unit("a", unit(timeout_s=1))
    clock.now_s += 60
    leg.more_s()
    assert leg.more_s() == 0


async def test_the_end_of_a_leg_refuses_its_open_calls() -> None:
    import asyncio

    leg = journal()
    pending: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
    leg.pending.append(pending)  # type: ignore[arg-type]
    leg.close()
    with pytest.raises(RunEnded):
        await pending


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("500ms", 500),
        ("3s", 3000),
        ("1h 30m", 5_400_000),
        ("1.5h", 5_400_000),
        ("3d", 259_200_000),
        ("2w", 1_209_600_000),
    ],
)
def test_durations_are_texts_with_units(text: str, ms: int) -> None:
    assert duration_ms(text, "it") == ms


@pytest.mark.parametrize("wrong", ["", "3", "soon", "3 s!", "-3s", 3, None, "401d", "1h30"])
def test_anything_else_is_no_duration(wrong: object) -> None:
    with pytest.raises(InvalidParams):
        duration_ms(wrong, "it")  # type: ignore[arg-type]
