"""A disk that is full, and files that are damaged: what is said of them, at the start and at work."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from tests.e2e.running import Running, make_project
from tests.patience import HANG_S

pytestmark = pytest.mark.e2e

DISK_BYTES = 6 * 1024 * 1024
FILES = {
    "steps/keep.step.ts": """
export const config = { type: 'api', name: 'Keep', method: 'POST', path: '/keep', emits: [] }
export const handler = async (req: any, { state }: any) => {
  await state.set('kept', String(req.body.n), 'x'.repeat(100_000))
  return { status: 200, body: {} }
}
""",
}


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[Path]:
    """A small disk; where none can be mounted the contract tests over a failing disk are the ones there are."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    mounted = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", "--lazy", str(folder)], check=True)


async def fill(folder: Path) -> Path:
    """Take the last byte of a disk."""
    ballast = folder / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    return ballast


async def test_on_a_full_disk_requests_are_507_and_work_goes_on_when_there_is_space(disk: Path) -> None:
    async with Running(make_project(disk, FILES)) as host:
        assert await host.post("/keep", {"n": 0}) == {}
        ballast = await fill(disk)
        since = len(host.lines)
        answers = [await host.post("/keep", {"n": number}, 507) for number in range(1, 3)]
        assert answers[0] == {"error": "Insufficient storage", "traceId": answers[0]["traceId"]}
        path = disk / ".polystep" / "polystep.db"
        await host.line("[ERROR] Keep", f"The disk is full: nothing was written to {path}", since=since)
        health = await host.get("/__polystep/health")
        assert health["status"] == "degraded"
        assert any(str(path) in each["message"] for each in health["storage"])
        assert not any("Traceback" in line for line in host.lines)
        ballast.unlink()
        assert await host.post("/keep", {"n": 3}) == {}
        # The traces' file is written again as well, with the next batch.
        async with asyncio.timeout(HANG_S):
            while (await host.get("/__polystep/health"))["status"] != "ready":
                await host.post("/keep", {"n": 3})
        assert sorted((await host.api("state/kept"))["items"]) == ["0", "3"]


async def ended(project: Path) -> tuple[int, str]:
    """Start a project that cannot start; returns its status and what it printed."""
    host = Running(project)
    await host.launch()
    return await host.ended(), "\n".join(host.lines)


async def test_a_start_on_a_full_disk_says_so(disk: Path) -> None:
    project = make_project(disk, FILES)
    (project / ".polystep").mkdir()
    await fill(disk)
    status, printed = await ended(project)
    assert status == 1
    assert "polystep.db is full: free some space and start again" in printed or "No space left on device" in printed
    assert "Traceback" not in printed


async def test_a_start_on_a_disk_that_cannot_be_written_says_so(disk: Path) -> None:
    project = make_project(disk, FILES)
    await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,ro", str(disk)], check=True)
    status, printed = await ended(project)
    assert status == 1
    assert "Read-only file system" in printed
    assert str(disk) in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("name", "lost"), [("polystep.db", "events, state and stream items"), ("traces.db", "traces and logs")]
)
async def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, name: str, lost: str) -> None:
    project = make_project(tmp_path, FILES)
    (project / ".polystep").mkdir()
    (project / ".polystep" / name).write_bytes(b"no database" * 1000)
    status, printed = await ended(project)
    assert status == 1
    assert printed.startswith(f"✖ The database {project}/.polystep/{name} is damaged (file is not a database).")
    assert f"move it away, with {name}-wal and {name}-shm, and start again without its {lost}" in printed
    assert "Traceback" not in printed


async def test_a_file_damaged_inside_is_named_with_what_to_do(tmp_path: Path) -> None:
    project = make_project(tmp_path, FILES)
    async with Running(project) as host:
        for number in range(20):
            await host.post("/keep", {"n": number})
    path = project / ".polystep" / "polystep.db"
    # What was written lies in the log beside the file until it is moved there.
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\x07" * (len(content) - 4096)
    path.write_bytes(content)
    status, printed = await ended(project)
    assert status == 1
    assert f"The database {path} is damaged" in printed
    assert "Traceback" not in printed


async def test_an_empty_file_is_a_new_one(tmp_path: Path) -> None:
    """As an interrupted first start leaves it."""
    project = make_project(tmp_path, FILES)
    (project / ".polystep").mkdir()
    for name in ("polystep.db", "traces.db"):
        (project / ".polystep" / name).touch()
    async with Running(project) as host:
        assert await host.post("/keep", {"n": 1}) == {}
