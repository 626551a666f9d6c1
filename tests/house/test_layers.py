"""Rooms import in one direction; the contracts are in pyproject.toml under [tool.importlinter]."""

import os
import subprocess
import sys
from pathlib import Path


def test_rooms_import_in_one_direction(root: Path) -> None:
    lint_imports = str(Path(sys.executable).with_name("lint-imports"))
    command = [lint_imports, "--no-cache", "--no-logo"]
    environment = {**os.environ, "PYTHONPATH": str(root / "bridges" / "python")}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
