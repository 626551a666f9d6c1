"""Kills of a real host under load.

python -m tests.crash                           200 kills from a new seed
python -m tests.crash --seed 17 --kills 50      the same kills again
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.harness import Crash


def main() -> int:
    """Run what the command line says; returns 1 when the promise is broken."""
    asked = argparse.ArgumentParser(prog="python -m tests.crash")
    asked.add_argument("--seed", type=int, help="of the victims and the moments; a new one by default")
    asked.add_argument("--kills", type=int, default=200)
    options = asked.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    print(f"seed {seed}, {options.kills} kills", flush=True)
    began_s, folder = time.monotonic(), Path(tempfile.mkdtemp(prefix="polystep-crash-"))
    record = asyncio.run(Crash(folder, seed, options.kills, has_ruby=has_ruby()).run())
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{record}\n{os.cpu_count()} cores, load {load}, {time.monotonic() - began_s:.0f} s in all")
    if not record.is_kept:
        print(f"the project is kept in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def has_ruby() -> bool:
    """Report whether Ruby steps can run here."""
    try:
        return subprocess.run(["ruby", "-e", "require 'msgpack'"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
