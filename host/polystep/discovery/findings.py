"""Findings about steps together: topics with one end, schemas that exclude each other, routes that collide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Final

from polystep.contracts.paths import path_shape
from polystep.contracts.steps import EventTrigger, Finding, HttpTrigger, LoadFailure, StepSpec, StreamSpec
from polystep.discovery.agreement import Asked, Disagreement

_ADMIN: Final = "/__polystep"


def find_problems(
    steps: Mapping[str, StepSpec], streams: Mapping[str, StreamSpec], failures: Iterable[LoadFailure]
) -> tuple[Finding, ...]:
    """Check all loaded files, and list findings by file.

    Args:
        steps: Steps by name, in the order of their files.
        streams: Streams by name.
        failures: Failures by file. A step file that fails may be the other end of any topic, so no topic is reported
            as missing one.
    """
    found = [*_of_configs((*steps.values(), *streams.values())), *_of_routes(steps), *_of_schemas(steps)]
    if all(failure.source.kind != "step" for failure in failures):
        found += _of_topics(steps)
    return tuple(sorted(found, key=lambda finding: finding.file))


def _of_configs(specs: Iterable[StepSpec | StreamSpec]) -> Iterator[Finding]:
    for spec in specs:
        for warning in spec.warnings:
            yield Finding("config", "warning", spec.source.path, warning)


def _of_topics(steps: Mapping[str, StepSpec]) -> Iterator[Finding]:
    # A drawn emit declares that the other end is outside: a person who approves, another system that listens.
    subscribed = {topic for step in steps.values() for topic in _taken(step)}
    emitted = {emit.topic for step in steps.values() for emit in (*step.emits, *step.virtual_emits)}
    for step in steps.values():
        for topic in dict.fromkeys(emit.topic for emit in step.emits):
            if topic not in subscribed:
                yield _about(step, f"{step.name} emits {topic}, but no step subscribes to it.")
        for topic in dict.fromkeys(step.topics):
            if topic not in emitted:
                yield _about(step, f"{step.name} subscribes to {topic}, but no step declares that it emits it.")
        for wait in step.waits_for:
            if wait.topic not in emitted:
                yield _about(step, f"{step.name} waits for {wait.topic}, but no step declares that it emits it.")
        for cancel in step.queue.cancel_on:
            if cancel.topic not in emitted:
                text = f"{cancel.topic} cancels runs of {step.name}, but no step declares that it emits it."
                yield _about(step, text)


def _taken(step: StepSpec) -> tuple[str, ...]:
    waits, cancels = (wait.topic for wait in step.waits_for), (cancel.topic for cancel in step.queue.cancel_on)
    return (*step.topics, *step.virtual_subscribes, *waits, *cancels)


def _of_routes(steps: Mapping[str, StepSpec]) -> Iterator[Finding]:
    routes: dict[tuple[str, str], StepSpec] = {}
    for step in steps.values():
        if isinstance(step.trigger, HttpTrigger):
            method, path = step.trigger.method, step.trigger.path
            if path.lower().rstrip("/") == _ADMIN or path.lower().startswith(f"{_ADMIN}/"):
                message = f"{path} is not reached: {_ADMIN}/ belongs to the admin pages. Give {step.name} another path."
                yield Finding("route", "error", step.source.path, message)
            # Names of parameters and a trailing slash do not change the match. Case may (`[http]
            # case_sensitive_paths`), and of two routes that differ by it the one in the request's case is served.
            first = routes.setdefault((method, path_shape(path)), step)
            if first is not step:
                message = (
                    f"{method} {path} is already served by {first.name} ({first.source.path}); {step.name} is not "
                    "reached."
                )
                yield Finding("route", "error", step.source.path, message)


def _of_schemas(steps: Mapping[str, StepSpec]) -> Iterator[Finding]:
    asked: dict[str, Asked] = {}
    by_topic: dict[str, list[StepSpec]] = {}
    for step in steps.values():
        if isinstance(step.trigger, EventTrigger) and step.trigger.input_schema is not None:
            asked[step.name] = Asked(step.trigger.input_schema)
            if asked[step.name].is_empty:
                message = "No value fits config.input, so every event of its topics becomes a dead letter."
                yield Finding("schema", "error", step.source.path, message)
                continue
            for topic in dict.fromkeys(step.topics):
                by_topic.setdefault(topic, []).append(step)
    reported: set[tuple[str, str]] = set()
    for topic, subscribers in by_topic.items():
        for first, second in combinations(subscribers, 2):
            pair = (first.name, second.name)
            if pair not in reported and (where := asked[first.name].disagreement(asked[second.name])) is not None:
                reported.add(pair)
                yield Finding("schema", "error", second.source.path, _incompatible(topic, first, second, where))


def _incompatible(topic: str, first: StepSpec, second: StepSpec, where: Disagreement) -> str:
    path = ".".join(("data", *where.path))
    return (
        f"{second.name} and {first.name} ({first.source.path}) subscribe to {topic}, but no event fits both: "
        f"{path} is {where.other} for {second.name} and {where.one} for {first.name}. Every event becomes a dead "
        "letter of one of them: make their input schemas agree, or use two topics."
    )


def _about(step: StepSpec, message: str) -> Finding:
    return Finding("topic", "warning", step.source.path, message)
