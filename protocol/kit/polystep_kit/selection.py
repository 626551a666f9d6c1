"""Selection of checks: those that `--only` names, by the beginnings of their ids or by whole clauses."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from polystep_kit.cases import LEVELS, Case


class NothingChosen(Exception):
    """Refusal of an `--only` that names no check; the text has what to name instead."""


@dataclass(frozen=True, slots=True)
class Selection:
    """All checks, or those that one of the texts names.

    `run.e` names every check whose id begins so, `PS-3.1` those of this clause, `PS-3` those of a section.
    """

    only: tuple[str, ...] = ()

    def takes(self, case: Case) -> bool:
        """Report whether a check is wanted."""
        return not self.only or any(_names(text, case) for text in self.only)

    def demand(self, cases: Sequence[Case], levels: Sequence[str]) -> None:
        """See to it that every text names something at these levels.

        Raises:
            NothingChosen: One does not.
        """
        for text in self.only:
            found = [case for case in cases if _names(text, case)]
            if not found:
                raise NothingChosen(_unknown(text, cases))
            if not any(case.level in levels for case in found):
                raise NothingChosen(_elsewhere(text, found, levels))
        if self.only and all(case.schema for case in cases if case.level in levels and self.takes(case)):
            raise NothingChosen(
                "Checks of schemas judge the messages that other checks make the runner send, so they cannot be played "
                "alone. Leave --only away: the whole run judges every message. With --only, each message that comes is "
                "judged too."
            )


def _names(text: str, case: Case) -> bool:
    if not text.upper().startswith("PS-"):
        return case.id.startswith(text)
    # Whole numbers: PS-3.1 is not the beginning of PS-3.10.
    clause = text.upper().rstrip(".")
    return case.clause == clause or case.clause.startswith(f"{clause}.")


def _unknown(text: str, cases: Sequence[Case]) -> str:
    if text.upper().startswith("PS-"):
        return f"No check belongs to the clause {text}. Clauses are named like PS-3.1, sections like PS-3."
    prefixes = sorted({case.id.split(".")[0] for case in cases})
    ids = [case.id for case in cases]
    near = difflib.get_close_matches(text, ids if "." in text else prefixes, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"No check begins with {text!r}.{hint} The prefixes are: {', '.join(prefixes)}."


def _elsewhere(text: str, found: Sequence[Case], levels: Sequence[str]) -> str:
    # The host's checks have a level of their own, which is never out of reach.
    level = min((case.level for case in found), key=LEVELS.index)
    there = sum(case.level == level for case in found)
    of_clause = text.upper().startswith("PS-")
    which = f"belongs to {text}" if of_clause else f"begins with {text!r}"
    return f"No check at level {' or '.join(levels)} {which}; {there} at {level} do: add --level {level}."
