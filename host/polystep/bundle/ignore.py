"""Rules of `.gitignore` files: which paths of a folder are left out, as git decides it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

_CLASS_END: Final = re.compile(r"\[[!^]?\]?[^\]]*\]")


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: paths that it leaves out, or takes back."""

    pattern: re.Pattern[str]
    """Of a whole path, relative to the root of the tree, with forward slashes."""
    takes_back: bool
    folders_only: bool


def read_rules(text: str, folder: str = "") -> tuple[Rule, ...]:
    """Read the lines of a file of rules.

    Args:
        text: Its content.
        folder: Where it lies, relative to the root of the tree; empty is the root itself.
    """
    return tuple(_rules(text.splitlines(), f"{folder}/" if folder else ""))


def is_ignored(path: str, is_folder: bool, rules: Iterable[Rule]) -> bool:
    """Report whether a path is left out: the last rule that fits decides.

    A folder that is left out is not entered, so that nothing in it can be taken back.
    """
    ignored = False
    for rule in rules:
        if ignored == rule.takes_back and (is_folder or not rule.folders_only) and rule.pattern.fullmatch(path):
            ignored = not rule.takes_back
    return ignored


def _rules(lines: Iterable[str], folder: str) -> Iterator[Rule]:
    for raw in lines:
        line = re.sub(r"(?<!\\) +$", "", raw)
        if not line or line.startswith("#"):
            continue
        takes_back = line.startswith("!")
        body = line.removeprefix("!") if takes_back else line
        folders_only = body.endswith("/")
        body = body.rstrip("/") if folders_only else body
        if not body:
            continue
        anchored = "/" in body
        where = re.escape(folder) + ("" if anchored else "(?:.*/)?")
        yield Rule(re.compile(where + _expression(body.removeprefix("/"))), takes_back, folders_only)


def _expression(glob: str) -> str:
    """Translate a pattern: `*` and `?` stay within a name, `**` goes over folders."""
    parts, at = [], 0
    while at < len(glob):
        rest = glob[at:]
        if rest.startswith("**/") and (at == 0 or glob[at - 1] == "/"):
            parts.append("(?:.*/)?")
            at += 3
        elif rest == "**" and at > 0 and glob[at - 1] == "/":
            parts.append(".+")
            at += 2
        elif rest[0] == "*":
            parts.append("[^/]*")
            at += len(rest) - len(rest.lstrip("*"))
        elif rest[0] == "?":
            parts.append("[^/]")
            at += 1
        elif found := _CLASS_END.match(rest):
            inside = found[0][1:-1]
            parts.append(f"(?!/)[{'^' + inside[1:] if inside[0] in '!^' else inside}]".replace("\\", "\\\\"))
            at += len(found[0])
        else:
            escaped = rest[0] == "\\" and len(rest) > 1
            parts.append(re.escape(rest[1] if escaped else rest[0]))
            at += 2 if escaped else 1
    return "".join(parts)
