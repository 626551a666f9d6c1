"""Where compiled modules are kept when Python would keep none."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from polystep.cli.bytecode import keep_bytecode


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that was not compiled, in a process that would not keep what it compiles."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    path = tmp_path / "installed" / "module.py"
    path.parent.mkdir()
    path.touch()
    return path


def kept() -> tuple[str | None, bool]:
    return sys.pycache_prefix, sys.dont_write_bytecode


def test_what_would_be_compiled_at_every_start_is_kept_in_the_cache(module: Path, tmp_path: Path) -> None:
    keep_bytecode({"HOME": str(tmp_path)}, module)
    folder = tmp_path / ".cache" / "polystep" / f"bytecode-{sys.implementation.cache_tag}"
    assert kept() == (str(folder), False)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_cache_is_where_the_user_has_it(module: Path, tmp_path: Path) -> None:
    keep_bytecode({"HOME": "/nowhere", "XDG_CACHE_HOME": str(tmp_path / "own")}, module)
    assert str(sys.pycache_prefix).startswith(str(tmp_path / "own" / "polystep"))


def test_a_folder_that_others_may_write_to_is_not_used(module: Path, tmp_path: Path) -> None:
    folder = tmp_path / ".cache" / "polystep" / f"bytecode-{sys.implementation.cache_tag}"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    keep_bytecode({"HOME": str(tmp_path)}, module)
    assert kept() == (None, True)


@pytest.mark.parametrize("environment", [{}, {"HOME": "/proc/nowhere"}])
def test_without_a_cache_it_starts_as_before(module: Path, environment: dict[str, str]) -> None:
    keep_bytecode(environment, module)
    assert kept() == (None, True)


def test_what_an_installer_has_compiled_is_used(module: Path, tmp_path: Path) -> None:
    compiled = Path(importlib.util.cache_from_source(str(module)))
    compiled.parent.mkdir()
    compiled.touch()
    keep_bytecode({"HOME": str(tmp_path)}, module)
    assert kept() == (None, True)


def test_what_python_keeps_by_itself_is_left_to_it(
    module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    keep_bytecode({"HOME": str(tmp_path)}, module)
    assert kept() == (None, False)
