"""A wheel in an environment of its own, on a project that has nothing of this checkout beside it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
import uv

from tests.e2e.running import ROOT, Running
from tests.e2e.test_create import done

pytestmark = pytest.mark.e2e

INSTALL_S = 110.0
HELLO = """
import { basename } from 'node:path'
enum Word { Hello = 'hello' }
export const config = { type: 'api', name: 'Hello', path: '/hello', method: 'GET', emits: ['said'] }
export const handler = async (_: unknown, { emit }: any) => {
  await emit({ topic: 'said', data: { word: Word.Hello } })
  return { status: 200, body: { said: basename('/a/' + Word.Hello) } }
}
"""
SAID = """
config = {"type": "event", "name": "Said", "subscribes": ["said"], "emits": []}

async def handler(input, context):
    context.logger.info("python heard " + input["word"])
"""


class Installed(Running):
    """The command of another environment."""

    def __init__(self, command: Path, project: Path) -> None:
        super().__init__(project)
        self._command = [str(command), "start", "--project", str(project), "--port", "0"]


async def test_an_installed_wheel_runs_both_languages_from_its_own_lock(tmp_path: Path) -> None:
    dist, home, project = tmp_path / "dist", tmp_path / "venv", tmp_path / "project"
    async with asyncio.timeout(INSTALL_S):
        await done(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(dist), folder=ROOT)
        (wheel,) = dist.glob("*.whl")
        tool = uv.find_uv_bin()
        await done(tool, "venv", "--python", sys.executable, "--no-project", str(home), folder=tmp_path)
        await done(tool, "pip", "install", "--python", str(home / "bin" / "python"), str(wheel), folder=tmp_path)
    (project / "steps").mkdir(parents=True)
    (project / "steps" / "hello.step.ts").write_text(HELLO)
    (project / "steps" / "said_step.py").write_text(SAID)
    # A package of a folder above, of a version that nobody has tried with the bridge.
    stray = tmp_path / "node_modules" / "tsx" / "dist"
    stray.mkdir(parents=True)
    (stray / "loader.mjs").write_text("throw new Error('the wrong tsx')")
    async with Installed(home / "bin" / "polystep", project) as host:
        assert await host.get("/hello") == {"said": "hello"}
        await host.line("[INFO] Said python heard hello")
        (bridge,) = (project / ".polystep").glob("bridge-node-*")
        locked = json.loads((bridge / "package-lock.json").read_text())["packages"]["node_modules/tsx"]["version"]
        assert json.loads((bridge / "node_modules" / "tsx" / "package.json").read_text())["version"] == locked
        async with host.http.get("/docs") as page:
            assert page.status == 200
