"""Names for what happens."""

from __future__ import annotations

import time

import pytest

from polystep.contracts.ids import Ids


def test_ids_have_the_sizes_of_trace_context() -> None:
    ids = Ids()
    assert (len(ids.run()), len(ids.trace())) == (16, 32)
    assert int(ids.run(), 16) and int(ids.trace(), 16)


def test_no_run_id_comes_twice_while_the_clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)
    ids = Ids()
    assert len({ids.run() for _ in range(50_000)}) == 50_000


def test_later_ids_come_after_earlier_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = Ids()
    made = []
    for second in range(1_800_000_000, 1_800_000_050):
        monkeypatch.setattr(time, "time", lambda at=second: float(at))
        made.append((ids.run(), ids.trace()))
    assert made == sorted(made)
    assert [trace for _, trace in made] == sorted(trace for _, trace in made)


def test_two_processes_in_one_second_make_different_ids() -> None:
    assert len({id for ids in (Ids() for _ in range(5)) for id in (ids.run() for _ in range(1000))}) == 5000
