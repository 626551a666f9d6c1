"""Host of one project: starts its rooms in order and stops them in reverse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from polystep.app.assembly import Ground, Rooms, Start, assemble, lay_ground
from polystep.app.folder import ProjectFolder
from polystep.app.options import HostOptions
from polystep.contracts.errors import PolystepError
from polystep.contracts.limits import STOP_GRACE_S
from polystep.contracts.ports.reporter import Reporter
from polystep.execution import interrupt_lost_runs
from polystep.project import (
    Edits,
    Environment,
    LiveProject,
    Settings,
    SettingSources,
    Watcher,
    refuse_broken,
    unguarded_streams,
)
from polystep.runners import RunnerPool
from polystep.trace import Preview, SecretNames

if TYPE_CHECKING:
    from polystep.http import HttpServer

_log = logging.getLogger("polystep.host")


class Host:
    """Host that runs one project."""

    def __init__(self, options: HostOptions, settings: Settings, reporter: Reporter, shell: Mapping[str, str]) -> None:
        preview = Preview({}, names=SecretNames(settings.trace.redact, settings.trace.reveal))
        environment = Environment(options.project, shell, reporter, preview.learn)
        folder = ProjectFolder(options.project)
        self._start = Start(options, settings, folder, environment, reporter, preview)
        self._warn = reporter.warning
        self._stops: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        self._pools: Mapping[str, RunnerPool] = {}
        self.url = ""
        self.admin_url = ""

    async def start(self) -> None:
        """Start everything; returns when every step that can load is ready.

        Raises:
            PolystepError: The port, the folder or the database cannot be used.
            AddressUnavailable: The port is taken.
        """
        self._start.options.check()
        self._start.folder.take()
        self._on_stop("folder", _later(self._start.folder.release))
        await asyncio.to_thread(self._start.folder.clear_uploads)
        await self._start_stand_in()
        ground = lay_ground(self._start)
        rooms = assemble(ground)
        self._pools = rooms.pools
        await ground.stores.start()
        self._on_stop("stores", ground.stores.stop)
        await ground.recorder.start()
        self._on_stop("trace recorder", ground.recorder.stop)
        rooms.bus.pause(await ground.stores.inspection.queue.paused())
        rooms.timetable.pause(await ground.stores.inspection.queue.paused_cron())
        for pool in rooms.pools.values():
            self._on_stop(f"{pool.kind.name} runners", pool.stop)
        await rooms.loader.start_ahead()
        # In a thread, so that the runners are started meanwhile.
        make_server = await asyncio.to_thread(_import_serving)
        server = make_server(ground, rooms)
        await interrupt_lost_runs(ground.stores)
        self._take_port(server)
        await self._start_work(rooms, server)

    async def stop(self) -> None:
        """Take no new work, give running work its grace period, release the rest for the next start."""
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
        if not self._start.environment.wants_stand_in(allowed=self._start.options.dev and self._start.options.stand_in):
            return
        from polystep.standin import StandInServer

        server = StandInServer(on_first_call=self._warn_of_stand_in)
        await server.start()
        self._on_stop("stand-in model", server.stop)
        self._start.environment.stand_in_url = server.base_url

    def _warn_of_stand_in(self) -> None:
        self._warn(
            "OPENAI_API_KEY is not set, so a stand-in answers the steps' model calls: its replies are canned, not a "
            "model's. Set the key in .env for real ones, or start with --no-stand-in."
        )

    def _take_port(self, server: HttpServer) -> None:
        options = self._start.options
        port = server.bind()
        if server.port_taken_by is not None:
            self._warn(f"Port {options.port} is in use by {server.port_taken_by}: {port} is taken instead.")
        self._on_stop("port", lambda: server.stop(0))
        self.url, self.admin_url = options.url(port), server.admin_url()
        self._start.folder.announce(options.local_url(port))

    async def _start_work(self, rooms: Rooms, server: HttpServer) -> None:
        options, bus = self._start.options, rooms.bus
        if options.dev:
            await rooms.types.start()
            self._on_stop("types", rooms.types.stop)
        if options.strict:
            await self._load(rooms.project)
            refuse_broken(rooms.project.flow)
        # Routes, events and ticks of a language begin when it is loaded; one that hangs keeps no other waiting.
        await server.start()
        await rooms.durable.start()
        self._on_stop("durable waits", rooms.durable.stop)
        await bus.start()
        # Requests and deliveries share one grace period: both end while the runners still work.
        self._on_stop("work", lambda: _together(server.stop(STOP_GRACE_S), bus.stop(STOP_GRACE_S)))
        self._on_stop("waiting handlers", _later(rooms.durable.begin_stop))
        await rooms.timetable.start()
        self._on_stop("schedule", rooms.timetable.stop)
        if options.dev:
            await self._watch(rooms.project)
        if not options.strict:
            await self._load(rooms.project)

    async def _load(self, project: LiveProject) -> None:
        self._on_stop("project", project.stop)
        await project.load()
        options, public = self._start.options, self._start.settings.streams.public
        if options.is_public and not public and (names := unguarded_streams(project.flow)):
            self._warn(
                f"{options.host} can be reached from other machines, and these streams have no rule: "
                f"{', '.join(names)}. Only clients with the admin token may join them. Add authenticate or "
                "canAccess (docs/streams.md), or set `[streams] public = true` in polystep.toml."
            )

    async def _watch(self, project: LiveProject) -> None:
        start, kinds = self._start, [pool.kind for pool in self._pools.values()]
        sources = SettingSources(start.options.project, start.environment.shell, start.options.set_flags)
        edits = Edits(sources, start.settings, start.environment, start.reporter)
        watcher = Watcher(start.options.project, project.begin_reload, kinds, edits.show)
        await watcher.start()
        self._on_stop("watcher", watcher.stop)

    def _on_stop(self, name: str, stop: Callable[[], Awaitable[None]]) -> None:
        self._stops.append((name, stop))


def _import_serving() -> Callable[[Ground, Rooms], HttpServer]:
    # Here, since its import takes as long as a runner takes to start.
    from polystep.app.serving import make_server

    return make_server


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
