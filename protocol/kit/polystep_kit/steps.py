"""The conformance steps of one language: which files there are, and a project made of them."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polystep_kit.cases import Case
from polystep_kit.places import STEPS


class NoSteps(Exception):
    """There are no conformance steps for a language; the text says what to do."""


@dataclass(frozen=True, slots=True)
class ConformanceSteps:
    """`kit.json` and the files beside it."""

    folder: Path
    language: str
    levels: tuple[str, ...]
    """What the language's runner is expected to reach."""
    files: dict[str, str]
    """By role, such as `script` → `steps/script_step.rb`."""
    natives: frozenset[str]
    """Native values that the script step can make."""
    features: frozenset[str]
    """What its runner can do that not every runner can (PS-5.5)."""
    command: tuple[str, ...]
    """How the shipped runner is started, where there is one."""

    def can(self, case: Case) -> bool:
        """Whether a check makes sense for this language and its runner."""
        has_native = case.native is None or case.native in self.natives
        return has_native and (case.feature is None or case.feature in self.features)

    @contextlib.contextmanager
    def project(self) -> Iterator[Path]:
        """A folder with a copy of the steps, to run them in."""
        with tempfile.TemporaryDirectory(prefix="polystep-kit-") as made:
            place = Path(made).resolve()
            shutil.copytree(self.folder, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            yield place


def known_languages() -> list[str]:
    """Languages whose conformance steps come with the kit."""
    return sorted(path.parent.name for path in STEPS.glob("*/kit.json"))


def steps_of(language: str, folder: Path | None = None) -> ConformanceSteps:
    """Read the steps of a language, or those in a folder.

    Raises:
        NoSteps: There are none, or the manifest is not usable.
    """
    place = folder or STEPS / language
    try:
        manifest: dict[str, Any] = json.loads((place / "kit.json").read_text("utf-8"))
        return ConformanceSteps(
            place,
            str(manifest["language"]),
            tuple(manifest["levels"]),
            dict(manifest["files"]),
            frozenset(manifest.get("natives", ())),
            frozenset(manifest.get("features", ())),
            tuple(manifest.get("command", ())),
        )
    except FileNotFoundError:
        raise NoSteps(
            f"There are no conformance steps for the language {language!r} in {place}. The kit has them for "
            f"{', '.join(known_languages())}. Write them as protocol/README.md says, and name the folder with --steps."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoSteps(f"{place / 'kit.json'} is not usable: {type(error).__name__}: {error}") from error
