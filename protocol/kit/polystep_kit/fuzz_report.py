"""Report of fuzzing: for people, and as one object for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

from polystep_kit.codec import Malformed, head, unpack
from polystep_kit.fuzz import Fuzzed, FuzzReport
from polystep_kit.patterns import show

_SHOWN_CHARS: Final = 2000
_KINDS: Final = ("request", "response", "notification")


def show_fuzzed(fuzzed: Fuzzed) -> None:
    """Progress, on one line of the terminal."""
    failures = f", {fuzzed.failures} failures" if fuzzed.failures else ""
    print(
        f"\r{fuzzed.frames:,} of {fuzzed.of:,} frames, {fuzzed.per_second:,.0f} per second{failures:<20}",
        end="" if fuzzed.frames < fuzzed.of else "\n",
        file=sys.stderr,
        flush=True,
    )


def fuzz_lines(report: FuzzReport) -> Iterator[str]:
    """Return the lines for a terminal."""
    for failure in report.failures:
        again = "" if failure.is_reproduced else ", which a fresh runner withstood"
        yield f"✖ batch {failure.batch}: {failure.reason}"
        yield f"    sent to a runner that had loaded its script step{again}:"
        for payload in failure.reproduction:
            rest = len(payload) - _SHOWN_CHARS
            yield f"      {payload[:_SHOWN_CHARS]}{f'… and {rest // 2} bytes' if rest > 0 else ''}"
            yield f"        {begins(bytes.fromhex(payload))}"
    if report.memory_kib:
        yield "memory     " + ", ".join(f"{kib // 1024} MiB after {frames:,}" for frames, kib in _spread(report))
    yield f"sent       {report.frames:,} frames to survive, {report.fatal_frames} to end at"
    yield f"received   {report.messages:,} messages"
    word = "FAILED" if report.failures else "passed"
    yield f"{word}: {report.per_second:,.0f} frames per second, {len(report.failures)} failures, seed {report.seed}"


def begins(payload: bytes) -> str:
    """Describe the head of a payload (PS-4.5), and the payload when it can be read."""
    found = head(payload)
    if found is None:
        what = f"{_first(payload)}, which begins like no message: it breaks the channel"
    else:
        kind, id = found
        what = f"begins like a {_KINDS[kind]}{'' if id is None else f' with the id {id}'}"
    try:
        return f"{what}; read, it is {show(unpack(payload))}"
    except Malformed as error:
        return f"{what}; it cannot be read: {error}"


def _first(payload: bytes) -> str:
    code = payload[0] if payload else None
    if code is None:
        return "nothing"
    if 0x80 <= code <= 0x8F or code in (0xDE, 0xDF):
        return "a map, not an array"
    if 0x90 <= code <= 0x9F or code in (0xDC, 0xDD):
        return "an array"
    return f"no array but {code:02x}"


def fuzz_json(report: FuzzReport) -> dict[str, Any]:
    """Shape: `{frames, fatal_frames, messages, seconds, per_second, seed, failures, memory_kib}`."""
    return {
        "frames": report.frames,
        "fatal_frames": report.fatal_frames,
        "messages": report.messages,
        "seconds": round(report.seconds, 3),
        "per_second": round(report.per_second),
        "seed": report.seed,
        "failures": [
            {
                "reason": failure.reason,
                "batch": failure.batch,
                "reproduction": list(failure.reproduction),
                "begins": [begins(bytes.fromhex(payload)) for payload in failure.reproduction],
                "is_reproduced": failure.is_reproduced,
            }
            for failure in report.failures
        ],
        "memory_kib": [{"frames": frames, "resident": kib} for frames, kib in report.memory_kib],
    }


def _spread(report: FuzzReport) -> list[tuple[int, int]]:
    """Five of the points, the first and the last among them."""
    points = report.memory_kib
    return [points[at * (len(points) - 1) // 4] for at in range(5)] if len(points) > 5 else points
