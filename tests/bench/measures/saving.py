"""`polystep dev`: a step file is saved; how long until a request gets the new answer."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

from tests.bench.load import percentile
from tests.bench.stack import Stack
from tests.bench.suite import Suite
from tests.bench.table import Row

FILES: Final = {"ts": "version-ts.step.ts", "py": "version_py_step.py"}
BUDGET_P95_MS: Final = 400.0
POLL_S: Final = 0.003
PAUSE_S: Final = 0.5
"""Between a save that is live and the next: someone who types is never faster, and the standby process gets ready."""
LIVE_S: Final = 30.0


async def measure_saving(suite: Suite) -> None:
    """Both languages."""
    async with suite.stack("saving", "dev") as stack:
        for language in FILES:
            suite.add(await _one_language(stack, language, suite.pick(20, 3)))


async def _one_language(stack: Stack, language: str, saves: int) -> Row:
    path = stack.folder / "steps" / "saving" / FILES[language]
    took_ms: list[float] = []
    for version in range(saves + 1):
        await asyncio.sleep(PAUSE_S)
        took_ms.append(await _save(stack, language, path, version + 1))
    # The first save of a start is a warm-up, as everywhere here.
    del took_ms[0]
    p95_ms = percentile(took_ms, 0.95)
    return Row(
        "saving",
        language,
        p50_ms=percentile(took_ms, 0.5),
        p99_ms=max(took_ms),
        rss_mib=stack.meter().read().rss_mib,
        note=f"{saves} saves, p95 {p95_ms:.0f} ms; p99 is the slowest",
        budget=f"p95 ≤ {BUDGET_P95_MS:g} ms",
        is_met=p95_ms <= BUDGET_P95_MS,
    )


async def _save(stack: Stack, language: str, path: Path, version: int) -> float:
    """Returns milliseconds until an answer has the new version."""
    text = path.read_text().replace(f"VERSION = {version - 1}\n", f"VERSION = {version}\n")
    began_s = time.monotonic()
    path.write_text(text)
    async with asyncio.timeout(LIVE_S):
        while True:
            answer = await stack.get(f"/{language}/version")
            if answer["version"] == version:
                return (time.monotonic() - began_s) * 1000
            await asyncio.sleep(POLL_S)
