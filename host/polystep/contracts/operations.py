"""Refusals of operations on a running project."""

from __future__ import annotations

from polystep.contracts.values import JSONObject


class OperationRefused(Exception):
    """An operation that was not carried out, with the reason and what to do about it."""

    def __init__(self, status: int, error: str, hint: str, **details: object) -> None:
        """Shape of `body`: `{error, hint, …details}`.

        Args:
            status: HTTP status that fits best: 400 for a bad parameter, 404, 409 for a conflict.
            error: Reason in a few words.
            hint: Way out, as a sentence.
            details: Further members, in JSON.
        """
        super().__init__(f"{error}. {hint}")
        self.status = status
        self.body: JSONObject = {"error": error, "hint": hint, **details}  # type: ignore[dict-item]  # JSON by contract


def bad_parameter(hint: str) -> OperationRefused:
    """Refuse an operation whose parameters it cannot take."""
    return OperationRefused(400, "Bad parameter", hint)
