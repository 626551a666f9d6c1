"""The machine and the code that figures belong to: without them they mean nothing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

from tests.bench.stack import ROOT


def describe_machine(folder: Path) -> dict[str, str]:
    """What a reader must know, by name; `folder` is where the databases lie."""
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "cpu": _first_value(Path("/proc/cpuinfo"), "model name"),
        "memory": _first_value(Path("/proc/meminfo"), "MemTotal"),
        "load before": f"{os.getloadavg()[0]:.1f}",
        "disk": _filesystem(folder),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "node": _said("node", "--version").removeprefix("v"),
        "durability": "full",
        "commit": _commit(),
    }


def _first_value(path: Path, name: str) -> str:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "unknown")


def _filesystem(folder: Path) -> str:
    """Its kind: on `tmpfs` a sync costs nothing, so figures from there say nothing about a disk."""
    kind, longest = "unknown", -1
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, found, *_ = line.split()
        if folder.resolve().is_relative_to(point) and len(point) > longest:
            kind, longest = found, len(point)
    return f"{kind} (nothing is synced to a disk there: set TMPDIR to a real one)" if kind == "tmpfs" else kind


def _commit() -> str:
    commit = _said("git", "rev-parse", "--short", "HEAD")
    return f"{commit} with changes" if _said("git", "status", "--porcelain", "--untracked-files=no") else commit


def _said(*command: str) -> str:
    found = shutil.which(command[0])
    if found is None:
        return ""
    return subprocess.run([found, *command[1:]], cwd=ROOT, check=False, capture_output=True, text=True).stdout.strip()
