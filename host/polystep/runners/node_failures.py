"""Explanations of load failures of Node files: errors of Node and its compiler, in words to act on."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Final

from polystep.contracts.values import JSONObject
from polystep.runners.kinds import explain_load_failure

_MISSING: Final = re.compile(r"Cannot find (?:module|package) '([^']+)'")
_IMPORTER: Final = re.compile(r"imported from (/\S+)|Require stack:\n- (\S+)")
_MISTAKE: Final = re.compile(r":(\d+): ERROR: ")
"""Location in a message of esbuild, which counts columns from 0 where editors count from 1."""
_COMMONJS: Final = re.compile(r"\w+ is not defined in ES module scope")
_SECTIONS: Final = ("dependencies", "devDependencies", "optionalDependencies")
_SAYS_IT_ALL: Final = frozenset({"LoadProblem", "invalid_value"})
"""Errors of the bridge itself about a file, whose message needs no more words."""


def explain(project: Path, file: str, failure: JSONObject) -> str:
    """Explain why a step or stream file did not load, and what to do.

    Args:
        project: The project's root.
        file: Relative to it.
        failure: `{name, message, stack}` as the bridge answered it (PS-6.3, PS-9.4).
    """
    name, message = (str(failure.get(each) or "") for each in ("name", "message"))
    if name in _SAYS_IT_ALL and message:
        return message
    missing = _MISSING.match(message)
    if missing:
        return _explain_missing(project, file, missing[1], message)
    if message.startswith("Transform failed"):
        # One line for each mistake: `/path/steps/a.step.ts:3:4: ERROR: Unexpected ","`.
        mistakes = message.partition("\n")[2] or message
        shown = _MISTAKE.sub(lambda column: f":{int(column[1]) + 1}: ", mistakes)
        return f"Syntax error in {shown.replace(f'{project}/', '')}"
    if _COMMONJS.match(message):
        # Node advises to rename the file to .cjs, which would be no step.
        first = message.partition("\n")[0]
        text = explain_load_failure(project, file, {**failure, "message": first})
        return f'{text}. package.json has "type": "module": write export const config and export const handler.'
    return explain_load_failure(project, file, failure)


def _explain_missing(project: Path, file: str, missing: str, message: str) -> str:
    importer = _IMPORTER.search(message)
    by = _shown(project, importer[1] or importer[2]) if importer else file
    if missing.startswith((".", "/")):
        return f"Cannot find the file '{_shown(project, missing)}' that {by} imports. Check the path and the spelling."
    # `@acme/kit/sub` is a file of the package `@acme/kit`.
    package = "/".join(missing.split("/")[: 2 if missing.startswith("@") else 1])
    install = "npm install" if package in _declared(project) else f"npm install {package}"
    return f"Cannot find package '{package}' that {by} imports. Run \"{install}\" in {project}."


def _declared(project: Path) -> set[str]:
    """List the packages of the project's package.json; none when it has no readable one."""
    try:
        content = json.loads((project / "package.json").read_text("utf-8"))
    except (OSError, ValueError):
        return set()
    sections = [content.get(name) for name in _SECTIONS] if isinstance(content, dict) else []
    return {package for section in sections if isinstance(section, dict) for package in section}


def _shown(project: Path, path: str) -> str:
    """Make an absolute path relative to the project; leave a relative one as it is."""
    return os.path.relpath(path, project) if path.startswith("/") else path
