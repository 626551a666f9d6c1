"""Installers are run to their end, or ended."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from polystep.runners.commands import run_command
from tests.unit.runners.scripted import bounded, until_gone


async def test_status_and_both_outputs_come_back(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd(), flush=True); sys.stderr.write('oops'); sys.exit(3)"
    status, output = await bounded(run_command(tmp_path, sys.executable, "-c", code))
    assert (status, output.splitlines()) == (3, [str(tmp_path), "oops"])


async def test_a_command_that_nobody_waits_for_any_more_is_ended(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pid")
    code = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(3600)"
    running = asyncio.create_task(run_command(tmp_path, sys.executable, "-c", code))
    pid = int(await bounded(asyncio.to_thread((tmp_path / "pid").read_text)))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await bounded(running)
    await until_gone(pid)
