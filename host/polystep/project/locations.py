"""Locations of problems in a project's configs: the line of the member that a message names, else of the config.

The runner answers a config as a value, without lines, so the location is searched for in the text of the file.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Final

from polystep.contracts.locations import Location
from polystep.contracts.steps import Finding, FindingKind, Flow, LoadFailure
from polystep.runners import Sources

_CONFIG: Final = re.compile(
    r"^[ \t]*(?:(?:export\s+)?(?:const|let|var)\s+|(?:module\.)?exports\.)?(?P<name>config)\b\s*(?::[^=\n]+)?="
    r"|^[ \t]*def\s+(?:self\.)?(?P<method>config)\b",
    re.MULTILINE,
)
_HANDLER: Final = re.compile(r"^[^\n#/]*\b(?:def|const|let|var|function)\s+(?:self\.)?handler\b", re.MULTILINE)
_MEMBER: Final = re.compile(r"\bconfig\.([\w$]+(?:\.[\w$]+)*)")
_OF_CONFIG: Final = re.compile(r"^The config is not usable:|^config\.|^The \w+ name \"|^The file exports no handler")
_MEMBERS: Final[dict[FindingKind, str]] = {"route": "path", "cron": "cron", "schema": "input"}
"""The member that a finding of a kind is about, where its message names none."""


def located(flow: Flow, sources: Sources) -> Flow:
    """Give the failures and findings of a flow their locations; those without one stay as they are."""
    if not flow.failures and not flow.findings:
        return flow
    return dataclasses.replace(
        flow,
        failures=tuple(_failure(each, sources) for each in flow.failures),
        findings=tuple(located_finding(each, sources) for each in flow.findings),
    )


def location_in_config(sources: Sources, file: str, member: str) -> Location | None:
    """Find the location of a member such as `infrastructure.queue`, as deep as it is found, else of the config."""
    text = sources.text(file)
    found = _CONFIG.search(text)
    if found is None:
        return None
    at, end = found.start("name") if found["name"] else found.start("method"), found.end()
    handler = _HANDLER.search(text, end)
    limit = len(text) if handler is None else handler.start()
    for part in member.split(".") if member else ():
        spellings = {part, re.sub(r"(?<=[a-z0-9])([A-Z])", lambda letter: f"_{letter[1].lower()}", part)}
        names = "|".join(map(re.escape, spellings))
        # `path: …`, `"path": …`, `path=…`, or `path` alone.
        form = (
            rf"(?<![\w$.])(?:[\"'](?P<quoted>{names})[\"']\s*(?:=>|[:=])|(?<![\"'])(?P<bare>{names})\s*(?:=>|[:=,}}]))"
        )
        match = re.compile(form).search(text, end, limit)
        if match is None:
            if part.isdecimal():
                continue
            break
        at, end = match.start("quoted" if match["quoted"] else "bare"), match.end()
    line = text.count("\n", 0, at) + 1
    return Location(file, line, at - text.rfind("\n", 0, at))


def located_finding(finding: Finding, sources: Sources) -> Finding:
    """Give a finding its location when one is found."""
    if not finding.file or finding.location is not None:
        return finding
    member = _MEMBER.search(finding.message)
    name = member[1] if member else _MEMBERS.get(finding.kind, "")
    if finding.kind == "topic":
        name = "emits" if "no step subscribes" in finding.message else "subscribes"
    location = location_in_config(sources, finding.file, name)
    return finding if location is None else dataclasses.replace(finding, location=location)


def _failure(failure: LoadFailure, sources: Sources) -> LoadFailure:
    if not _OF_CONFIG.match(failure.message):
        return failure
    member = _MEMBER.search(failure.message)
    named = "name" if failure.message.startswith("The ") and " name " in failure.message else ""
    location = location_in_config(sources, failure.source.path, member[1] if member else named)
    if location is None:
        return failure
    return dataclasses.replace(
        failure, message=f"{failure.message}\n{location}\n{sources.frame(location)}", location=location
    )
