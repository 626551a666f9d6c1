"""Compiled modules of the host, kept where Python itself would keep none: to compile them takes longer than a start."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path


def keep_bytecode(environment: Mapping[str, str], installed: Path = Path(__file__)) -> None:
    """Let this process keep compiled modules in the user's cache, when it would compile them again at every start.

    That is so with `PYTHONDONTWRITEBYTECODE`, common in containers, and where the user may not write beside the
    modules, unless the installer has compiled them. Nothing is written beside sources, and no other process is
    affected: steps run with the variables that their user has set.

    Args:
        environment: Says where the user's cache is: `XDG_CACHE_HOME`, else `HOME`.
        installed: A module of the installation.
    """
    compiled = Path(importlib.util.cache_from_source(str(installed)))
    if sys.pycache_prefix is not None or compiled.is_file():
        return
    if not sys.dont_write_bytecode and os.access(installed.parent, os.W_OK):
        return
    home = environment.get("HOME")
    cache = environment.get("XDG_CACHE_HOME") or (home and f"{home}/.cache")
    if not cache:
        return
    folder = Path(cache, "polystep", f"bytecode-{sys.implementation.cache_tag}")
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # What lies there is run: nobody else may put something into it.
        status = folder.stat()
        if status.st_uid == os.getuid() and not status.st_mode & 0o022:
            sys.pycache_prefix, sys.dont_write_bytecode = str(folder), False
