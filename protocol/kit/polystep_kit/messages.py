"""Every message against `schema/messages.schema.json`, and who is to blame when it does not fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

from polystep_kit.folder import SCHEMA


@dataclass(frozen=True, slots=True)
class Violation:
    """A message that does not fit its schema."""

    kind: str
    """Schema that it breaks, such as `params:emit`; `envelope` when it is no message at all."""
    sender: str
    reason: str


class MessageSchemas:
    """The compiled schemas of one protocol version."""

    def __init__(self) -> None:
        self._document = json.loads((SCHEMA / "messages.schema.json").read_text("utf-8"))
        self._validators: dict[str, Draft202012Validator] = {}
        self.senders: Mapping[str, str] = {
            method: sender for sender, methods in self._document["x-sender"].items() for method in methods
        }
        """Sender of each method: `host` or `runner`."""

    @property
    def kinds(self) -> list[str]:
        """The names of all schemas."""
        return list(self._document["$defs"])

    def reason(self, kind: str, value: Any) -> str | None:
        """Reason why a value does not fit a schema, with its path; None when it does."""
        validator = self._validators.get(kind)
        if validator is None:
            document = {"$ref": f"#/$defs/{kind}", "$defs": self._document["$defs"]}
            validator = self._validators[kind] = Draft202012Validator(document)
        error = min(validator.iter_errors(value), key=lambda each: len(each.absolute_path), default=None)
        if error is None:
            return None
        where = ".".join(str(part) for part in error.absolute_path)
        return f"{where or 'it'}: {error.message[:300]}"

    def check(self, message: Any, sender: str, answered: str | None = None) -> Violation | None:
        """Describe the fault of a message.

        Args:
            message: As it was decoded.
            sender: `host` or `runner`.
            answered: For a response, the method that it answers.
        """
        kind = message[0] if isinstance(message, list) and message else None
        if kind == 0:
            return self._request(message, sender)
        if kind == 1:
            return self._response(message, sender, answered)
        if kind == 2:
            return self._notification(message, sender)
        return Violation("envelope", sender, "it is no request, response or notification")

    def _request(self, message: list[Any], sender: str) -> Violation | None:
        reason = self.reason("envelope:request", message)
        if reason is not None:
            return Violation("envelope", sender, reason)
        return self._named(f"params:{message[2]}", message[2], message[3], sender)

    def _response(self, message: list[Any], sender: str, answered: str | None) -> Violation | None:
        error = message[2] if len(message) == 4 else None
        if error is not None:
            reason = self.reason("error:runner" if sender == "runner" else "error", error)
            if reason is not None:
                return Violation("error", sender, reason)
        reason = self.reason("envelope:response", message)
        if reason is not None:
            return Violation("envelope", sender, reason)
        kind = f"result:{answered}"
        if error is not None or kind not in self._document["$defs"]:
            return None
        reason = self.reason(kind, message[3])
        return None if reason is None else Violation(kind, sender, reason)

    def _notification(self, message: list[Any], sender: str) -> Violation | None:
        reason = self.reason("envelope:notification", message)
        if reason is not None:
            return Violation("envelope", sender, reason)
        return self._named(f"notification:{message[1]}", message[1], message[2], sender)

    def _named(self, kind: str, method: str, params: Any, sender: str) -> Violation | None:
        if self.senders.get(method) != sender or kind not in self._document["$defs"]:
            return Violation("envelope", sender, f"{method} is nothing that a {sender} sends")
        reason = self.reason(kind, params)
        return None if reason is None else Violation(kind, sender, reason)
