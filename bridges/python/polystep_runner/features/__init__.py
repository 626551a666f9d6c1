"""Features that not every runner has (PS-5.5), such as checks by the step's own types and streamed responses."""

from typing import Final

FEATURES: Final = [
    "access", "contracts", "durable", "emit.options", "heartbeat", "integers", "middleware", "pages", "response.stream",
    "update",
]  # fmt: skip
"""Their names (PS-5.5)."""
