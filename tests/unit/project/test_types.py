"""Types are written beside the host's work: newest first, told once, and never at the cost of a reload."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from polystep.console import Console
from polystep.contracts.steps import Emit, Flow, LoadFailure, SourceFile, StepSpec
from polystep.project import types as types_module
from polystep.project.declared import Declared
from polystep.project.settings import RunnersSection
from polystep.project.types import TypeWriter
from tests.unit.codegen.corpus import CASES, S, obj
from tests.unit.codegen.flows import api, cron, event, flow, source, stream

TS, PY = "types.d.ts", "polystep_types.py"
BOUND_S = 15.0


class Writing:
    """A writer, and what it shows."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self._output = io.StringIO()
        self._console = Console(self._output)
        self.writer = TypeWriter(project, RunnersSection(), self._console)

    async def update(self, *flows: Flow) -> None:
        """The project is loaded this often; wait until that is written."""
        for each in flows:
            self.writer.update(each)
        async with asyncio.timeout(BOUND_S):
            await self.writer.settled()

    async def lines(self) -> list[str]:
        await self.writer.stop()
        self._console.stop()
        return self._output.getvalue().splitlines()


@pytest.fixture
async def writing(tmp_path: Path) -> AsyncIterator[Writing]:
    made = Writing(tmp_path)
    await made.writer.start()
    yield made
    await made.lines()


async def test_each_flow_is_written_once(writing: Writing) -> None:
    await writing.update(flow(event("A", "t")))
    assert "'A': EventHandler" in (writing.project / TS).read_text()
    await writing.update(flow(event("A", "t")))
    await writing.update(flow(event("B", "t")), flow(event("C", "t")))
    text = (writing.project / TS).read_text()
    assert "'C': EventHandler" in text
    assert "'A': EventHandler" not in text
    assert not (writing.project / PY).exists()
    assert await writing.lines() == ["➜ Types written: types.d.ts"] * 2


async def test_trouble_is_told_once_and_ends_nothing(writing: Writing, monkeypatch: pytest.MonkeyPatch) -> None:
    (writing.project / TS).write_text("mine")
    await writing.update(flow(event("A", "t")))
    await writing.update(flow(event("B", "t")))

    def fails(*_: object) -> None:
        raise RuntimeError("odd schema")

    with monkeypatch.context() as patch:
        patch.setattr(types_module, "outdated", fails)
        await writing.update(flow(event("C", "t")))
    (writing.project / TS).unlink()
    await writing.update(flow(event("D", "t")))
    assert "'D': EventHandler" in (writing.project / TS).read_text()
    lines = await writing.lines()
    assert [line.partition(" so it is")[0] for line in lines if "Traceback" not in line] == [
        f"⚠ [WARNING] {writing.project}/types.d.ts was not generated,",
        "⚠ [WARNING] The project's types could not be made: odd schema",
        "➜ Types written: types.d.ts",
    ]


async def test_python_steps_can_import_their_types_before_they_were_ever_loaded(tmp_path: Path) -> None:
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "a.step.ts").write_text("")
    first = Writing(tmp_path)
    await first.writer.start()
    assert await first.lines() == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["steps"]
    (tmp_path / "steps" / "a_step.py").write_text("")
    second = Writing(tmp_path)
    await second.writer.start()
    assert await second.lines() == []
    assert "__getattr__" in (tmp_path / PY).read_text()
    (tmp_path / PY).write_text("mine")
    assert Declared(tmp_path).prepare(RunnersSection()) == ()
    assert (tmp_path / PY).read_text() == "mine"


def test_what_was_declared_is_known_after_a_restart(tmp_path: Path) -> None:
    specs = [
        event("E", "t", input=CASES[0].schema, emits="x", fifo=True, language="python", flows=("f",), warnings=("w",)),
        api(
            "A", "/:id", body=obj("a", a=S), responses={"200": S}, query="q", virtual_emits=(Emit("v", "label", True),)
        ),
        cron("C", "t"),
        StepSpec("N", "noop", source("steps/N"), None, virtual_subscribes=("v",)),
    ]
    # What its handler gets is remembered as well.
    specs.append(api("M", body=S, native_schemas=("bodySchema",), handler_schemas={"bodySchema": {"x-made": "Date"}}))
    before = flow(*specs, stream("s", S))
    Declared(tmp_path).remember(before)
    assert Declared(tmp_path).before() == before
    failures = tuple(LoadFailure(SourceFile(f"steps/{name}", "step", "typescript", "node"), "bad") for name in "EACNM")
    assert Declared(tmp_path).texts(Flow({}, before.streams, failures)) == Declared(tmp_path).texts(before)


@pytest.mark.parametrize(
    "stored", [b"", b"{broken", b"[]", b'{"steps": {"A": {"type": "fancy"}}, "streams": {}}', b"{}"]
)
def test_a_memory_that_cannot_be_read_is_none(tmp_path: Path, stored: bytes) -> None:
    (tmp_path / ".polystep").mkdir()
    (tmp_path / ".polystep" / "declared.json").write_bytes(stored)
    assert Declared(tmp_path).before() == Flow()
