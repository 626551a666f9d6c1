"""The conformance steps of one language: which files there are, and a project made of them."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from polystep_kit.cases import Case
from polystep_kit.folder import STEPS
from polystep_kit.manifest import FILE, ROLES, Manifest, NoSteps, read_manifest


@dataclass(frozen=True, slots=True)
class ConformanceSteps(Manifest):
    """`kit.json` and the files beside it."""

    folder: Path

    def can(self, case: Case) -> bool:
        """Report whether a check makes sense for this language and its runner."""
        has_native = case.native is None or case.native in self.natives
        return has_native and (case.feature is None or case.feature in self.features)

    def demand(self, cases: Iterable[Case]) -> None:
        """See to it that the files are there which these checks load.

        Raises:
            NoSteps: Some are not; the text names each.
        """
        self.demand_files(frozenset().union(*(case.roles for case in cases if self.can(case))))

    def demand_files(self, roles: Collection[str]) -> None:
        """See to it that the files of these roles are there.

        Raises:
            NoSteps: Some are not; the text names each.
        """
        missing = [each for role in ROLES if role in roles and (each := self._missing(role))]
        if missing:
            raise NoSteps(
                f"Files are missing in {self.folder}, which the chosen checks load:\n"
                + "\n".join(f"  {each}" for each in missing)
                + "\nWrite them as protocol/README.md says. Until then, --only plays the checks that need none of them."
            )

    def _missing(self, role: str) -> str:
        path = self.files.get(role)
        if path is None:
            return f'{role}: {FILE} names no file for it in "files"'
        return "" if (self.folder / path).is_file() else f"{role}: {path} does not exist"

    @contextlib.contextmanager
    def project(self) -> Iterator[Path]:
        """A folder with a copy of the steps, to run them in."""
        with tempfile.TemporaryDirectory(prefix="polystep-kit-") as made:
            place = Path(made).resolve()
            shutil.copytree(self.folder, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            yield place


def known_languages() -> list[str]:
    """Languages whose conformance steps come with the kit, without that of its own reference runner."""
    return sorted(path.parent.name for path in STEPS.glob(f"*/{FILE}") if path.parent.name != "reference")


def steps_in(folder: Path) -> ConformanceSteps:
    """Read the steps in a folder.

    Raises:
        NoSteps: There are none, or the manifest is not usable.
    """
    said = read_manifest(folder)
    return ConformanceSteps(**{field.name: getattr(said, field.name) for field in fields(said)}, folder=folder)


def steps_of(language: str) -> ConformanceSteps:
    """Read the steps of a language that the kit brings along.

    Raises:
        NoSteps: There are none.
    """
    if not (STEPS / language / FILE).is_file():
        raise NoSteps(
            f"The kit has no conformance steps for the language {language!r}, which the runner names in hello. It has "
            f"them for {', '.join(known_languages())}. Write them as protocol/README.md says, and name their folder "
            "with --steps."
        )
    return steps_in(STEPS / language)
