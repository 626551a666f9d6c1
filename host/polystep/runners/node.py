"""Node runner: TypeScript and JavaScript steps through tsx, in one long-lived process."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from pathlib import Path
from typing import Final

from polystep.contracts.errors import LoadFailed
from polystep.contracts.private import project_home
from polystep.contracts.steps import SourcePattern
from polystep.runners.commands import run_command
from polystep.runners.installs import is_complete, mark_used, prune
from polystep.runners.kinds import Launch, Progress, RunnerKind, bridge_folder
from polystep.runners.node_failures import explain

_PATTERNS: Final[tuple[SourcePattern, ...]] = tuple(
    SourcePattern(f"{joint}{kind}.{ending}", kind, language, "node")
    for kind in ("step", "stream", "access")
    for ending, language in (("ts", "typescript"), ("js", "javascript"))
    for joint in (".", "_")
) + tuple(
    SourcePattern(f"motia.config.{ending}", "access", language, "node", in_root=True)
    for ending, language in (("ts", "typescript"), ("js", "javascript"), ("mjs", "javascript"))
)
_LOCK: Final = "package-lock.json"
"""File that only a packaged bridge has: in a checkout, the lock is the workspace's."""
_IMPORTS: Final = frozenset({".tsx", ".mts", ".cts", ".jsx", ".mjs", ".cjs", ".json"})


def node_kind() -> RunnerKind:
    """Make the kind that runs `*.step.ts`, `*.step.js`, also with `stream`, `access` and `_`; and `motia.config.*`."""
    return RunnerKind("node", _PATTERNS, _prepare, explain=explain, imports=_IMPORTS)


async def _prepare(project: Path, progress: Progress) -> Launch:
    node = shutil.which("node")
    if node is None:
        raise LoadFailed(
            "Node.js was not found, and this project has TypeScript or JavaScript steps. Install Node 20 or newer."
        )
    bridge = bridge_folder("node")
    if (bridge / _LOCK).is_file():
        bridge = await _install(bridge, project, progress)
        folders = [bridge]
    else:
        # A checkout's packages are installed for the bridge or, as npm does it, for the workspace.
        folders = [bridge, bridge.parents[1]]
    loader = next((path for path in map(_loader, folders) if path.is_file()), None)
    if loader is None:
        raise LoadFailed(f"tsx is missing beside {bridge}. In a checkout of polystep, run `make setup`.")
    return Launch((node, "--import", loader.as_uri(), str(bridge / "src" / "main.ts")))


def _loader(folder: Path) -> Path:
    """Find the module that teaches Node TypeScript. A tsx of another folder or of PATH may be of any version."""
    return folder / "node_modules" / "tsx" / "dist" / "loader.mjs"


async def _install(bridge: Path, project: Path, progress: Progress) -> Path:
    """Copy a packaged bridge into the project's `.polystep/` and install its locked packages, once per version."""
    npm = shutil.which("npm")
    if npm is None:
        raise LoadFailed("npm was not found. Install Node 20 or newer with npm.")
    target = project / ".polystep" / f"bridge-node-{_digest(bridge)}"
    if not is_complete(target):
        progress("Setting up the Node runner…")
        project_home(project)
        await asyncio.to_thread(shutil.copytree, bridge, target, dirs_exist_ok=True)
        status, output = await run_command(
            target, npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"
        )
        if status != 0:
            raise LoadFailed(
                f"Setting up the Node runner failed (npm ci in {target}):\n{output[-2000:]}\n"
                "Mend what it names and start again."
            )
    mark_used(target)
    await asyncio.to_thread(prune, target)
    return target


def _digest(bridge: Path) -> str:
    files = sorted(path for path in bridge.rglob("*") if path.is_file())
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:12]
