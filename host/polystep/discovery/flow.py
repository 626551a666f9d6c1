"""Flow of all loaded files, with the findings about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import count

from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import Flow, LoadedFile, LoadFailure, StepSpec, StreamSpec
from polystep.discovery.access import read_access
from polystep.discovery.configs import read_step, read_stream
from polystep.discovery.findings import find_problems


def build_flow(loaded: Iterable[LoadedFile], failures: Iterable[LoadFailure], before: Flow | None = None) -> Flow:
    """Read every config. An unusable config, or a stream whose name is taken, becomes a failure of its file.

    Of two files with one name, the file that had it in the flow `before` keeps it, else the first by path: a copy that
    is being edited never replaces the step that runs.
    """
    known = before or Flow()
    holders = {step.source.path for step in known.steps.values()}
    holders |= {stream.source.path for stream in known.streams.values()}
    steps: dict[str, StepSpec] = {}
    streams: dict[str, StreamSpec] = {}
    again: list[StepSpec] = []
    """Files whose name is taken."""
    failed, files = list(failures), list(loaded)
    access = read_access([file for file in files if file.source.kind == "access"], failed)
    failed += access.failures
    steps_and_streams = [file for file in files if file.source.kind != "access"]
    for file in sorted(steps_and_streams, key=lambda each: (each.source.path not in holders, each.source.path)):
        try:
            if file.source.kind == "stream":
                _take_stream(streams, read_stream(file))
            else:
                spec = read_step(file)
                if steps.setdefault(spec.name, spec) is not spec:
                    again.append(spec)
        except LoadFailed as error:
            failed.append(LoadFailure(file.source, error.message))
    for spec in again:
        _add_renamed(steps, spec)
    failed.sort(key=lambda failure: failure.source.path)
    by_path = dict(sorted(steps.items(), key=lambda pair: pair[1].source.path))
    found = (*access.findings, *find_problems(by_path, streams, failed))
    return Flow(by_path, streams, tuple(failed), found, access.spec, access.closed)


def _take_stream(streams: dict[str, StreamSpec], spec: StreamSpec) -> None:
    other = streams.get(spec.name)
    if other is not None:
        raise LoadFailed(
            f'The stream name "{spec.name}" is already used by {other.source.path}. Steps and clients find a stream by '
            "its name: give this one another."
        )
    streams[spec.name] = spec


def _add_renamed(steps: dict[str, StepSpec], spec: StepSpec) -> None:
    """Add the second step of a name with a suffix, since queues, logs and traces identify steps by their names."""
    name = next(free for number in count(2) if (free := f"{spec.name}-{number}") not in steps)
    warning = (
        f'{spec.source.path} and {steps[spec.name].source.path} both have the name "{spec.name}". This step runs as '
        f'"{name}" (queue, logs, traces): give it a name of its own.'
    )
    steps[name] = replace(spec, name=name, warnings=(*spec.warnings, warning))
