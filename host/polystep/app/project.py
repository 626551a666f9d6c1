"""The live project: loads each language, reloads what changed, and switches all rooms to the new flow at one moment."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from polystep.app.config_places import placed
from polystep.app.console import Console
from polystep.app.declared import Declared
from polystep.app.loading import LOADING, assemble, find_files, with_findings
from polystep.app.reloads import Reloads
from polystep.app.report import Report
from polystep.bus import Bus
from polystep.codegen import with_kept
from polystep.contracts.errors import LoadFailed
from polystep.contracts.ports import Clock, ParameterReader, QueueStore, Schedule, Validator
from polystep.contracts.steps import CronTrigger, Finding, Flow, LoadFailure, SourceFile, SourcePattern, StepSpec
from polystep.discovery import Validators
from polystep.runners import RunnerPool, Sources, Staged
from polystep.streams import Streams

_NO_TOPIC: Final = ""

_log = logging.getLogger("polystep.project")


class LiveProject:
    """What is loaded now. Implements `ProjectView`.

    Each language is loaded and switched by itself. What files declared last stays in use while they do not load: their
    events and cron ticks wait, their streams go on, their routes answer that they are broken. When a runner does not
    start, the generation before goes on with all of its steps, and the start is tried again.
    """

    def __init__(
        self,
        root: Path,
        pools: Mapping[str, RunnerPool],
        queue: QueueStore,
        bus: Bus,
        streams: Streams,
        schedule: Schedule,
        console: Console,
        clock: Clock,
        default_timezone: str | None,
        on_load: Callable[[Flow], None] = lambda _: None,
    ) -> None:
        self._root = root
        self._pools = pools
        self._queue = queue
        self._bus = bus
        self._streams = streams
        self._schedule = schedule
        self._clock = clock
        self._default_timezone = default_timezone
        self._on_load = on_load
        self._report = Report(console)
        self._memory = Declared(root)
        self._reloads = Reloads(self._load_language, clock)
        self._results: dict[str, Staged] = {}
        self._pending: dict[str, list[LoadFailure]] = {}
        """Files of languages that have not been loaded yet."""
        self._down: dict[str, str] = {}
        """Runners that did not start at the last try, and why."""
        self._found: dict[str, int] = {}
        """Number of files by language."""
        self._subscriptions: list[tuple[str, str, str]] = []
        self._switching, self._saving = asyncio.Lock(), asyncio.Lock()
        self._declared = Flow()
        self._flow = Flow(access_closed=LOADING)
        self._validators = Validators({}, {}, {})
        self._generation = 0
        self._ready = False

    @property
    def flow(self) -> Flow:
        """What is loaded now."""
        return self._flow

    @property
    def declared(self) -> Flow:
        """What is loaded, and what files that do not load at the moment declared last."""
        return self._declared

    @property
    def missing(self) -> Mapping[str, str]:
        """Runners that have never started, by name, with the reason, if some of their files are unknown."""
        known = {step.source.path for step in self._declared.steps.values()}
        return {
            name: why
            for name, why in self._down.items()
            if self._results[name].generation is None
            and any(failure.source.path not in known for failure in self._results[name].failures)
        }

    @property
    def without_runner(self) -> Mapping[str, str]:
        """Runners that have files and no process for them at this moment, by name, with the reason."""
        ended = "its process has ended, and a new one is being started"
        found = {name: self._down.get(name, ended) for name, pool in self._pools.items() if pool.is_missing}
        return {**{name: why for name, why in self._down.items() if self._results[name].generation is None}, **found}

    @property
    def generation(self) -> int:
        """Grows with every reload."""
        return self._generation

    @property
    def ready(self) -> bool:
        """Every language has been loaded once, or has failed to."""
        return self._ready

    @property
    def validators(self) -> Validators:
        """The compiled schemas of the flow."""
        return self._validators

    def body_validator(self, step: StepSpec) -> Validator | None:
        """The compiled `bodySchema`."""
        return self._validators.body(step.name)

    def parameter_readers(self, step: StepSpec) -> Mapping[str, ParameterReader]:
        """The compiled `queryParams` and `pathParams`."""
        return self._validators.parameters(step.name)

    def unloaded(self, step: StepSpec) -> str | None:
        """The reason why a declared step does not run; `None` when it does."""
        if step.name in self._flow.steps:
            return None
        return next((each.message for each in self._absent() if each.source.path == step.source.path), LOADING)

    async def load(self) -> None:
        """Load everything for the first time; returns when each language is loaded or has failed to."""
        self._subscriptions = await self._queue.subscriptions()
        self._declared = await asyncio.to_thread(self._memory.before)
        sources, _ = await self._files()
        for source in sources:
            self._pending.setdefault(source.runner, []).append(LoadFailure(source, LOADING))
        self._switch(Flow(access_closed=LOADING), Validators({}, {}, {}), frozenset())
        await self._reloads.start(self._pools)
        await self._reloads.ask(self._pools, frozenset())
        self._ready = True
        await self._bury_orphans()

    async def stop(self) -> None:
        """Load nothing more; what is loaded goes on."""
        await self._reloads.stop()

    async def reload(self, runners: Iterable[str], changed: frozenset[str]) -> None:
        """Load again what these runners run, and wait for it; `changed` are the paths that are shown as updates."""
        await self._ask(runners, changed)

    async def begin_reload(self, runners: Iterable[str], changed: frozenset[str]) -> None:
        """Have them loaded again, without waiting: one that hangs must not keep the others from their next reload."""
        self._ask(runners, changed).add_done_callback(_retrieve)

    def _ask(self, runners: Iterable[str], changed: frozenset[str]) -> asyncio.Future[list[list[None]]]:
        """Ask for each language by itself. Each tells of its own files, the first one of those of no language too."""
        names = [name for name in runners if name in self._pools]
        own = {
            name: frozenset(path for path in changed if _is_source(path, self._pools[name].kind.patterns))
            for name in self._pools
        }
        nobodys = changed.difference(*own.values())
        shares = [(name, own[name] if place else own[name] | nobodys) for place, name in enumerate(names)]
        return asyncio.gather(*(self._reloads.ask([name], files) for name, files in shares))

    async def _load_language(self, name: str, changed: frozenset[str]) -> bool:
        """Load the files of one language; returns whether its runner started."""
        pool = self._pools[name]
        sources, misnamed = await self._files()
        own = [source for source in sources if source.runner == name]
        staged = await pool.stage(own)
        async with self._switching:
            loaded = staged if staged.started else _instead(name, staged, self._results.get(name))
            results = {**self._results, name: loaded}
            pending = {other: files for other, files in self._pending.items() if other != name}
            flow, validators = self._assemble(results, pending)
            flow = await asyncio.to_thread(placed, with_findings(flow, misnamed), Sources(self._root))
            # No await from here to the end of the switch: a run goes by the old flow in the old generation or by the
            # new one in the new, never across.
            pool.switch(staged)
            self._results, self._pending, self._found[name] = results, pending, len(own)
            self._down.pop(name, None)
            if not staged.started:
                self._down[name] = staged.failures[0].message
            self._switch(flow, validators, changed)
        await self._save()
        if not any(self._found.values()) and len(self._found) == len(self._pools):
            self._report.nothing_found(self._root, self._patterns())
        return staged.started

    async def _files(self) -> tuple[Sequence[SourceFile], Sequence[Finding]]:
        return await asyncio.to_thread(find_files, self._root, self._patterns())

    def _patterns(self) -> list[SourcePattern]:
        return [pattern for pool in self._pools.values() for pattern in pool.kind.patterns]

    def _assemble(
        self, results: Mapping[str, Staged], pending: Mapping[str, Sequence[LoadFailure]]
    ) -> tuple[Flow, Validators]:
        # Until all is loaded, which of two steps with one name came first says nothing about who had it before.
        before = self._flow if self._ready else None
        waiting = [failure for failures in pending.values() for failure in failures]
        return assemble(
            list(results.values()), self._default_timezone, self._clock.now_ms(), pending=waiting, before=before
        )

    def _switch(self, flow: Flow, validators: Validators, changed: frozenset[str]) -> None:
        """Give every room what is loaded now."""
        shown, self._flow, self._validators = self._flow, flow, validators
        self._generation += 1
        absent = self._absent()
        kept = with_kept(dataclasses.replace(flow, failures=absent), self._declared)
        self._declared = dataclasses.replace(kept, failures=flow.failures)
        self._keep_streams()
        broken = {failure.source.path for failure in absent}
        known = [(step, topic) for file, step, topic in self._subscriptions if file in broken and topic != _NO_TOPIC]
        is_complete = all(failure.source.kind != "step" for failure in absent)
        self._bus.replace(flow, known, is_complete=is_complete)
        self._streams.replace(dict(kept.streams))
        self._schedule.replace(self._cron_triggers())
        self._report.switched(shown, flow, changed, is_complete=not absent)
        if not self._pending:
            self._on_load(flow)

    def _absent(self) -> tuple[LoadFailure, ...]:
        """Files that are not running: they fail, or are still to be loaded."""
        return (*self._flow.failures, *(failure for failures in self._pending.values() for failure in failures))

    def _keep_streams(self) -> None:
        """Check items of streams whose file is broken as before."""
        for name, stream in self._declared.streams.items():
            if name not in self._flow.streams and stream.schema is not None:
                try:
                    self._validators.add_stream(name, stream.schema)
                except LoadFailed as error:
                    _log.warning("Items of %s are not checked until its file loads: %s", name, error.message)

    def _cron_triggers(self) -> dict[str, CronTrigger]:
        return {
            step.name: dataclasses.replace(step.trigger, timezone=step.trigger.timezone or self._default_timezone)
            for step in self._declared.steps.values()
            if isinstance(step.trigger, CronTrigger)
        }

    async def _save(self) -> None:
        """Store what the next start has to know of files that do not load then."""
        async with self._saving:
            # A cron step has no topic, but ticks may wait for it too.
            rows = [
                (step.source.path, step.name, topic)
                for step in self._flow.steps.values()
                for topic in (step.topics or (_NO_TOPIC,) * (step.type == "cron"))
            ]
            broken = {failure.source.path for failure in self._absent()}
            rows += [row for row in self._subscriptions if row[0] in broken]
            if sorted(set(rows)) != sorted(set(self._subscriptions)):
                await self._queue.save_subscriptions(rows)
                self._subscriptions = rows
            if not self._pending:
                await asyncio.to_thread(self._memory.remember, self._flow)

    async def _bury_orphans(self) -> None:
        broken = {failure.source.path for failure in self._absent()}
        known = [*self._flow.steps, *(step for file, step, _ in self._subscriptions if file in broken)]
        gone = {"name": "step_not_found", "message": "No file of the project has this step any more."}
        for step, count in await self._queue.bury_orphans(known, {**gone}, self._clock.now_ms()):
            self._report.buried(step, count)


def _instead(name: str, staged: Staged, before: Staged | None) -> Staged:
    """Keep what was loaded while its generation runs, since the runner does not start; else load nothing."""
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
    """Take what a reload raised: it was logged where it happened."""
    if not done.cancelled():
        done.exception()
