"""Generator of the types that TypeScript and Python steps are checked with."""

from polystep.codegen.files import GENERATED_FILES, first_type_files, outdated, type_files, write
from polystep.codegen.kept import with_kept
from polystep.codegen.python_file import PYTHON_FILE

__all__ = ["GENERATED_FILES", "PYTHON_FILE", "first_type_files", "outdated", "type_files", "with_kept", "write"]
