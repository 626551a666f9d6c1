"""Memory of a process tree as Linux tells it, and when a process outgrows its limit."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from polystep.runners import memory
from polystep.runners.memory import is_far_over, outgrows, tree_bytes
from polystep.runners.process import RunnerProcess

MIB = 1024 * 1024
PAGE = os.sysconf("SC_PAGE_SIZE")


def entry(proc: Path, pid: int, pages: int, **threads: str) -> None:
    """A process of so many pages; each thread `t1` has the children that its text names."""
    for name, children in {f"t{pid}": "", **threads}.items():
        (proc / str(pid) / "task" / name).mkdir(parents=True, exist_ok=True)
        (proc / str(pid) / "task" / name / "children").write_text(children)
    (proc / str(pid) / "statm").write_text(f"{pages * 10} {pages} 3 4 0 5 0\n")


def test_the_resident_memory_of_the_whole_tree_counts(tmp_path: Path) -> None:
    entry(tmp_path, 1, 100, t1="2 ", t9="3 4")
    entry(tmp_path, 2, 20, t2="5")
    entry(tmp_path, 3, 3)
    entry(tmp_path, 5, 1000)
    entry(tmp_path, 6, 50_000)
    assert tree_bytes(1, tmp_path) == (100 + 20 + 3 + 1000) * PAGE  # 4 has ended meanwhile


def test_a_process_that_is_gone_or_a_system_that_does_not_tell_has_no_number(tmp_path: Path) -> None:
    assert tree_bytes(1, tmp_path) is None
    assert tree_bytes(1, tmp_path / "nowhere") is None


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells")
def test_this_process_is_measured() -> None:
    before = tree_bytes(os.getpid())
    held = b"x" * (64 * MIB)
    after = tree_bytes(os.getpid())
    assert before is not None
    assert after is not None
    assert after - before > 0.9 * len(held)


class Sized:
    """A process whose sizes are told one after the other; it is gone after the last."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, limit_mb: int | None, *sizes_mb: int | None) -> None:
        self._sizes = list(sizes_mb)
        self.kind = SimpleNamespace(name="node")
        self.pid, self.memory_limit_mb, self.memory_mb = 1, limit_mb, 0
        monkeypatch.setattr(memory, "tree_bytes", self._next)
        monkeypatch.setattr(memory, "MEMORY_EVERY_S", 0)

    @property
    def usable(self) -> bool:
        return bool(self._sizes)

    @property
    def process(self) -> RunnerProcess:
        return cast("RunnerProcess", self)

    def _next(self, _: int) -> int | None:
        size = self._sizes.pop(0)
        return None if size is None else size * MIB


async def test_a_process_outgrows_its_limit_when_it_uses_more(monkeypatch: pytest.MonkeyPatch) -> None:
    sized = Sized(monkeypatch, 200, 50, 200, 199, 201, 300)
    assert await outgrows(sized.process)
    assert sized.memory_mb == 201
    assert not is_far_over(sized.process)  # 300 is one and a half times 200


def test_one_and_a_half_times_the_limit_is_far_over(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_far_over(Sized(monkeypatch, 200, 301).process)


async def test_a_process_without_a_limit_is_never_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    sized = Sized(monkeypatch, None, 1000)
    assert not await outgrows(sized.process)
    assert sized.usable


@pytest.mark.parametrize(
    ("sizes_mb", "told"),
    [
        ((None, 1000), "memory_mb of [runners.node] is not applied: only Linux tells"),
        ((201, 1000), "The node runner uses 201 MB before its first run, and memory_mb of [runners.node] is 200"),
    ],
)
async def test_a_limit_that_cannot_be_applied_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, sizes_mb: tuple[int | None, ...], told: str
) -> None:
    with caplog.at_level(logging.WARNING):
        assert not await outgrows(Sized(monkeypatch, 200, *sizes_mb).process)
    assert [line for line in caplog.messages if told not in line] == []
    assert len(caplog.messages) == 1
