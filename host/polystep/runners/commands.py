"""Run a command to its end, such as an installer; end it when its caller is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path


async def run_command(folder: Path, *command: str) -> tuple[int, str]:
    """Run in a folder without input; returns the exit status and what it printed on both outputs.

    Raises:
        OSError: It could not be started.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    except BaseException:
        # Cancelled, because the host stops: an installer must not go on writing where nobody looks after it.
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    return process.returncode or 0, output.decode(errors="replace").strip()
