"""Current flow, for the rooms that need it at every call."""

from __future__ import annotations

from dataclasses import dataclass, field

from polystep.contracts.steps import Flow
from polystep.discovery.validators import Validators


@dataclass(slots=True)
class Loaded:
    """Flow of the last switch and its compiled schemas, both replaced at one moment.

    Code that works on one thing across an `await` reads the attribute once: a reload may come in between.
    """

    flow: Flow = field(default_factory=Flow)
    validators: Validators = field(default_factory=lambda: Validators({}, {}, {}))
