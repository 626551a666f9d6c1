"""Launcher of the runner: `<the project's python> launch.py`, with the project root as working directory."""

import signal
import sys

# This folder is importable for one line only, so that nothing in it hides a module of the user's, such as `tests`.
# The processes that the user's multiprocessing starts import this file too, and with it the package.
_HERE = __file__.rpartition("/")[0] or "."
sys.path.insert(0, _HERE)
import polystep_runner  # noqa: E402, F401

sys.path[:] = [entry for entry in sys.path if entry != _HERE]

if __name__ == "__main__":
    # PS-2.7. First, since importing the rest takes a while; not SIG_IGN, which child processes would inherit.
    signal.signal(signal.SIGINT, lambda *_: None)
    from polystep_runner.main import main

    main()
