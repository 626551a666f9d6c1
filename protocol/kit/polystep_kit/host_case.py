"""Parts of a check of a host. The checks themselves are `host_cases.py` and `host_calls.py`.

A check is a request over HTTP, which makes the host send `step.run` for `/probe/<name>`, and the operations that the
runner then plays (`probes.py`). `send` is a message as it is, `$hex` in it stands for bytes on the wire. Checks without
a request are decided by what the runner sees of the host in passing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from polystep_kit.cases import Case

Op = dict[str, Any]

RUNNER_FRAME_BYTES_MAX: Final = 300_000
"""Limit that the scripted runner announces: small, so that the host soon has something that is too large for it."""
RUNS_MAX: Final = 2
TIMEOUT_S: Final = 1
"""Of the steps below `/slow/`."""
VALUE_CHARS: Final = 160_000
"""One fits into a frame, two do not."""
REFUSES_AS: Final[Op] = {"refuses_as": "internal"}
"""The fault of answering with the wrong error."""
STRICT: Final[Op] = {"flag": "strict"}
"""The fault of closing the channel where something has to be dropped."""


@dataclass(frozen=True, slots=True)
class HostCase:
    """One numbered check of a host."""

    name: str
    clause: str
    description: str
    steps: tuple[Op, ...] | None = None
    """Script of the runner in the run of this check; None: it has no run of its own."""
    fault: Op = field(default_factory=dict)
    """Fault of a host that fails this check and no other; see `broken_host.py`."""
    request: Op = field(default_factory=dict)
    """`{path?, method?, body?, times?, status?, json?}`; by default one GET of `/probe/<name>`."""

    @property
    def case(self) -> Case:
        """As reports show it."""
        return Case(f"host.{self.name}", self.clause, "host", self.description)


def get(group: str, key: str, value: Any) -> Op:
    """`state.get`, and the value that it must give."""
    return {"call": "state.get", "with": {"group": group, "key": key}, "is": value}


def put(group: str, key: str, value: Any) -> Op:
    """`state.set`."""
    return {"call": "state.set", "with": {"group": group, "key": key, "value": value}, "any": True}


def item(method: str, stream: str = "live", id: str = "one", **more: Any) -> Op:
    """A call for an item of a stream."""
    return {"call": f"streams.{method}", "with": {"stream": stream, "group": "kit", "id": id, **more}}


def lives() -> Op:
    """A call that shows that the channel does."""
    return {**get("lives", "nothing", None), "any": True}


def refused(name: str, clause: str, description: str, value: str) -> HostCase:
    """A value that the protocol cannot carry fails its call, and nothing else."""
    call = {**put("refused", "key", {"$hex": value}), "error": "invalid_value"}
    return HostCase(name, clause, description, (call, lives()), REFUSES_AS)


def result_schema(kind: str, clause: str, call: Op, wrong: Any) -> HostCase:
    """A call whose result is only held against its schema."""
    name = f"schema.result.{kind}"
    return HostCase(
        name, clause, f"the result of {kind} fits its schema", ({**call, "any": True},), {"gives": {kind: wrong}}
    )
