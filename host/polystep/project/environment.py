"""Environment of a project's runners: the shell's variables, `.env` with its bad lines, and the stand-in model."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

from polystep.contracts.ports.reporter import Reporter
from polystep.contracts.steps import Finding
from polystep.project.model_variables import local_model_variables, stand_in_variables, stand_in_wanted
from polystep.runners import child_environment

FILE: Final = ".env"


@dataclass(frozen=True, slots=True)
class Variables:
    """Content of `.env`."""

    values: Mapping[str, str | None] = field(default_factory=dict)
    bad_lines: tuple[int, ...] = ()
    """Numbers of lines that set nothing, from 1."""
    unreadable: str = ""
    """The reason why the file cannot be read."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """List its problems. Lines are shown by number alone: they may hold secrets."""
        found = [
            Finding("project", "warning", FILE, f"Line {line} sets no variable and is ignored. Write NAME=value.")
            for line in self.bad_lines
        ]
        if self.unreadable:
            found.append(Finding("project", "warning", FILE, f"It cannot be read and is ignored: {self.unreadable}."))
        return tuple(found)


def read_variables(project: Path) -> Variables:
    """Read `.env`, with its `${NAME}` filled in; a bad line costs that line alone."""
    try:
        text = (project / FILE).read_text("utf-8-sig")
    except FileNotFoundError:
        return Variables()
    except (OSError, UnicodeDecodeError) as error:
        return Variables(unreadable=getattr(error, "strerror", None) or "it is not UTF-8 text")
    good, bad = [], []
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            bad.append(_line(binding))
        else:
            good.append(binding.original.string)
    return Variables(dotenv_values(stream=io.StringIO("".join(good))), tuple(bad))


def _line(binding: Binding) -> int:
    """Return the line on which it begins: the parser counts blank lines before it to it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def runner_environment(
    shell: Mapping[str, str], dotenv: Mapping[str, str | None], *, stand_in_url: str | None
) -> dict[str, str]:
    """Build the variables of a runner; without a key for a model, those that lead to the stand-in when there is one."""
    environment = child_environment(shell, dotenv, {})
    if stand_in_url is not None and stand_in_wanted(environment, allowed=True):
        return child_environment(shell, dotenv, stand_in_variables(stand_in_url))
    return {**environment, **local_model_variables(environment)}


class Environment:
    """Variables of a live project's runners, read anew at every load: a changed `.env` counts."""

    def __init__(
        self, project: Path, shell: Mapping[str, str], reporter: Reporter, learn: Callable[[Mapping[str, str]], None]
    ) -> None:
        """`learn` takes the variables, whose secrets it hides in traces from then on."""
        self.shell = shell
        self.stand_in_url: str | None = None
        """Of the stand-in model, while it is served."""
        self._project = project
        self._reporter = reporter
        self._learn = learn
        self._shown: tuple[Finding, ...] = ()

    def variables(self) -> Variables:
        """Read `.env`; show its problems when they are new."""
        variables = read_variables(self._project)
        if variables.findings != self._shown:
            self._shown = variables.findings
            for finding in variables.findings:
                self._reporter.warning(str(finding))
        return variables

    def for_runners(self) -> dict[str, str]:
        """Build the variables of a runner that starts now."""
        dotenv = self.variables().values
        self._learn(child_environment(self.shell, dotenv, {}))
        return runner_environment(self.shell, dotenv, stand_in_url=self.stand_in_url)

    def wants_stand_in(self, *, allowed: bool) -> bool:
        """Report whether the steps have neither a key for a model nor a server of their own."""
        return stand_in_wanted(self.for_runners(), allowed=allowed)
