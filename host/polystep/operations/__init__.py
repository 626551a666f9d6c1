"""Operations on a running project: reads and changes of everything that its rooms hold."""

from polystep.operations.live import ProjectFeed
from polystep.operations.operation import Operation, Params, Result
from polystep.operations.rooms import Data, Place, Rooms, Traces, Work
from polystep.operations.table import TABLE, ProjectAdmin

__all__ = [
    "TABLE",
    "Data",
    "Operation",
    "Params",
    "Place",
    "ProjectAdmin",
    "ProjectFeed",
    "Result",
    "Rooms",
    "Traces",
    "Work",
]
