"""The Node runner: started from a checkout, and set up from a packaged bridge."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from hatch_build import bridge_lock
from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import SourceFile
from polystep.runners import RunnerCalls, RunnerPool, node_kind
from polystep.runners import node as node_module
from polystep.runners.kinds import bridge_folder
from tests.unit.runners.scripted import patient

ROOT = Path(__file__).resolve().parents[2]
STEP = SourceFile("steps/a.step.ts", "step", "typescript", "node")
SOURCE = """
export const config = { type: 'event', name: 'A', subscribes: ['t'] }
export const handler = async (input: number) => ({ double: input * 2 })
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path.resolve()
    (root / ".polystep").mkdir()
    (root / "steps").mkdir()
    (root / "steps" / "a.step.ts").write_text(SOURCE)
    return root


async def run_a_step(project: Path, said: list[str]) -> object:
    calls = RunnerCalls({}, {}, lambda *_: None)
    runners = RunnerPool(node_kind(), project, calls, lambda: {"PATH": os.environ["PATH"]}, said.append)
    try:
        staged = await patient(runners.stage([STEP]))
        assert list(staged.failures) == []
        runners.switch(staged)
        return await patient(
            runners.run(
                {
                    "run": "r",
                    "file": STEP.path,
                    "step": "A",
                    "type": "api",
                    "input": 21,
                    "trace_id": "t",
                    "attempt": 1,
                },
                10,
            )
        )
    finally:
        await patient(runners.stop(0))


async def test_a_typescript_step_runs_from_a_checkout(project: Path) -> None:
    said: list[str] = []
    assert (await run_a_step(project, said), said) == ({"double": 42}, [])


async def test_a_packaged_bridge_is_set_up_in_the_project_once(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = tmp_path_factory.mktemp("wheel") / "node"
    shutil.copytree(bridge_folder("node"), packaged, ignore=shutil.ignore_patterns("node_modules", "*.test.ts"))
    (packaged / "package-lock.json").write_text(bridge_lock(ROOT))
    monkeypatch.setattr(node_module, "bridge_folder", lambda _: packaged)
    said: list[str] = []
    # What an install that was interrupted leaves: it must not pass for a whole one.
    target = project / ".polystep" / f"bridge-node-{node_module._digest(packaged)}"
    (target / "node_modules" / "tsx" / "dist").mkdir(parents=True)
    (target / "node_modules" / "tsx" / "dist" / "loader.mjs").touch()
    # What lies above by accident is not used.
    stray = project.parent / "node_modules" / "tsx" / "dist"
    stray.mkdir(parents=True, exist_ok=True)
    (stray / "loader.mjs").write_text("throw new Error('the wrong tsx')")
    assert (await run_a_step(project, said), said) == ({"double": 42}, ["Setting up the Node runner…"])
    assert (await run_a_step(project, said), said) == ({"double": 42}, ["Setting up the Node runner…"])
    locked = json.loads((packaged / "package-lock.json").read_text())["packages"]
    for name in ("tsx", "esbuild", "@msgpack/msgpack", "zod-to-json-schema"):
        installed = json.loads((target / "node_modules" / name / "package.json").read_text())["version"]
        assert installed == locked[f"node_modules/{name}"]["version"]


async def test_the_tsx_of_a_folder_above_the_bridge_is_not_used(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = tmp_path / "checkout" / "bridges" / "node"
    shutil.copytree(bridge_folder("node"), bridge, ignore=shutil.ignore_patterns("node_modules"))
    for above in (tmp_path, project):
        (above / "node_modules" / "tsx" / "dist").mkdir(parents=True, exist_ok=True)
        (above / "node_modules" / "tsx" / "dist" / "loader.mjs").touch()
    monkeypatch.setattr(node_module, "bridge_folder", lambda _: bridge)
    with pytest.raises(LoadFailed, match="tsx is missing beside"):
        await node_kind().prepare(project, lambda _: None)
    own = tmp_path / "checkout" / "node_modules" / "tsx" / "dist" / "loader.mjs"
    own.parent.mkdir(parents=True)
    own.touch()
    assert own.as_uri() in (await node_kind().prepare(project, lambda _: None)).command


async def test_without_node_the_message_says_what_to_install(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(project))
    with pytest.raises(LoadFailed) as failed:
        await node_kind().prepare(project, lambda _: None)
    assert failed.value.message == (
        "Node.js was not found, and this project has TypeScript or JavaScript steps. Install Node 20 or newer."
    )
