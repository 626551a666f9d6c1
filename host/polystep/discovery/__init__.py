"""Step, stream and access files: found by name, their configs read, their topics, schemas and routes compared."""

from polystep.discovery.configs import read_step, read_stream
from polystep.discovery.features import Features, read_features
from polystep.discovery.files import SOURCE_FOLDERS, find_sources, is_searched
from polystep.discovery.flow import build_flow
from polystep.discovery.loaded import Loaded
from polystep.discovery.misnamed import find_misnamed
from polystep.discovery.schemas import SchemaValidator, compile_schema
from polystep.discovery.shadowed import pass_over_shadowed
from polystep.discovery.validators import Validators, compile_validators
from polystep.discovery.workbench_files import find_workbench_files

__all__ = [
    "SOURCE_FOLDERS",
    "Features",
    "Loaded",
    "SchemaValidator",
    "Validators",
    "build_flow",
    "compile_schema",
    "compile_validators",
    "find_misnamed",
    "find_sources",
    "find_workbench_files",
    "is_searched",
    "pass_over_shadowed",
    "read_features",
    "read_step",
    "read_stream",
]
