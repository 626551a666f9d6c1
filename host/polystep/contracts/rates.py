"""Counts and durations of runs in a stretch of time: small, and added to one another without loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

LEAST_MS: Final = 0.01
"""A shorter duration counts as 0."""
STEP: Final = 1.1
"""Ratio of the ends of a bin: a duration is known to 5 %."""

_LOG_STEP: Final = math.log(STEP)

Bins = dict[int, int]
"""Numbers of durations by bin; bin `i` ends at `LEAST_MS * STEP ** i`."""


def bin_of(duration_ms: float) -> int:
    """Return the bin of a duration."""
    return 0 if duration_ms <= LEAST_MS else math.ceil(math.log(duration_ms / LEAST_MS) / _LOG_STEP)


def quantile(bins: Mapping[int, int], share: float) -> float | None:
    """Return the duration that this share of all is at most, in milliseconds; `None` of none."""
    left = share * sum(bins.values())
    for bin_, count in sorted(bins.items()):
        left -= count
        if left <= 0:
            # Of the two ends of the bin, what is as far from both, in proportion.
            return 0.0 if bin_ == 0 else LEAST_MS * STEP**bin_ * 2 / (1 + STEP)
    return None


def add_bins(to: Bins, more: Mapping[int, int]) -> None:
    """Add numbers of durations."""
    for bin_, count in more.items():
        to[bin_] = to.get(bin_, 0) + count


@dataclass(slots=True)
class StepRate:
    """Runs of a step in a stretch of time."""

    runs: int = 0
    """That ended."""
    failed: int = 0
    retried: int = 0
    """Attempts that failed and are tried again."""
    wait: Bins = field(default_factory=dict)
    """From queued to the first attempt."""
    work: Bins = field(default_factory=dict)
    """Of attempts."""

    def add(self, more: StepRate) -> None:
        """Add another stretch of time."""
        self.runs += more.runs
        self.failed += more.failed
        self.retried += more.retried
        add_bins(self.wait, more.wait)
        add_bins(self.work, more.work)


class Width(NamedTuple):
    """Length of the stretches of time that are kept, and for how long."""

    width_s: int
    kept_s: int


WIDTHS: Final = (Width(15, 3600), Width(300, 86_400), Width(3600, 7 * 86_400))
"""Narrowest first."""


class RateRow(NamedTuple):
    """Runs of a step in a stretch of time that begins at `at_ms`, as one host has counted them."""

    at_ms: int
    step: str
    rate: StepRate
