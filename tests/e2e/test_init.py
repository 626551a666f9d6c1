"""A Motia project as people have it, `polystep init`, then the commands they know, with real npm."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.e2e.running import COMMAND, Running
from tests.e2e.test_create import done, stopped

pytestmark = pytest.mark.e2e

PACKAGE = {
    "name": "shop",
    "type": "module",
    "scripts": {
        "postinstall": "motia install",
        "dev": "motia dev",
        "start": "motia start",
        "build": "motia build",
        "generate-types": "motia generate-types",
    },
}
HELLO = """
import type { ApiRouteConfig, Handlers } from 'motia'
export const config: ApiRouteConfig = { type: 'api', name: 'Hello', path: '/hello', method: 'GET', emits: ['said'] }
export const handler: Handlers['Hello'] = async (_, { emit }) => {
  await emit({ topic: 'said', data: { word: 'hello' } })
  return { status: 200, body: { hello: true } }
}
"""
SAID = """
config = {"type": "event", "name": "Said", "subscribes": ["said"], "emits": []}

async def handler(input, context):
    context.logger.info("somebody said " + input["word"])
"""


class Npm(Running):
    """A project that `npm run dev` started."""

    def __init__(self, project: Path) -> None:
        super().__init__(project)
        self._command = ["npm", "--prefix", str(project), "run", "--silent", "dev", "--", "-p", "0", "-d"]


def motia_project(folder: Path) -> Path:
    (folder / "src").mkdir()
    (folder / "src" / "hello.step.ts").write_text(HELLO)
    (folder / "src" / "said_step.py").write_text(SAID)
    (folder / "package.json").write_text(json.dumps(PACKAGE, indent=2) + "\n")
    return folder


async def failed(*command: str, folder: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode != 0, output.decode()
    return output.decode()


async def test_untouched_scripts_run_polystep_where_motia_is_not_installed(tmp_path: Path) -> None:
    project = motia_project(tmp_path)
    await done(str(COMMAND), "init", "--yes", folder=project)
    assert json.loads((project / "package.json").read_text())["scripts"] == PACKAGE["scripts"]
    # `motia install`, after the install: it makes the Python environment.
    await done("npm", "install", "--no-audit", "--no-fund", folder=project)
    assert (project / ".polystep" / "venv" / "bin" / "python").exists()
    said = await done("npm", "run", "--silent", "generate-types", folder=project)
    assert "types.d.ts" in said
    assert "dist/bundle.tar.gz" in await done("npm", "run", "--silent", "build", folder=project)
    host = Npm(project)
    await host.launch()
    await host.ready()
    assert await host.get("/hello") == {"hello": True}
    await host.line("[INFO] Said somebody said hello")
    await stopped(host)


async def test_a_motia_that_is_installed_is_not_shadowed(tmp_path: Path) -> None:
    project = motia_project(tmp_path)
    vendor = project / "vendor" / "motia"
    vendor.mkdir(parents=True)
    (vendor / "package.json").write_text('{"name": "motia", "version": "0.17.14", "bin": {"motia": "cli.js"}}')
    (vendor / "cli.js").write_text("#!/usr/bin/env node\nconsole.log('the real', process.argv.slice(2).join(' '))\n")
    package = {**PACKAGE, "dependencies": {"motia": "file:vendor/motia"}}
    (project / "package.json").write_text(json.dumps(package))
    await done(str(COMMAND), "init", "--yes", folder=project)
    await done("npm", "install", "--no-audit", "--no-fund", folder=project)
    assert await done("npm", "run", "--silent", "dev", folder=project) == "the real dev\n"
    # Whichever of the two npm has linked.
    assert await done("node", "launcher/motia.mjs", "dev", "-d", folder=project) == "the real dev -d\n"


async def test_a_clone_without_polystep_can_be_installed_and_says_what_is_missing(tmp_path: Path) -> None:
    project = motia_project(tmp_path)
    await done(str(COMMAND), "init", "--yes", folder=project)
    (project / ".polystep" / "command").unlink()
    plain = ["env", "PATH=/usr/local/bin:/usr/bin:/bin", "npm"]
    await done(*plain, "install", "--no-audit", "--no-fund", folder=project)
    said = await failed(*plain, "run", "--silent", "dev", folder=project)
    assert "polystep was not found." in said
