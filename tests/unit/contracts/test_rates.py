"""Durations by bin: quantiles within 5 %, and sums without loss."""

from __future__ import annotations

import random

import pytest

from polystep.contracts.rates import LEAST_MS, StepRate, add_bins, bin_of, quantile


def bins_of(durations: list[float]) -> dict[int, int]:
    bins: dict[int, int] = {}
    for each in durations:
        add_bins(bins, {bin_of(each): 1})
    return bins


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95, 0.99, 1.0])
def test_a_quantile_is_within_five_percent(share: float) -> None:
    chance = random.Random(7)
    durations = sorted(chance.lognormvariate(3, 2) + LEAST_MS for _ in range(5000))
    exact = durations[max(0, round(share * len(durations)) - 1)]
    found = quantile(bins_of(durations), share)
    assert found is not None
    assert found == pytest.approx(exact, rel=0.055)


def test_nothing_has_no_quantile_and_no_time_is_zero() -> None:
    assert quantile({}, 0.5) is None
    assert quantile(bins_of([0.0, -3.0, 0.001]), 0.99) == 0.0


def test_two_stretches_of_time_are_the_sum_of_both() -> None:
    first = StepRate(3, 1, 0, bins_of([1, 2, 3]), bins_of([10]))
    first.add(StepRate(2, 0, 4, bins_of([2, 50]), bins_of([10, 20])))
    assert (first.runs, first.failed, first.retried) == (5, 1, 4)
    assert (first.wait, first.work) == (bins_of([1, 2, 3, 2, 50]), bins_of([10, 10, 20]))
