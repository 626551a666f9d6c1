"""The report: by clause for people, one object for programs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from polystep_kit.check import Outcome, Report

_NAMED_MAX: Final = 6
"""So many checks that failed for one reason are named."""


def as_lines(report: Report) -> Iterator[str]:
    """Return the lines for a terminal: clauses with counts, failures with reasons, levels, the sum."""
    by_clause: dict[str, list[Outcome]] = {}
    for outcome in report.outcomes:
        by_clause.setdefault(outcome.case.clause, []).append(outcome)
    told: dict[str, str] = {}
    for clause in sorted(by_clause, key=_order):
        outcomes = by_clause[clause]
        failed = [outcome for outcome in outcomes if outcome.failure is not None]
        mark = "✖" if failed else "✔"
        yield f"{mark} {clause:<8} {len(outcomes) - len(failed):>3}/{len(outcomes)}"
        yield from _failures(failed, told)
    yield ""
    for level in report.levels:
        of_level = [outcome for outcome in report.outcomes if outcome.case.level == level]
        if of_level:
            yield f"{level:<10} {sum(each.failure is None for each in of_level):>3}/{len(of_level)}"
    if report.left_out:
        names = ", ".join(dict.fromkeys(case.feature or case.native or case.id for case in report.left_out))
        yield f"left out   {len(report.left_out)}, for natives or features that kit.json does not list: {names}"
    yield from (f"note       {note}" for note in report.notes)
    passed = len(report.outcomes) - len(report.failures)
    if not report.outcomes:
        yield f"FAILED: no check was played   {report.runner}"
        return
    verdict = "FAILED" if report.failures else "passed"
    yield f"{verdict}: {passed} of {len(report.outcomes)} checks   {report.runner}"


def _failures(failed: Sequence[Outcome], told: dict[str, str]) -> Iterator[str]:
    """Each reason once, in full; checks that failed for a reason of before on one line, behind the first of them."""
    again: dict[str, list[str]] = {}
    for outcome in failed:
        case, reason = outcome.case, str(outcome.failure)
        cause = _cause(reason)
        if cause in told:
            again.setdefault(told[cause], []).append(case.id)
            continue
        told[cause] = case.id
        yield f"    {case.id} ({case.level}): {case.description}"
        yield f"      {reason}"
        if outcome.note:
            yield f"      ({outcome.note})"
    for first, ids in again.items():
        more = f" and {len(ids) - _NAMED_MAX} more" if len(ids) > _NAMED_MAX else ""
        yield f"    {', '.join(ids[:_NAMED_MAX])}{more}: the same as {first}"


def _cause(reason: str) -> str:
    """Reduce a failure to its cause: of an answer that did not come, not which one, nor the numbers in what came."""
    if not reason.startswith("the answer to "):
        return reason
    return re.sub(r"^the answer to .*? did|\b[0-9a-f]{2}( [0-9a-f]{2})*\b|\d+", "", reason)


def as_json(report: Report) -> dict[str, Any]:
    """Shape: `{passed, total, failures, levels, clauses, left_out, notes, runner}`; a failure has `id` to `note`."""
    clauses: dict[str, dict[str, int]] = {}
    for outcome in report.outcomes:
        counts = clauses.setdefault(outcome.case.clause, {"passed": 0, "total": 0})
        counts["total"] += 1
        counts["passed"] += outcome.failure is None
    return {
        "passed": len(report.outcomes) - len(report.failures),
        "total": len(report.outcomes),
        "failures": [
            {
                "id": outcome.case.id,
                "clause": outcome.case.clause,
                "level": outcome.case.level,
                "description": outcome.case.description,
                "reason": outcome.failure,
                "note": outcome.note,
            }
            for outcome in report.failures
        ],
        "levels": {
            level: {
                "passed": sum(each.failure is None for each in report.outcomes if each.case.level == level),
                "total": sum(each.case.level == level for each in report.outcomes),
            }
            for level in report.levels
        },
        "clauses": dict(sorted(clauses.items(), key=lambda each: _order(each[0]))),
        "left_out": [case.id for case in report.left_out],
        "notes": report.notes,
        "runner": report.runner,
    }


def _order(clause: str) -> tuple[int, ...]:
    return tuple(int(part) for part in clause.removeprefix("PS-").split("."))
