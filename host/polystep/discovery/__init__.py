"""From files to steps: finds them by name, reads their configs, checks the contracts between them."""

from polystep.discovery.configs import read_step, read_stream
from polystep.discovery.files import SOURCE_FOLDERS, find_sources
from polystep.discovery.flow import build_flow
from polystep.discovery.misnamed import find_misnamed
from polystep.discovery.schemas import SchemaValidator
from polystep.discovery.validators import Validators, compile_validators
from polystep.discovery.workbench_files import find_workbench_files

__all__ = [
    "SOURCE_FOLDERS",
    "SchemaValidator",
    "Validators",
    "build_flow",
    "compile_validators",
    "find_misnamed",
    "find_sources",
    "find_workbench_files",
    "read_step",
    "read_stream",
]
