"""Assembly of the rooms that clients speak to: the operations and the HTTP server.

Apart from the others, because aiohttp takes about as long to import as a runner takes to start: the host does both at
once.
"""

from __future__ import annotations

import os

from polystep.app.assembly import Ground, Rooms, Start
from polystep.http import HttpServer, HttpSettings, ServedProject, ServedStreams
from polystep.operations import Data, Place, ProjectAdmin, ProjectFeed, Traces, Work
from polystep.operations import Rooms as OperationRooms
from polystep.operations.dead_letters import SUBJECT as LETTERS
from polystep.operations.editor_program import EditorProgram
from polystep.project import AccessRules, ProjectDocuments


def make_work(ground: Ground, rooms: Rooms) -> Work:
    """Join what the operations see of events and cron ticks."""
    found = ground.stores.inspection
    return Work(
        rooms.bus,
        ground.stores.queue,
        rooms.timetable,
        rooms.execution.attempts,
        ground.loaded,
        found.queue,
        rooms.durable.asks,
        found.letters,
    )


def make_operations(ground: Ground, rooms: Rooms) -> ProjectAdmin:
    """Make the operations on the running project."""
    stores, clock, start = ground.stores, ground.clock, ground.start
    data = Data(rooms.state, rooms.streams, stores.inspection.data, stores.files)
    traces = Traces(ground.recorder, stores.traces, stores.inspection.traces)

    def steps_of(flow: str) -> list[str]:
        return [name for name, step in rooms.project.declared.steps.items() if flow in step.flows]

    feed = ProjectFeed(ground.recorder, clock, lambda: rooms.project.revision, steps_of)
    rooms.durable.asks.changed = lambda id: feed.changed("asks", {"id": id})
    rooms.execution.attempts.on_call = lambda attempt: feed.changed(
        f"trace:{attempt.trace_id}", {"runId": attempt.run_id, "what": "call"}
    )
    editor = EditorProgram(start.settings.workbench.editor, os.environ, is_local=not start.options.is_public)
    place = Place(start.options.project, start.folder.url, clock.monotonic_s(), feed, editor)
    rooms.streams.on_subscribers = lambda stream: feed.changed(f"stream:{stream}", {"subscribers": True})
    rooms.bus.bulks.on_progress = lambda id: feed.changed(LETTERS, {"bulk": id})
    return ProjectAdmin(OperationRooms(rooms.project, make_work(ground, rooms), data, traces, clock, place))


def make_server(ground: Ground, rooms: Rooms) -> HttpServer:
    """Make the HTTP server; it writes this start's admin token."""
    start, view = ground.start, rooms.project
    access = AccessRules(ground.loaded, rooms.pools, start.reporter.warning, ground.clock, ground.ids)
    return HttpServer(
        http_settings(start),
        ground.clock,
        ServedProject(
            view,
            rooms.execution.http_runs,
            ProjectDocuments(start.options.project, view),
            rooms.durable.asks,
            rooms.bus.requests,
        ),
        ServedStreams(rooms.streams, access),
        make_operations(ground, rooms),
    )


def http_settings(start: Start) -> HttpSettings:
    """Join the options of the command line and the settings of the project."""
    options, folder, settings = start.options, start.folder, start.settings
    http, workbench = settings.http, settings.workbench.is_on(dev=options.dev)
    return HttpSettings(
        host=options.host,
        port=options.port,
        token=folder.new_token(options.token),
        dev=options.dev,
        allowed_hosts=http.allowed_hosts,
        allowed_origins=http.allowed_origins,
        admin_origin=http.admin_origin,
        require_token_for_reads=options.is_public or (workbench and not options.dev),
        workbench=workbench,
        session_s=settings.workbench.session_h * 3600,
        streams_need_rule=options.is_public and not settings.streams.public,
        body_bytes_max=http.body_bytes_max,
        upload_bytes_max=http.upload_bytes_max,
        uploads=folder.uploads,
        bytes_in_flight_max=http.bytes_in_flight_max,
        case_sensitive_paths=http.case_sensitive_paths,
        docs=http.docs,
    )
