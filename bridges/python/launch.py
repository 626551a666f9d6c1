"""Starts the runner: `<the project's python> launch.py`, with the project root as working directory.

The package is made importable under its own name only. This folder stays off `sys.path`, so that nothing in it hides
a module of the user's that is called `launch` or `tests`.
"""

from __future__ import annotations

import importlib.util
import sys


def _adopt_package() -> None:
    here = __file__.rpartition("/")[0] or "."
    package = f"{here}/polystep_runner"
    sys.path[:] = [entry for entry in sys.path if entry != here]
    spec = importlib.util.spec_from_file_location(
        "polystep_runner", f"{package}/__init__.py", submodule_search_locations=[package]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{package} is not readable: install polystep-host again.")
    module = importlib.util.module_from_spec(spec)
    sys.modules["polystep_runner"] = module
    spec.loader.exec_module(module)


_adopt_package()  # also in the processes that the user's multiprocessing starts, which import this file

if __name__ == "__main__":
    from polystep_runner.main import main

    main()
