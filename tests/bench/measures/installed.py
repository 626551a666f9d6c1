"""What an installed polystep takes on the disk, beside Node and Python themselves."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import uv

from tests.bench.stack import ROOT, Stack
from tests.bench.suite import Suite
from tests.bench.table import Row
from tests.bench.waiting import CannotMeasure

BUDGET_MB: Final = 150.0
NOTHING_BUILT: Final = "nothing was compiled"
SHOWN: Final = 5
INSTALL_S: Final = 600.0
STEPS: Final = {
    "hello.step.js": "export const config = { type: 'api', name: 'Hello', path: '/hello', method: 'GET' }\n"
    "export const handler = async () => ({ status: 200, body: {} })\n",
    "greet_step.py": "config = {'type': 'event', 'name': 'Greet', 'subscribes': ['hello']}\n\n\n"
    "async def handler(input_data, context):\n    pass\n",
}


async def measure_installed(suite: Suite) -> None:
    """A wheel of this checkout in a fresh environment, then a first `polystep dev` in both languages."""
    folder = suite.folder / "installed"
    venv, project = folder / "venv", folder / "project"
    built = await _install(folder, venv)
    (project / "steps").mkdir(parents=True)
    for name, text in STEPS.items():
        (project / "steps" / name).write_text(text)
    async with Stack(project, "dev", source=None, command=venv / "bin" / "polystep") as stack:
        first_start_s = stack.ready_s
    home = project / ".polystep"
    python = _python_packages(venv)
    node = {
        f"npm {name}": size for bridge in home.glob("bridge-node-*") for name, size in _node_packages(bridge).items()
    }
    total_mb = (_bytes([venv]) + _bytes(home.glob("bridge-node-*")) + _bytes(home.glob("venv-*"))) / 1e6
    largest = sorted((python | node).items(), key=lambda item: -item[1])[:SHOWN]
    suite.add(
        Row(
            "installed",
            f"{total_mb:.0f} MB",
            note=f"{', '.join(f'{name} {size / 1e6:.0f}' for name, size in largest)} MB are the largest; "
            f"{len(python) + len(node)} packages, {built}; first start in {first_start_s:.1f} s",
            budget=f"≤ {BUDGET_MB:g} MB, no compiler",
            is_met=total_mb <= BUDGET_MB and built == NOTHING_BUILT,
        )
    )


async def _install(folder: Path, venv: Path) -> str:
    """Returns whether everything came ready made."""
    folder.mkdir(parents=True)
    await _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    (wheel,) = folder.glob("*.whl")
    tool = uv.find_uv_bin()
    await _run(tool, "venv", "--quiet", "--no-project", "--python", sys.executable, str(venv))
    install = (tool, "pip", "install", "--quiet", "--python", str(venv / "bin" / "python"))
    # The lock has the development tools too: as constraints its versions hold for what is installed, and no more is.
    locked = (*install, "--constraint", "requirements.lock", str(wheel))
    try:
        await _run(*locked, "--only-binary", ":all:")
    except CannotMeasure:
        # On this platform something has no wheel, or the registry cannot be reached: the second says so again.
        await _run(*locked)
        return "at least one package was compiled"
    # The host runs npm without scripts, so on that side nothing can be.
    return NOTHING_BUILT


def _python_packages(venv: Path) -> dict[str, int]:
    """Bytes by distribution, as its own list of files has it: without what Python compiles at the first use."""
    (site,) = venv.glob("lib/python*/site-packages")
    return {
        distribution.name: sum(file.size or 0 for file in distribution.files or ())
        for distribution in importlib.metadata.distributions(path=[str(site)])
    }


def _node_packages(bridge: Path) -> dict[str, int]:
    packages = (bridge / "node_modules").glob("*/package.json"), (bridge / "node_modules").glob("@*/*/package.json")
    folders = [path.parent for found in packages for path in found]
    return {str(path.relative_to(bridge / "node_modules")): _bytes([path]) for path in folders}


def _bytes(paths: Iterable[Path]) -> int:
    """Of all files; links, such as to Python itself, count as nothing."""
    return sum(
        (Path(folder) / name).lstat().st_size
        for path in paths
        for folder, _, names in os.walk(path)
        for name in names
        if not (Path(folder) / name).is_symlink()
    )


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(INSTALL_S):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise CannotMeasure(f"{' '.join(command)} failed: {output.decode(errors='replace')[-600:]}")
