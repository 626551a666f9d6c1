"""Check of a project: every problem that is found without running it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import Finding, Flow
from polystep.discovery import SOURCE_FOLDERS
from polystep.project.load import load_flow
from polystep.project.settings import Settings


@dataclass(frozen=True, slots=True)
class Checked:
    """A project that was loaded once, and its problems."""

    flow: Flow
    findings: tuple[Finding, ...]
    """Failures and findings, by file."""

    @property
    def errors(self) -> int:
        """Number of findings of what can never work."""
        return sum(finding.severity == "error" for finding in self.findings)

    @property
    def warnings(self) -> int:
        """Number of findings of what may be meant so."""
        return len(self.findings) - self.errors

    def is_good(self, *, strict: bool) -> bool:
        """Report whether the project passes; with `strict` warnings count too."""
        return not self.errors and not (strict and self.warnings)


async def check_project(
    project: Path, settings: Settings, shell: Mapping[str, str], progress: Callable[[str], None]
) -> Checked:
    """Load a project with its real runners and list its problems; nothing is stored, served or run.

    Arguments as for `load_flow`.
    """
    flow = await load_flow(project, settings, shell, progress)
    found = [*_failures(flow), *flow.findings]
    if not flow.steps and not flow.streams and not flow.failures:
        folders = " or ".join(f"{folder}/" for folder in SOURCE_FOLDERS)
        message = f"No steps were found in {project}. Put files such as hello.step.ts or hello_step.py under {folders}."
        found.append(Finding("project", "error", "", message))
    return Checked(flow, tuple(sorted(found, key=lambda finding: (finding.file, finding.severity))))


def refuse_broken(flow: Flow) -> None:
    """End a strict start.

    Raises:
        LoadFailed: A file does not load, or a finding is an error; the message lists them.
    """
    wrong = [failure.source.path for failure in flow.failures]
    wrong += [each.file or "the project" for each in flow.findings if each.severity == "error"]
    if wrong:
        listed = "".join(f"\n  {each}" for each in dict.fromkeys(wrong))
        raise LoadFailed(
            f"Not started, since --strict was given and these have errors, which are listed above:{listed}\n"
            "Correct them, or start without --strict to serve the rest."
        )


def _failures(flow: Flow) -> Iterator[Finding]:
    for failure in flow.failures:
        yield Finding("load", "error", failure.source.path, failure.message, failure.location)
