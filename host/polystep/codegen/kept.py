"""Types of a file that does not load are kept, so that one half-edited step does not turn the whole project red."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TypeVar

from polystep.contracts.steps import Flow, StepSpec, StreamSpec

_Spec = TypeVar("_Spec", StepSpec, StreamSpec)


def with_kept(flow: Flow, before: Flow) -> Flow:
    """Add the steps and streams that failing files had `before`, unless another file has taken their names."""
    broken = {failure.source.path for failure in flow.failures}
    if not broken:
        return flow
    access = flow.access
    if access is None and before.access is not None and before.access.source.path in broken:
        access = before.access
    return dataclasses.replace(
        flow,
        steps=_kept(flow.steps, before.steps, broken),
        streams=_kept(flow.streams, before.streams, broken),
        access=access,
    )


def _kept(now: Mapping[str, _Spec], before: Mapping[str, _Spec], broken: set[str]) -> dict[str, _Spec]:
    return {**{name: spec for name, spec in before.items() if spec.source.path in broken}, **now}
