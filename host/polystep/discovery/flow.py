"""All loaded files together: one `Flow`, and what the contracts between steps get wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import Flow, LoadedFile, LoadFailure, StepSpec, StreamSpec
from polystep.discovery.access import read_access
from polystep.discovery.configs import read_step, read_stream
from polystep.discovery.findings import find_problems

_Spec = TypeVar("_Spec", StepSpec, StreamSpec)


def build_flow(loaded: Iterable[LoadedFile], failures: Iterable[LoadFailure], before: Flow | None = None) -> Flow:
    """Read every config. One that is not usable, or that takes a name already taken, becomes a failure of its file.

    Of two files with one name the one that had it in the flow `before` keeps it, else the first by path: a copy that is
    being edited never takes the place of the step that runs.
    """
    known = before or Flow()
    holders = {step.source.path for step in known.steps.values()}
    holders |= {stream.source.path for stream in known.streams.values()}
    steps: dict[str, StepSpec] = {}
    streams: dict[str, StreamSpec] = {}
    failed, files = list(failures), list(loaded)
    access = read_access([file for file in files if file.source.kind == "access"], failed)
    failed += access.failures
    steps_and_streams = [file for file in files if file.source.kind != "access"]
    for file in sorted(steps_and_streams, key=lambda each: (each.source.path not in holders, each.source.path)):
        try:
            if file.source.kind == "stream":
                _take(streams, read_stream(file), "stream")
            else:
                _take(steps, read_step(file), "step")
        except LoadFailed as error:
            failed.append(LoadFailure(file.source, error.message))
    failed.sort(key=lambda failure: failure.source.path)
    by_path = dict(sorted(steps.items(), key=lambda pair: pair[1].source.path))
    found = (*access.findings, *find_problems(by_path, streams, failed))
    return Flow(by_path, streams, tuple(failed), found, access.spec, access.closed)


def _take(named: dict[str, _Spec], spec: _Spec, what: str) -> None:
    other = named.get(spec.name)
    if other is not None:
        raise LoadFailed(
            f'The {what} name "{spec.name}" is already used by {other.source.path}. Names are how queues, logs and '
            "traces tell steps apart: give this one another."
        )
    named[spec.name] = spec
