"""Programs of the machine that tests need: a missing one is a failure in CI, and a skip elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def need(what: str, *command: str) -> None:
    """Skip or fail unless the command runs well; `what` says how to install its program."""
    found = shutil.which(command[0])
    if found is not None and subprocess.run([found, *command[1:]], check=False, capture_output=True).returncode == 0:
        return
    reason = f"`{' '.join(command)}` does not work here; {what}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
