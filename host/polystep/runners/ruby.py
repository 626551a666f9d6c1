"""Ruby runner: `_step.rb` files in the machine's Ruby, with its msgpack library."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import SourcePattern
from polystep.contracts.values import JSONObject
from polystep.runners.commands import run_command
from polystep.runners.failures import Failures
from polystep.runners.kinds import Launch, Progress, RunnerKind, bridge_folder, explain_load_failure

_PATTERNS: Final = (
    SourcePattern("_step.rb", "step", "ruby", "ruby"),
    SourcePattern(".step.rb", "step", "ruby", "ruby"),
    SourcePattern("_stream.rb", "stream", "ruby", "ruby"),
    SourcePattern(".stream.rb", "stream", "ruby", "ruby"),
)
_TOO_OLD: Final = 31
_TRY: Final = (
    f"exit {_TOO_OLD} if (RUBY_VERSION.split('.').map(&:to_i) <=> [3, 1]) < 0; "
    "begin; require 'msgpack'; rescue LoadError => error; warn error.message; exit 32; end"
)
"""Both are checked before the runner starts, because Ruby's own message does not help."""
_INSTALL: Final = (
    "Install it (Debian, Ubuntu: apt install ruby ruby-msgpack; elsewhere: Ruby 3.1, then gem install msgpack)"
)
_MISSING_GEM: Final = re.compile(r"cannot load such file -- ([\w/.-]+)")
_MISTAKE: Final = re.compile(r"/\S+:\d+: ")


def ruby_kind() -> RunnerKind:
    """Make the kind that runs `*_step.rb`, `*_stream.rb`, and the same with `.step`, `.stream`."""
    known_good: set[str] = set()

    async def prepare(project: Path, _: Progress) -> Launch:
        ruby = shutil.which("ruby")
        if ruby is None:
            raise LoadFailed(
                f"Ruby was not found, and this project has Ruby steps. {_INSTALL}, then save or start again."
            )
        if ruby not in known_good:
            await _check(ruby, project)
            known_good.add(ruby)
        return Launch((ruby, str(bridge_folder("ruby") / "runner.rb")))

    return RunnerKind("ruby", _PATTERNS, prepare, explain=explain_ruby_failure)


def explain_ruby_failure(project: Path, file: str, data: JSONObject) -> str:
    """Explain why a Ruby file did not load; shapes as in `explain_load_failure`."""
    if data.get("name") == "LoadError" and (missing := _MISSING_GEM.search(str(data.get("message")))):
        name = missing[1]
        if name.startswith(("/", ".")):
            shown = name.removeprefix(f"{project}/")
            return f"{file} requires the file {shown}, which is not there. Check the path and the spelling."
        return (
            f'{file} requires "{name}", which Ruby cannot find. Run "gem install {name.partition("/")[0]}", then save.'
        )
    if data.get("name") == "SyntaxError":
        # Ruby shows the line as well, and so does the host.
        first, *more = [line for line in str(data.get("message")).split("\n") if _MISTAKE.match(line)] or [file]
        location = Failures(project).of_load(file, data) or file
        shown = _MISTAKE.sub("", first).removeprefix("syntax error, ")
        return "\n".join([f"Syntax error in {location}: {shown}", *more]).replace(f"{project}/", "")
    return explain_load_failure(project, file, data)


async def _check(ruby: str, project: Path) -> None:
    status, output = await run_command(project, ruby, "-e", _TRY)
    if status == _TOO_OLD:
        _, version = await run_command(project, ruby, "-e", "print RUBY_VERSION")
        raise LoadFailed(
            f"Ruby steps need Ruby 3.1 or newer; {ruby} is {version}. {_INSTALL}, then save or start again."
        )
    if status != 0:
        raise LoadFailed(
            f"Ruby's msgpack library was not found, and Ruby steps need it ({ruby} says: {output[-500:]}). "
            f"{_INSTALL}, then save or start again."
        )
