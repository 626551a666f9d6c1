"""The live project: loads it, reloads what changed, and switches every room to the new flow at one moment."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from polystep.app.config_places import placed
from polystep.app.console import Console
from polystep.app.loading import find_files, problems_of, with_findings
from polystep.bus import Bus
from polystep.contracts.ports import Clock, ParameterReader, QueueStore, Schedule, Validator
from polystep.contracts.steps import CronTrigger, Finding, Flow, SourceFile, StepSpec, StreamSpec
from polystep.discovery import SOURCE_FOLDERS, Validators, build_flow, compile_validators
from polystep.runners import RunnerPool, Sources, Staged
from polystep.streams import Streams

_NO_TOPIC = ""


class LiveProject:
    """What is loaded now. Implements `ProjectView`."""

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
        self._console = console
        self._clock = clock
        self._default_timezone = default_timezone
        self._on_load = on_load
        self._results: dict[str, Staged] = {}
        self._subscriptions: list[tuple[str, str, str]] = []
        self._loading = asyncio.Lock()
        self._flow = Flow()
        self._validators = Validators({}, {}, {})
        self._generation = 0
        self._ready = False
        self._told: frozenset[Finding] = frozenset()
        """Findings that were shown. While a file is broken some are not made, and are no news when it is mended."""

    @property
    def flow(self) -> Flow:
        """What is loaded now."""
        return self._flow

    @property
    def generation(self) -> int:
        """Grows with every reload."""
        return self._generation

    @property
    def ready(self) -> bool:
        """The first load is done."""
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

    async def load(self) -> None:
        """Load everything for the first time."""
        self._subscriptions = await self._queue.subscriptions()
        await self._load(self._pools, frozenset())
        broken = self._broken_files()
        known = [*self._flow.steps, *(step for file, step, _ in self._subscriptions if file in broken)]
        gone = {"name": "step_not_found", "message": "No file of the project has this step any more."}
        for step, count in await self._queue.bury_orphans(known, {**gone}, self._clock.now_ms()):
            self._console.warning(
                f"{count} waiting events were for {step}, which no file has any more. They are in the dead letters: "
                "bring the step back and replay them."
            )
        self._ready = True

    async def reload(self, runners: Iterable[str], changed: frozenset[str]) -> None:
        """Load again what these runners run; `changed` are the paths whose change is shown as an update."""
        pools = {name: self._pools[name] for name in runners if name in self._pools}
        await self._load(pools, changed)

    async def _load(self, pools: Mapping[str, RunnerPool], changed: frozenset[str]) -> None:
        async with self._loading:
            patterns = [pattern for pool in self._pools.values() for pattern in pool.kind.patterns]
            sources, misnamed = await asyncio.to_thread(find_files, self._root, patterns)
            # Languages load side by side: each waits mostly for its own process.
            results = await asyncio.gather(*(pool.stage(_of(sources, name)) for name, pool in pools.items()))
            staged = dict(zip(pools, results, strict=True))
            self._results.update(staged)
            loaded = [file for result in self._results.values() for file in result.loaded]
            failures = [failure for result in self._results.values() for failure in result.failures]
            flow, validators = compile_validators(build_flow(loaded, failures, self._flow))
            flow = with_findings(flow, (*misnamed, *problems_of(self._results.values())))
            flow = await asyncio.to_thread(placed, flow, Sources(self._root))
            # No await from here to the end of the switch: a run goes by the old flow in the old generation or by the
            # new one in the new, never across.
            for name, result in staged.items():
                pools[name].switch(result)
            await self._switch(flow, validators, changed)
            if not sources:
                endings = ", ".join(f"*{pattern.suffix}" for pattern in patterns if pattern.kind == "step")
                self._console.warning(
                    f"No steps were found in {self._root}. Put files that are called {endings} under "
                    f"{' or '.join(f'{folder}/' for folder in SOURCE_FOLDERS)}."
                )

    async def _switch(self, flow: Flow, validators: Validators, changed: frozenset[str]) -> None:
        before, self._flow, self._validators = self._flow, flow, validators
        self._generation += 1
        is_complete = all(failure.source.kind == "stream" for failure in flow.failures)
        self._bus.replace(flow, self._kept(), is_complete=is_complete)
        self._streams.replace(dict(flow.streams))
        self._schedule.replace(self._cron_triggers())
        # A cron step has no topic, but ticks may wait for it too.
        rows = [
            (step.source.path, step.name, topic)
            for step in flow.steps.values()
            for topic in (step.topics or (_NO_TOPIC,) * (step.type == "cron"))
        ]
        broken = self._broken_files()
        rows += [row for row in self._subscriptions if row[0] in broken]
        if sorted(set(rows)) != sorted(set(self._subscriptions)):
            await self._queue.save_subscriptions(rows)
            self._subscriptions = rows
        self._report(before, changed)
        self._on_load(flow)

    def _kept(self) -> list[tuple[str, str]]:
        """Subscriptions of files that fail to load at the moment: their events wait for the file to be mended."""
        broken = self._broken_files()
        return [(step, topic) for file, step, topic in self._subscriptions if file in broken and topic != _NO_TOPIC]

    def _broken_files(self) -> set[str]:
        return {failure.source.path for failure in self._flow.failures}

    def _cron_triggers(self) -> dict[str, CronTrigger]:
        return {
            step.name: dataclasses.replace(step.trigger, timezone=step.trigger.timezone or self._default_timezone)
            for step in self._flow.steps.values()
            if isinstance(step.trigger, CronTrigger)
        }

    def _report(self, before: Flow, changed: frozenset[str]) -> None:
        """Print what came, changed, went, and what is wrong that was not shown yet."""
        old: dict[str, StepSpec | StreamSpec] = {**_by_key(before)}
        new: dict[str, StepSpec | StreamSpec] = {**_by_key(self._flow)}
        # A file whose step has another name now was changed, and is still there.
        kept = {spec.source.path for spec in old.values()} & {spec.source.path for spec in new.values()}
        for key, spec in new.items():
            if key not in old and spec.source.path not in kept:
                self._console.step("CREATED", spec)
            elif spec != old.get(key) or spec.source.path in changed:
                self._console.step("UPDATED", spec)
        for key, spec in old.items():
            if key not in new and spec.source.path not in kept:
                self._console.step("REMOVED", spec)
        told: dict[str, str] = {}
        for failure in self._flow.failures:
            if failure not in before.failures or failure.source.path in changed:
                first = told.setdefault(failure.message, failure.source.path)
                is_first = first == failure.source.path
                self._console.failure(failure.source, failure.message if is_first else f"The same as {first}.")
        for finding in self._flow.findings:
            if finding not in self._told or (finding.kind == "project" and finding.file in changed):
                self._console.finding(finding)
        found = frozenset(self._flow.findings)
        self._told = found | self._told if self._flow.failures else found


def _of(sources: Sequence[SourceFile], runner: str) -> list[SourceFile]:
    return [source for source in sources if source.runner == runner]


def _by_key(flow: Flow) -> dict[str, StepSpec | StreamSpec]:
    steps: dict[str, StepSpec | StreamSpec] = {f"step {name}": step for name, step in flow.steps.items()}
    return {**steps, **{f"stream {name}": stream for name, stream in flow.streams.items()}}
