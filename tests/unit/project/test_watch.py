"""Real saves in a real folder lead to the reload of the runners concerned."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from polystep.project import watch as watcher_module
from polystep.project.runner_kinds import kinds_of
from polystep.project.settings import ForeignSection, PythonSection, RunnersSection
from polystep.project.watch import Watcher, runners_concerned

BOUND_S = 15.0
PERL = ForeignSection(pattern=("_step.pl",), command=("perl", "tools/runner", "--fast"))
RUNNERS = RunnersSection(python=PythonSection(requirements="config/deep.txt"), perl=PERL)  # type: ignore[call-arg]
ALL_RUNNERS = {"node", "python", "ruby", "perl"}


class Reloads:
    """What the watcher asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[frozenset[str], frozenset[str]]] = []
        self.fails = 0
        self._changed = asyncio.Event()

    async def reload(self, runners: frozenset[str], files: frozenset[str]) -> None:
        self.asked.append((runners, files))
        self._changed.set()
        if self.fails:
            self.fails -= 1
            raise RuntimeError("no")

    async def seen(self, *files: str) -> frozenset[str]:
        """Wait for reloads that name these files; the runners that were asked for."""
        async with asyncio.timeout(BOUND_S):
            while not set(files) <= {name for _, names in self.asked for name in names}:
                self._changed.clear()
                await self._changed.wait()
        runners = [asked for asked, names in self.asked if names & set(files)]
        self.asked.clear()
        return frozenset().union(*runners)

    async def everything(self) -> None:
        """Wait until all runners were asked for."""
        async with asyncio.timeout(BOUND_S):
            while not any(runners == ALL_RUNNERS for runners, _ in self.asked):
                self._changed.clear()
                await self._changed.wait()


@contextlib.asynccontextmanager
async def watching(root: Path) -> AsyncIterator[Reloads]:
    """A watcher that is known to see changes."""
    reloads = Reloads()
    watcher = Watcher(root, reloads.reload, [*kinds_of(RUNNERS, root)])
    await watcher.start()
    try:
        # The first turn of the loop begins the watches.
        for _ in range(5):
            await asyncio.sleep(0)
        yield reloads
    finally:
        async with asyncio.timeout(BOUND_S):
            await watcher.stop()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    project = tmp_path.resolve() / "project"
    for folder in (
        "steps",
        "lib",
        "config",
        "tools",
        "node_modules/p",
        ".polystep",
        "dist",
        "steps/node_modules",
        "steps/__pycache__",
        "steps/build",
        "steps/dist",
    ):
        (project / folder).mkdir(parents=True)
    return project


@pytest.mark.parametrize(
    ("file", "runners"),
    [
        ("steps/a.step.ts", {"node"}),
        ("steps/a_step.py", {"python"}),
        ("steps/build/a.step.ts", {"node"}),
        ("steps/dist/a_step.py", {"python"}),
        ("lib/helper.mjs", {"node"}),
        ("lib/helper.py", {"python"}),
        ("lib/data.json", {"node"}),
        (".env", ALL_RUNNERS),
        ("lib/helper.rb", {"ruby"}),
        ("lib/Helper.pl", {"perl"}),
        ("tools/runner", {"perl"}),
        ("requirements.txt", {"python"}),
        ("pyproject.toml", {"python"}),
        ("config/deep.txt", {"python"}),
    ],
)
async def test_a_save_reloads_whoever_may_have_loaded_the_file(root: Path, file: str, runners: set[str]) -> None:
    async with watching(root) as reloads:
        (root / file).write_text("x")
        assert await reloads.seen(file) == runners


async def test_package_and_made_folders_and_odd_files_reload_nothing(root: Path) -> None:
    async with watching(root) as reloads:
        for file in (
            "node_modules/p/a.js",
            ".polystep/state.json",
            "dist/a.js",
            "steps/node_modules/a.ts",
            "steps/__pycache__/a.py",
            "steps/.a.step.ts.swp",
            "steps/a.step.ts~",
            "steps/notes.md",
            "notes.txt",
        ):
            (root / file).write_text("x")
        (root / "steps" / "real.ts").write_text("x")
        await reloads.seen("steps/real.ts")
        (root / "steps" / "last.ts").write_text("x")
        await reloads.seen("steps/last.ts")
        assert reloads.asked == []


async def test_a_save_by_renaming_as_editors_do_is_seen(root: Path) -> None:
    (root / "steps" / "a.step.ts").write_text("old")
    async with watching(root) as reloads:
        (root / "steps" / ".a.step.ts.tmp").write_text("new")
        (root / "steps" / ".a.step.ts.tmp").rename(root / "steps" / "a.step.ts")
        assert await reloads.seen("steps/a.step.ts") == {"node"}


async def test_a_removed_file_is_seen(root: Path) -> None:
    (root / "steps" / "a_step.py").write_text("old")
    async with watching(root) as reloads:
        (root / "steps" / "a_step.py").unlink()
        assert await reloads.seen("steps/a_step.py") == {"python"}


async def test_a_new_folder_is_followed_and_what_lay_in_it_is_loaded(root: Path) -> None:
    async with watching(root) as reloads:
        (root / "src").mkdir()
        (root / "src" / "early.step.ts").write_text("x")
        await reloads.everything()
        (root / "src" / "late.step.ts").write_text("x")
        assert await reloads.seen("src/late.step.ts") >= {"node"}
        (root / "more").mkdir()
        await reloads.everything()
        (root / "more" / "b.py").write_text("x")
        assert await reloads.seen("more/b.py") >= {"python"}


async def test_a_removed_folder_reloads_everything_and_the_rest_is_still_followed(root: Path) -> None:
    async with watching(root) as reloads:
        (root / "lib").rmdir()
        await reloads.everything()
        (root / "steps" / "a.ts").write_text("x")
        assert await reloads.seen("steps/a.ts") >= {"node"}


async def test_a_reload_that_fails_is_told_and_is_not_the_last(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with watching(root) as reloads:
        reloads.fails = 1
        (root / "steps" / "a.ts").write_text("x")
        await reloads.seen("steps/a.ts")
        (root / "steps" / "b.ts").write_text("x")
        await reloads.seen("steps/b.ts")
    assert [record.getMessage() for record in caplog.records] == [
        "Reloading failed; the steps that were loaded go on. Save again to try again"
    ]


async def test_a_root_that_comes_back_is_followed_again(
    root: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_module, "RETRY_PAUSE_S", 0.01)
    aside = root.with_name("aside")
    root.rename(aside)
    async with watching(root) as reloads:
        aside.rename(root)
        await reloads.everything()
        (root / "steps" / "a.ts").write_text("x")
        assert await reloads.seen("steps/a.ts") >= {"node"}
    assert "trying again" in caplog.records[0].getMessage()


async def test_changes_during_a_reload_are_taken_together_by_the_next(root: Path) -> None:
    async with watching(root) as reloads:
        held, let = asyncio.Event(), asyncio.Event()
        real = reloads.reload

        async def slow(runners: frozenset[str], files: frozenset[str]) -> None:
            held.set()
            await let.wait()
            await real(runners, files)

        watcher = Watcher(root, slow, [*kinds_of(RUNNERS, root)])
        await watcher.start()
        for _ in range(5):
            await asyncio.sleep(0)
        (root / "steps" / "a.ts").write_text("x")
        async with asyncio.timeout(BOUND_S):
            await held.wait()
        await reloads.seen("steps/a.ts")
        for name in ("b.ts", "c.py"):
            (root / "steps" / name).write_text("x")
            await reloads.seen(f"steps/{name}")
        let.set()
        await reloads.seen("steps/a.ts", "steps/b.ts", "steps/c.py")
        await watcher.stop()


async def test_stop_comes_twice_or_without_start(root: Path) -> None:
    watcher = Watcher(root, Reloads().reload, [])
    await watcher.stop()
    await watcher.start()
    await watcher.start()
    await watcher.stop()
    await watcher.stop()
    assert [task.get_name() for task in asyncio.all_tasks() if "watch" in task.get_name()] == []


def test_hidden_files_concern_nobody(root: Path) -> None:
    kinds = kinds_of(RUNNERS, root)
    assert [runners_concerned(Path(name), kinds) for name in (".eslintrc.json", "a.ts~", "a.css")] == [frozenset()] * 3


def test_what_the_host_generates_concerns_nobody(root: Path) -> None:
    kinds = kinds_of(RUNNERS, root)
    for name in ("types.d.ts", "polystep_types.py", "lib/types.d.ts", "lib/globals.d.ts"):
        assert runners_concerned(Path(name), kinds) == frozenset(), name
    # Below the root it is a file like any other.
    assert runners_concerned(Path("lib/polystep_types.py"), kinds) == {"python"}


async def test_a_saved_settings_file_is_told_of_and_reloads_nothing(root: Path) -> None:
    told: asyncio.Queue[frozenset[str]] = asyncio.Queue()
    reloads = Reloads()
    watcher = Watcher(root, reloads.reload, [*kinds_of(RUNNERS, root)], told.put_nowait)
    await watcher.start()
    try:
        async with asyncio.timeout(BOUND_S):
            # The first reload is of everything, as soon as the folders are watched.
            (root / "polystep.toml").write_text("")
            while "polystep.toml" not in await told.get():
                (root / "polystep.toml").write_text("")
        assert [runners for runners, files in reloads.asked if files == {"polystep.toml"}] in ([], [ALL_RUNNERS])
    finally:
        async with asyncio.timeout(BOUND_S):
            await watcher.stop()
