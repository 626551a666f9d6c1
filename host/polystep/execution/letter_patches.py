"""Data of dead letters with a patch applied, as their steps would get it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from polystep.contracts.errors import InvalidValue, Issue
from polystep.contracts.events import DeadLetter
from polystep.contracts.merge_patch import merged
from polystep.contracts.ports.letters import LetterChange
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import Loaded
from polystep.execution.violations import input_broken
from polystep.wire import pack, unpack


@dataclass(frozen=True, slots=True)
class PatchedLetter:
    """Data that a letter would have, and why its step would not take it."""

    data: JSONValue
    refusal: str | None = None
    issues: Sequence[Issue] = ()


class LetterPatches:
    """Applies merge patches to letters, by the schemas that are loaded now."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded

    def patched(self, letter: DeadLetter, patch: JSONObject) -> PatchedLetter:
        """Apply a patch to the data of a letter, and check it against the input of its step."""
        if letter.kind == "cron":
            return PatchedLetter(unpack(letter.data), "A tick has no data that a patch could change.")
        data = merged(unpack(letter.data), patch)
        if letter.step not in self._loaded.flow.steps:
            return PatchedLetter(data, f"{letter.step} is not loaded, so nobody can say whether it takes the data.")
        validator = self._loaded.validators.input(letter.step)
        if validator is not None and (issues := validator.issues(data)):
            return PatchedLetter(data, input_broken(letter.step, letter.topic, issues).message, issues)
        return PatchedLetter(data)

    def change(self, letter: DeadLetter, patch: bytes) -> LetterChange:
        """Do the same with a packed patch, for the record of a bulk."""
        found = self.patched(letter, cast("JSONObject", unpack(patch)))
        if found.refusal is not None:
            return LetterChange(None, found.refusal)
        try:
            return LetterChange(pack(found.data))
        except InvalidValue as error:
            return LetterChange(None, error.message)
