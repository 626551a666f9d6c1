"""Environment variables that steps see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_HOST_PREFIX: Final = "POLYSTEP_"
_HOST_VARIABLES: Final = frozenset({"VIRTUAL_ENV", "PYTHONHOME", "__PYVENV_LAUNCHER__"})
"""They describe the host's own Python, not the project's."""


def child_environment(
    shell: Mapping[str, str], dotenv: Mapping[str, str | None], overrides: Mapping[str, str]
) -> dict[str, str]:
    """Join the variables of the shell, of `.env` where the shell sets none, and the overrides; leave the host's out."""
    environment = {name: value for name, value in shell.items() if name not in _HOST_VARIABLES}
    for name, value in dotenv.items():
        if value is not None:
            environment.setdefault(name, value)
    return {name: value for name, value in {**environment, **overrides}.items() if not name.startswith(_HOST_PREFIX)}
