"""The host of one project: builds the rooms, joins them, starts them in order and stops them in reverse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from polystep.app.access import AccessRules
from polystep.app.admin import ProjectAdmin
from polystep.app.calls import Calls
from polystep.app.console import Console
from polystep.app.declarations import DeclarationWriter
from polystep.app.documents import ProjectDocuments
from polystep.app.edits import Edits
from polystep.app.execution import Execution
from polystep.app.folder import ProjectFolder
from polystep.app.kinds import kinds_of
from polystep.app.nowhere import Nowhere
from polystep.app.project import LiveProject
from polystep.app.runs import OpenRuns
from polystep.app.settings import Settings
from polystep.app.standin import local_model_variables, stand_in_variables, stand_in_wanted
from polystep.app.variables import Variables, read_variables
from polystep.app.watcher import Watcher
from polystep.bus import Bus, QueueBound
from polystep.contracts.clock import SystemClock
from polystep.contracts.errors import LoadFailed, PolystepError
from polystep.contracts.ids import Ids
from polystep.contracts.limits import STOP_GRACE_S, TOKEN_CHARS_MIN
from polystep.contracts.steps import Finding
from polystep.http import HttpServer, HttpSettings, StandInServer, is_loopback
from polystep.runners import Failures, RunnerCalls, RunnerPool, child_environment
from polystep.schedule import Timetable
from polystep.state import State
from polystep.stores import (
    SqliteQueueStore,
    SqliteStateStore,
    SqliteStreamStore,
    SqliteTraceStore,
    open_durable,
    open_traces,
)
from polystep.streams import Streams
from polystep.trace import Preview, SecretNames, TraceRecorder
from polystep.wire import pack

OWNER: Final = "local"
"""The lease owner of a project folder: the lock lets one host in, so what it finds running was cut short."""

_log = logging.getLogger("polystep.host")


@dataclass(frozen=True, slots=True)
class HostOptions:
    """What the command line decides."""

    project: Path
    host: str = "127.0.0.1"
    port: int = 3000
    dev: bool = True
    """Watch files, allow pages on localhost, serve the stand-in model."""
    stand_in: bool = True
    strict: bool = False
    """Refuse to start while a file does not load or something else is wrong for certain."""
    token: str | None = None
    """The admin token; a fresh one per start by default. Must be given when the address is not loopback."""


class Host:
    """Runs one project."""

    def __init__(self, options: HostOptions, settings: Settings, console: Console, shell: Mapping[str, str]) -> None:
        self._options = options
        self._settings = settings
        self._console = console
        self._shell = shell
        self._folder = ProjectFolder(options.project)
        self._stand_in: StandInServer | None = None
        trace = settings.trace
        self._preview = Preview({}, names=SecretNames(trace.redact, trace.reveal))
        self._told_of_variables: tuple[Finding, ...] = ()
        self._stops: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        self._pools: dict[str, RunnerPool] = {}
        self.url = ""
        self.admin_url = ""

    async def start(self) -> None:
        """Start everything; returns when every step that can load is ready.

        Raises:
            PolystepError: Something that nothing works without: the port, the folder, the database.
            AddressUnavailable: The port is taken.
        """
        options = self._options
        if not is_loopback(options.host) and not options.token:
            raise LoadFailed(
                f"{options.host} can be reached from other machines. Set POLYSTEP_TOKEN to a secret of your choice: "
                "the admin pages and API ask for it there. Or leave --host away to serve this machine only."
            )
        if options.token and len(options.token) < TOKEN_CHARS_MIN:
            raise LoadFailed(
                f"POLYSTEP_TOKEN has {len(options.token)} characters, which can be guessed; it needs {TOKEN_CHARS_MIN} "
                'or more. Make one with: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
            )
        self._folder.take()
        self._on_stop("folder", _later(self._folder.release))
        await asyncio.to_thread(self._folder.clear_uploads)
        await self._start_stand_in()
        await self._start_rooms()

    async def stop(self) -> None:
        """Take no new work, give what runs its grace period, release the rest for the next start."""
        while self._stops:
            name, stop = self._stops.pop()
            try:
                await stop()
            except Exception:  # noqa: BLE001 - one part that does not stop must not keep the others from saving
                _log.exception("Stopping %s failed", name)

    def stop_now(self) -> None:
        """End the runners before the host's own process ends without `stop`."""
        # One that is busy in user code would not notice that its channel closed.
        for pool in self._pools.values():
            pool.kill_now()

    async def _start_stand_in(self) -> None:
        if not stand_in_wanted(self._environment(), allowed=self._options.dev and self._options.stand_in):
            return
        server = StandInServer(on_first_call=self._tell_of_stand_in)
        await server.start()
        self._on_stop("stand-in model", server.stop)
        self._stand_in = server

    def _tell_of_stand_in(self) -> None:
        self._console.warning(
            "OPENAI_API_KEY is not set, so a stand-in answers the steps' model calls: its replies are canned, not a "
            "model's. Set the key in .env for real ones, or start with --no-stand-in."
        )

    async def _start_rooms(self) -> None:
        options, settings, clock = self._options, self._settings, SystemClock()
        durable = open_durable(self._folder.database, settings.storage.durability)
        traces_file = open_traces(self._folder.traces)
        queue, traces = SqliteQueueStore(durable, clock), SqliteTraceStore(traces_file)
        recorder, runs = TraceRecorder(traces, clock, self._preview, settings.trace.bytes_max), OpenRuns()
        state, streams = State(SqliteStateStore(durable)), Streams(SqliteStreamStore(durable), clock)
        pools, ids = self._pools, Ids()
        nowhere = Nowhere(self._console, lambda: project.flow, dev=options.dev)
        failures = Failures(options.project)
        execution = Execution(
            runs, pools.__getitem__, lambda: project.validators, recorder, self._console, clock, ids,
            settings.contracts.responses, nowhere, failures.of_handler,
            lambda: durable.trouble,
        )  # fmt: skip
        bound = QueueBound(settings.queues.events_max, settings.queues.bytes_max)
        bus = Bus(queue, clock, execution, execution, ids, owner=OWNER, bound=bound)
        timetable = Timetable(
            clock, self._cron_fire(bus, recorder, lambda step: step in project.flow.steps), self._cron_failed
        )
        types = DeclarationWriter(options.project, settings.runners, self._console)
        project = LiveProject(
            options.project,
            pools,
            queue,
            bus,
            streams,
            timetable,
            self._console,
            clock,
            settings.cron.timezone,
            types.update,
        )
        calls = Calls(
            runs,
            bus,
            state,
            streams,
            recorder,
            self._console,
            clock,
            lambda stream: project.validators.item(stream),
            lambda step: project.validators.input(step),
            nowhere,
            failures,
        )
        self._make_pools(pools, RunnerCalls(calls.methods, calls.notifications, calls.output, calls.blocked))
        admin = ProjectAdmin(
            project, bus, queue, state, streams, timetable, recorder, traces, runs, clock, (durable, traces_file)
        )

        for name, database in (("database", durable), ("traces", traces_file)):
            await database.start()
            self._on_stop(name, database.stop)
        await recorder.start()
        self._on_stop("trace recorder", recorder.stop)
        await self._interrupt_lost_runs(queue, traces, clock)
        documents = ProjectDocuments(options.project, project)
        access = AccessRules(project, pools, self._console.warning, clock, ids)
        server = HttpServer(self._http_settings(), project, execution, streams, admin, clock, documents, access)
        await self._start_work(server, types, project, bus, timetable)

    async def _start_work(
        self, server: HttpServer, types: DeclarationWriter, project: LiveProject, bus: Bus, timetable: Timetable
    ) -> None:
        options, pools = self._options, self._pools
        port = server.bind()
        if server.port_taken_by is not None:
            self._console.warning(f"Port {options.port} is in use by {server.port_taken_by}: {port} is taken instead.")
        self._on_stop("port", lambda: server.stop(0))
        shown = "localhost" if options.host == "127.0.0.1" else options.host
        self.url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
        self.admin_url = server.admin_url()
        self._announce(port)
        for pool in pools.values():
            self._on_stop(f"{pool.kind.name} runners", pool.stop)
        if options.dev:
            await types.start()
            self._on_stop("types", types.stop)
        if options.strict:
            await self._load(project)
            _refuse_broken(project)
        # Routes, events and ticks of a language begin when it is loaded; one that hangs keeps no other waiting.
        await server.start()
        await bus.start()
        # Requests and deliveries share one grace period: both end while the runners still work.
        self._on_stop("work", lambda: _together(server.stop(STOP_GRACE_S), bus.stop(STOP_GRACE_S)))
        await timetable.start()
        self._on_stop("schedule", timetable.stop)
        if options.dev:
            await self._watch(project)
        if not options.strict:
            await self._load(project)

    async def _load(self, project: LiveProject) -> None:
        self._on_stop("project", project.stop)
        await project.load()
        flow = project.flow
        if not is_loopback(self._options.host) and not self._settings.streams.public and flow.access is None:
            open_ones = sorted(name for name, stream in flow.streams.items() if not stream.guarded)
            if open_ones:
                self._console.warning(
                    f"{self._options.host} can be reached from other machines, and these streams have no rule: "
                    f"{', '.join(open_ones)}. Only clients with the admin token may join them. Add authenticate or "
                    "canAccess (docs/streams.md), or set `[streams] public = true` in polystep.toml."
                )

    async def _watch(self, project: LiveProject) -> None:
        edits = Edits(self._options.project, self._settings, self._variables, self._shell, self._console)
        kinds = [pool.kind for pool in self._pools.values()]
        watcher = Watcher(self._options.project, project.begin_reload, kinds, edits.tell)
        await watcher.start()
        self._on_stop("watcher", watcher.stop)

    def _make_pools(self, pools: dict[str, RunnerPool], calls: RunnerCalls) -> None:
        for kind, size in kinds_of(self._settings.runners, self._options.project).items():
            pools[kind.name] = RunnerPool(
                kind,
                self._options.project,
                calls,
                self._environment,
                self._console.info,
                size=size,
                standby=self._options.dev,
            )

    def _environment(self) -> dict[str, str]:
        """Read anew at every reload: a changed `.env` counts, its secrets are known, its key ends the stand-in."""
        dotenv = self._variables().values
        environment = child_environment(self._shell, dotenv, {})
        self._preview.learn(environment)
        if self._stand_in is None or not stand_in_wanted(environment, allowed=True):
            return {**environment, **local_model_variables(environment)}
        return child_environment(self._shell, dotenv, stand_in_variables(self._stand_in.base_url))

    def _variables(self) -> Variables:
        """Read `.env`; tell what is wrong with it when that is new."""
        variables = read_variables(self._options.project)
        if variables.findings != self._told_of_variables:
            self._told_of_variables = variables.findings
            for finding in variables.findings:
                self._console.warning(str(finding))
        return variables

    def _http_settings(self) -> HttpSettings:
        options, http = self._options, self._settings.http
        token = self._folder.new_token(options.token)
        return HttpSettings(
            host=options.host,
            port=options.port,
            token=token,
            dev=options.dev,
            allowed_hosts=http.allowed_hosts,
            allowed_origins=http.allowed_origins,
            admin_origin=http.admin_origin,
            require_token_for_reads=not is_loopback(options.host),
            streams_need_rule=not is_loopback(options.host) and not self._settings.streams.public,
            body_bytes_max=http.body_bytes_max,
            upload_bytes_max=http.upload_bytes_max,
            uploads=self._folder.uploads,
            bytes_in_flight_max=http.bytes_in_flight_max,
            case_sensitive_paths=http.case_sensitive_paths,
            docs=http.docs,
        )

    def _announce(self, port: int) -> None:
        host = self._options.host
        reachable = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
        self._folder.announce(f"http://{reachable}:{port}")

    def _cron_fire(
        self, bus: Bus, recorder: TraceRecorder, is_loaded: Callable[[str], bool]
    ) -> Callable[[str, int], Awaitable[None]]:
        async def fire(step: str, due_ms: int) -> None:
            tick = await bus.publish_tick(step, pack(None))
            if tick is not None:
                return
            if is_loaded(step):
                message = "This tick was skipped: the one before is still at work."
                self._console.warning(f"{step}: {message}")
            else:
                # The console has named the file; a step that fires every second must not fill it.
                message = "This tick was skipped: the one before waits for the step's file, which does not load."
            recorder.log("warn", message, step=step, source="host", time_ms=due_ms)

        return fire

    def _cron_failed(self, step: str, error: Exception) -> None:
        self._console.error(f"{step}: its tick could not be stored: {error}")

    async def _interrupt_lost_runs(self, queue: SqliteQueueStore, traces: SqliteTraceStore, clock: SystemClock) -> None:
        """Close in the traces what an earlier process left open and no delivery will finish."""
        left_open = await traces.open_runs()
        pending = await queue.pending_among(left_open)
        lost = [run_id for run_id in left_open if run_id not in pending]
        if lost:
            await traces.interrupt_runs(lost, clock.now_ms())

    def _on_stop(self, name: str, stop: Callable[[], Awaitable[None]]) -> None:
        self._stops.append((name, stop))


def _refuse_broken(project: LiveProject) -> None:
    """End a strict start.

    Raises:
        LoadFailed: A file does not load, or a finding is an error; the message lists them.
    """
    wrong = [failure.source.path for failure in project.flow.failures]
    wrong += [each.file or "the project" for each in project.flow.findings if each.severity == "error"]
    if wrong:
        listed = "".join(f"\n  {each}" for each in dict.fromkeys(wrong))
        raise LoadFailed(
            f"Not started, since --strict was given and these have errors, which are listed above:{listed}\n"
            "Mend them, or start without --strict to serve the rest."
        )


def _later(action: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def act() -> None:
        action()

    return act


async def _together(*works: Awaitable[None]) -> None:
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, PolystepError):
            _log.error("Stopping: %s", result.message)
        elif isinstance(result, BaseException):
            raise result
