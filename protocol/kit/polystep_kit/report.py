"""The report: by clause for people, one object for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from polystep_kit.check import Outcome, Report


def as_lines(report: Report) -> Iterator[str]:
    """What a terminal shows: each clause with its count, each failure with its reason, the levels, the sum."""
    by_clause: dict[str, list[Outcome]] = {}
    for outcome in report.outcomes:
        by_clause.setdefault(outcome.case.clause, []).append(outcome)
    for clause in sorted(by_clause, key=_order):
        outcomes = by_clause[clause]
        failed = [outcome for outcome in outcomes if outcome.failure is not None]
        mark = "✖" if failed else "✔"
        yield f"{mark} {clause:<8} {len(outcomes) - len(failed):>3}/{len(outcomes)}"
        for outcome in failed:
            yield f"    {outcome.case.id} ({outcome.case.level}): {outcome.case.description}"
            yield f"      {outcome.failure}"
    yield ""
    for level in report.levels:
        of_level = [outcome for outcome in report.outcomes if outcome.case.level == level]
        if of_level:
            yield f"{level:<10} {sum(each.failure is None for each in of_level):>3}/{len(of_level)}"
    if report.left_out:
        names = ", ".join(dict.fromkeys(case.feature or case.native or case.id for case in report.left_out))
        yield f"left out   {len(report.left_out)}, for values or features that it does not have: {names}"
    passed = len(report.outcomes) - len(report.failures)
    verdict = "FAILED" if report.failures else "passed"
    yield f"{verdict}: {passed} of {len(report.outcomes)} checks   {report.runner}"


def as_json(report: Report) -> dict[str, Any]:
    """Shape: `{passed, total, failures, levels, clauses, left_out, runner}`; a failure has `id` to `reason`."""
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
        "runner": report.runner,
    }


def _order(clause: str) -> tuple[int, ...]:
    return tuple(int(part) for part in clause.removeprefix("PS-").split("."))
