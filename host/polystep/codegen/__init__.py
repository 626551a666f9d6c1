"""From a flow to declarations: the types that TypeScript and Python steps are checked with."""

from polystep.codegen.files import GENERATED_FILES, declarations, first_declarations, outdated, write
from polystep.codegen.kept import with_kept
from polystep.codegen.python_file import PYTHON_FILE

__all__ = ["GENERATED_FILES", "PYTHON_FILE", "declarations", "first_declarations", "outdated", "with_kept", "write"]
