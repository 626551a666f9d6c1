"""Recipe of a new project: which files, packages, scripts and commands its template and its language make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LAUNCHER: Final = "polystep-launcher"
"""Name of the npm package that finds the polystep command."""
_UNITTEST: Final = ".polystep/venv/bin/python -m unittest tests/test_*.py"


class Template(StrEnum):
    """Template that a new project starts with."""

    HELLO = "hello"
    TICKET_TRIAGE = "ticket-triage"
    APPROVAL = "approval"
    EMPTY = "empty"


class Language(StrEnum):
    """Language of a new project's steps."""

    TS = "ts"
    JS = "js"
    PYTHON = "python"
    MIXED = "mixed"


_PAIRS: Final[Mapping[Language, tuple[str, str]]] = {
    Language.TS: ("api-ts", "event-ts"),
    Language.JS: ("api-js", "event-js"),
    Language.PYTHON: ("api-python", "event-python"),
    Language.MIXED: ("api-ts", "event-python"),
}
"""Folders of the templates that have two steps: one that takes a request, one that takes its event."""
_TYPE_PACKAGES: Final = {"@types/node": "^20.19.0", "typescript": "~6.0.0"}
_TEST_PACKAGES: Final = {"tsx": "^4.20.0"}
"""Package that runs tests in TypeScript on every Node from 20."""
_SCRIPT_PACKAGES: Final[Mapping[Template, Mapping[str, str]]] = {
    Template.HELLO: {"zod": "^4.1.0"},
    Template.TICKET_TRIAGE: {"openai": "^6.0.0", "zod": "^4.1.0"},
    Template.APPROVAL: {"zod": "^4.1.0"},
    Template.EMPTY: {},
}
PACKAGE_NAMES: Final = frozenset({LAUNCHER, *_TYPE_PACKAGES, *_TEST_PACKAGES, "openai", "zod"})
"""Every npm package that a new project may depend on."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One choice of a template and a language."""

    template: Template
    language: Language

    @property
    def is_offered(self) -> bool:
        """Report whether the template is there in this language."""
        return self.template is not Template.TICKET_TRIAGE or self.language is Language.MIXED

    @property
    def has_node(self) -> bool:
        """Report whether there are steps that Node runs, so that npm has to install their packages."""
        return self.language is not Language.PYTHON

    @property
    def has_python(self) -> bool:
        """Report whether there are steps in Python."""
        return self.language in (Language.PYTHON, Language.MIXED)

    @property
    def folders(self) -> tuple[str, ...]:
        """Folders of `templates/` whose files are copied; a later one goes before an earlier one."""
        match self.template:
            case Template.TICKET_TRIAGE:
                return ("shared", "ticket-triage")
            case Template.EMPTY:
                readme = Language.TS if self.language is Language.MIXED else self.language
                return ("shared", "empty/shared", f"empty/{readme}")
            case pair:
                return ("shared", *(f"{pair}/{each}" for each in _PAIRS[self.language]))

    @property
    def readme(self) -> str:
        """Folder of `templates/` whose README.md says how to try the template."""
        return self.folders[-1] if self.template is Template.EMPTY else str(self.template)

    @property
    def packages(self) -> dict[str, str]:
        """Packages that the steps import."""
        return dict(_SCRIPT_PACKAGES[self.template]) if self.has_node else {}

    @property
    def dev_packages(self) -> dict[str, str]:
        """Packages for work on the project."""
        tests = _TEST_PACKAGES if self._tests_typescript else {}
        types = _TYPE_PACKAGES if self.has_node else {}
        return dict(sorted({**types, **tests, LAUNCHER: "file:launcher"}.items()))

    @property
    def scripts(self) -> dict[str, str]:
        """Scripts of `package.json`."""
        types = {"check": "polystep generate-types && tsc"} if self.has_node else {"check": "polystep check"}
        return {
            "dev": "polystep dev",
            "build": "polystep build",
            "start": "polystep start",
            "test": self._test_script,
            **types,
            "generate-types": "polystep generate-types",
        }

    @property
    def test_command(self) -> str:
        """Shell line that runs the tests."""
        return "npm test" if self.has_node else self._test_script

    @property
    def run(self) -> str:
        """Words before a verb in a shell. npx must install nothing: that name is another project's."""
        return "npx --no polystep" if self.has_node else "polystep"

    @property
    def texts(self) -> dict[str, str]:
        """Texts in place of `{NAME}` in README.md and AGENTS.md."""
        node = {
            "start": "npm start",
            "check": "npm run check",
            "build": "npm run build",
            "types": "npm run generate-types",
        }
        plain = {
            "start": "polystep start",
            "check": "polystep check",
            "build": "polystep build",
            "types": "polystep generate-types",
        }
        return {
            "install": "npm install\n" if self.has_node else "",
            "dev": "npm run dev" if self.has_node else "polystep dev",
            "test": self.test_command,
            "run": self.run,
            **_step_files(self),
            **(node if self.has_node else plain),
        }

    @property
    def _tests_typescript(self) -> bool:
        return self.template is not Template.EMPTY and self.language in (Language.TS, Language.MIXED)

    @property
    def _test_script(self) -> str:
        if self.template is Template.EMPTY:
            return "polystep check"  # there is nothing to test but what a later step declares
        parts = []
        if self._tests_typescript:
            parts.append("node --import tsx --test tests/*.test.ts")
        if self.language is Language.JS:
            parts.append("node --test tests/*.test.js")
        if self.has_python:
            parts += ["polystep install", _UNITTEST]
        return " && ".join(parts)


def _step_files(recipe: Recipe) -> dict[str, str]:
    """Name the files of the two steps of `hello` and `approval`."""
    names = {Template.HELLO: ("hello", "greet"), Template.APPROVAL: ("request-expense", "approve-expense")}
    if recipe.template not in names:
        return {}
    endings = [folder.partition("-")[2] for folder in _PAIRS[recipe.language]]
    api, event = (
        f"steps/{name.replace('-', '_')}_step.py" if ending == "python" else f"steps/{name}.step.{ending}"
        for name, ending in zip(names[recipe.template], endings, strict=True)
    )
    return {"api": api, "event": event}
