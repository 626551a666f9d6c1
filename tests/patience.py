"""How long a test waits for what must come. It bounds a hang, and says nothing about how fast anything should be."""

from __future__ import annotations

from typing import Final

HANG_S: Final = 60.0
"""Far less than pytest gives a test: the test's own message comes first, also where every core is busy with others."""
