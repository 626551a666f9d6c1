"""Live project: each language is loaded, changed files are loaded again, and all rooms switch at one moment."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from polystep.codegen import with_kept
from polystep.contracts.errors import LoadFailed
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.http import ParameterReader, Validator
from polystep.contracts.ports.reporter import Reporter
from polystep.contracts.steps import Finding, Flow, LoadFailure, SourcePattern, StepSpec
from polystep.discovery import Loaded, Validators
from polystep.project.declared import Declared
from polystep.project.flow_rooms import FlowRooms
from polystep.project.load import LOADING, Loader
from polystep.project.reloads import Reloads
from polystep.project.report import Report
from polystep.project.subscriptions import Subscriptions
from polystep.runners import RunnerProcess, Staged

SWITCHES_KEPT: Final = 200
"""Reloads whose times are known."""

_log = logging.getLogger("polystep.project")


class LiveProject:
    """Project that is served: the port `ProjectView`.

    Each language is loaded and switched by itself. The last declarations of files that do not load stay in use: their
    events and cron ticks wait, their streams go on, their routes answer that they are broken. When a runner does not
    start, the generation before goes on with all of its steps, and the start is tried again.
    """

    def __init__(
        self,
        loader: Loader,
        subscriptions: Subscriptions,
        rooms: FlowRooms,
        reporter: Reporter,
        clock: Clock,
        loaded: Loaded,
    ) -> None:
        """Load nothing yet; `loaded` is replaced at every switch, for the rooms that read it at every call."""
        self._loader = loader
        self._subscriptions = subscriptions
        self._rooms = rooms
        self._report = Report(reporter)
        self._memory = Declared(loader.project)
        self._reloads = Reloads(self._load_language, clock)
        self._results: dict[str, Staged] = {}
        self._pending: dict[str, list[LoadFailure]] = {}
        """Files of languages that have not been loaded yet."""
        self._down: dict[str, str] = {}
        """Runners that did not start at the last try, and why."""
        self._found: dict[str, int] = {}
        """Number of files by language."""
        self._switching, self._saving = asyncio.Lock(), asyncio.Lock()
        self._declared = Flow()
        self._loaded = loaded
        loaded.flow = Flow(access_closed=LOADING)
        self._revision = 0
        self._clock = clock
        self.switched_ms: deque[int] = deque(maxlen=SWITCHES_KEPT)
        """Times of the last reloads, Unix milliseconds."""
        self._ready = False

    @property
    def flow(self) -> Flow:
        """The files that load."""
        return self._loaded.flow

    @property
    def declared(self) -> Flow:
        """The files that load, and the last declarations of files that do not."""
        return self._declared

    @property
    def missing(self) -> Mapping[str, str]:
        """List runners that have never started and have unknown files, by name, with the reason."""
        known = {step.source.path for step in self._declared.steps.values()}
        return {
            name: why
            for name, why in self._down.items()
            if self._results[name].generation is None
            and any(failure.source.path not in known for failure in self._results[name].failures)
        }

    @property
    def without_runner(self) -> Mapping[str, str]:
        """List runners that have files and no process for them at this moment, by name, with the reason."""
        ended = "its process has ended, and a new one is being started"
        found = {name: self._down.get(name, ended) for name, pool in self._loader.pools.items() if pool.is_missing}
        return {**{name: why for name, why in self._down.items() if self._results[name].generation is None}, **found}

    @property
    def limited_processes(self) -> list[RunnerProcess]:
        """List the processes of runners whose memory has a limit."""
        return [process for pool in self._loader.pools.values() for process in pool.limited]

    @property
    def revision(self) -> int:
        """Counter that grows with every reload."""
        return self._revision

    @property
    def ready(self) -> bool:
        """Report whether every language has been loaded once, or has failed to."""
        return self._ready

    def body_validator(self, step: StepSpec) -> Validator | None:
        """Return the compiled `bodySchema`."""
        return self._loaded.validators.body(step.name)

    def parameter_readers(self, step: StepSpec) -> Mapping[str, ParameterReader]:
        """Return the compiled `queryParams` and `pathParams`."""
        return self._loaded.validators.parameters(step.name)

    def unloaded(self, step: StepSpec) -> str | None:
        """Return the reason why a declared step does not run; `None` when it does."""
        if step.name in self._loaded.flow.steps:
            return None
        return next((each.message for each in self._absent() if each.source.path == step.source.path), LOADING)

    async def load(self) -> None:
        """Load everything for the first time; returns when each language is loaded or has failed to."""
        await self._subscriptions.read()
        self._declared = await asyncio.to_thread(self._memory.before)
        sources, _ = await self._loader.find()
        for source in sources:
            self._pending.setdefault(source.runner, []).append(LoadFailure(source, LOADING))
        self._switch(Flow(access_closed=LOADING), Validators({}, {}, {}), frozenset())
        await self._reloads.start(self._loader.pools)
        await self._reloads.ask(self._loader.pools, frozenset())
        self._ready = True
        for pool in self._loader.pools.values():
            pool.begin_standby()
        await self._bury_orphans()

    async def stop(self) -> None:
        """Load nothing more; loaded steps go on."""
        await self._reloads.stop()

    async def reload(self, runners: Iterable[str], changed: frozenset[str]) -> None:
        """Load the files of these runners again, and wait for it; `changed` are the paths that are shown as updates."""
        await self._ask(runners, changed)

    async def begin_reload(self, runners: Iterable[str], changed: frozenset[str]) -> None:
        """Begin to load them again: one that hangs must not keep the others from their next reload."""
        self._ask(runners, changed).add_done_callback(_retrieve)

    def _ask(self, runners: Iterable[str], changed: frozenset[str]) -> asyncio.Future[list[list[None]]]:
        """Ask for each language by itself. Each shows its own files, the first one those of no language too."""
        names = [name for name in runners if name in self._loader.pools]
        own = {
            name: frozenset(path for path in changed if _is_source(path, self._loader.pools[name].kind.patterns))
            for name in self._loader.pools
        }
        nobodys = changed.difference(*own.values())
        shares = [(name, own[name] if number else own[name] | nobodys) for number, name in enumerate(names)]
        return asyncio.gather(*(self._reloads.ask([name], files) for name, files in shares))

    async def _load_language(self, name: str, changed: frozenset[str]) -> bool:
        """Load the files of one language; returns whether its runner started."""
        sources, misnamed = await self._loader.find()
        staged = await self._loader.stage(name, sources)
        async with self._switching:
            loaded = staged if staged.started else _instead(name, staged, self._results.get(name))
            results = {**self._results, name: loaded}
            pending = {other: files for other, files in self._pending.items() if other != name}
            flow, validators = await self._loader.assemble(
                list(results.values()),
                misnamed,
                pending=[failure for failures in pending.values() for failure in failures],
                # Until all is loaded, the order of two steps with one name says nothing about who had it before.
                before=self._loaded.flow if self._ready else None,
            )
            # No await from here to the end of the switch: a run goes by the old flow in the old generation or by the
            # new one in the new, never across.
            self._loader.pools[name].switch(staged)
            self._results, self._pending = results, pending
            self._found[name] = sum(source.runner == name for source in sources)
            self._down.pop(name, None)
            if not staged.started:
                self._down[name] = staged.failures[0].message
            self._switch(flow, validators, changed)
        await self._save()
        if not any(self._found.values()) and len(self._found) == len(self._loader.pools):
            self._report.nothing_found(self._loader.project, self._loader.patterns)
        return staged.started

    def _switch(self, flow: Flow, validators: Validators, changed: frozenset[str]) -> None:
        """Give every room the flow that is loaded now."""
        shown, self._loaded.flow, self._loaded.validators = self._loaded.flow, flow, validators
        self._revision += 1
        if self._ready:
            self.switched_ms.append(self._clock.now_ms())
        absent = self._absent()
        kept = with_kept(dataclasses.replace(flow, failures=absent), self._declared)
        self._declared = dataclasses.replace(kept, failures=flow.failures)
        self._keep_streams()
        self._rooms.switch(
            flow,
            kept,
            self._loader.cron_triggers(self._declared),
            self._subscriptions.of_files(_files_of(absent)),
            is_complete=all(failure.source.kind != "step" for failure in absent),
        )
        self._report.switched(shown, flow, changed, is_complete=not absent)
        if not self._pending:
            self._rooms.types(flow)

    def _absent(self) -> tuple[LoadFailure, ...]:
        """List the files that are not running: they fail, or are still to be loaded."""
        return (*self._loaded.flow.failures, *(failure for failures in self._pending.values() for failure in failures))

    def _keep_streams(self) -> None:
        """Check items of streams whose file is broken as before."""
        for name, stream in self._declared.streams.items():
            if name not in self._loaded.flow.streams and stream.schema is not None:
                try:
                    self._loaded.validators.add_stream(name, stream.schema)
                except LoadFailed as error:
                    _log.warning("Items of %s are not checked until its file loads: %s", name, error.message)

    async def _save(self) -> None:
        """Store the declarations for the next start, whose files may not load then."""
        async with self._saving:
            await self._subscriptions.save(self._loaded.flow, _files_of(self._absent()))
            if not self._pending:
                await asyncio.to_thread(self._memory.remember, self._loaded.flow)

    async def _bury_orphans(self) -> None:
        for step, count in await self._subscriptions.bury_orphans(self._loaded.flow, _files_of(self._absent())):
            self._report.buried(step, count)


def _files_of(failures: Iterable[LoadFailure]) -> frozenset[str]:
    return frozenset(failure.source.path for failure in failures)


def _instead(name: str, staged: Staged, before: Staged | None) -> Staged:
    """Keep the files of the generation that runs, since the runner does not start; without one load nothing."""
    if before is None or before.generation is None:
        return staged
    known = {file.source for file in before.loaded} | {failure.source for failure in before.failures}
    fresh = [failure for failure in staged.failures if failure.source not in known]
    message = f"{staged.failures[0].message}\nThe {name} steps go on as they were; the start is tried again."
    problem = Finding("load", "error", "", message)
    return Staged(before.loaded, [*before.failures, *fresh], before.generation, problem)


def _is_source(path: str, patterns: Iterable[SourcePattern]) -> bool:
    return any(path.endswith(each.suffix) and (not each.in_root or path == each.suffix) for each in patterns)


def _retrieve(done: asyncio.Future[list[list[None]]]) -> None:
    """Take the error of a reload: it was logged where it happened."""
    if not done.cancelled():
        done.exception()
