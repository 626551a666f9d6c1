"""Language runners: environments, processes, handshake, pools, supervision, drain and stop."""

from polystep.runners.environment import child_environment
from polystep.runners.kinds import Launch, RunnerKind
from polystep.runners.node import node_kind
from polystep.runners.pool import RunnerPool, Staged
from polystep.runners.process import RunnerCalls, RunnerProcess
from polystep.runners.python import python_kind

__all__ = [
    "Launch",
    "RunnerCalls",
    "RunnerKind",
    "RunnerPool",
    "RunnerProcess",
    "Staged",
    "child_environment",
    "node_kind",
    "python_kind",
]
