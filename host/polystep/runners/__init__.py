"""Language runners: environments, processes, handshake, pools, supervision, drain and stop."""

from polystep.runners.environment import child_environment
from polystep.runners.failures import Failures
from polystep.runners.foreign import foreign_kind
from polystep.runners.hello import PROTOCOL
from polystep.runners.kinds import Launch, RunnerKind, bridge_folder, explain_load_failure
from polystep.runners.node import node_kind
from polystep.runners.pool import PoolSize, RunnerPool, Staged
from polystep.runners.process import Blocked, RunnerCalls, RunnerProcess
from polystep.runners.python import python_kind
from polystep.runners.python_environment import run_uv
from polystep.runners.ruby import ruby_kind
from polystep.runners.sources import Sources
from polystep.runners.stacks import adds_nothing

__all__ = [
    "PROTOCOL",
    "Blocked",
    "Failures",
    "Launch",
    "PoolSize",
    "RunnerCalls",
    "RunnerKind",
    "RunnerPool",
    "RunnerProcess",
    "Sources",
    "Staged",
    "adds_nothing",
    "bridge_folder",
    "child_environment",
    "explain_load_failure",
    "foreign_kind",
    "node_kind",
    "python_kind",
    "ruby_kind",
    "run_uv",
]
