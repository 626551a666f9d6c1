"""How the shipped runners are started without a project, for the conformance kit."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from polystep.contracts.errors import LoadFailed
from polystep.runners import bridge_folder, node_kind, ruby_kind

SHIPPED: Final = ("node", "python", "ruby")


async def shipped_command(language: str, folder: Path) -> Sequence[str]:
    """The command of a shipped runner.

    Args:
        language: One of `SHIPPED`.
        folder: Where the Node runner may install what it needs, when it comes from a wheel.

    Raises:
        LoadFailed: The language is missing on this machine; the message says what to install.
    """
    match language:
        case "python":
            # This interpreter has the one package that the bridge needs: a project's environment would add nothing.
            return (sys.executable, str(bridge_folder("python") / "launch.py"))
        case "node":
            return (await node_kind().prepare(folder, print)).command
        case "ruby":
            return (await ruby_kind().prepare(folder, print)).command
    raise LoadFailed(f"There is no shipped runner for {language}; there are {', '.join(SHIPPED)}.")
