"""Records of the standard `logging` package, sent as log lines (PS-8.7)."""

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

_LEVELS: Final = ((logging.ERROR, "error"), (logging.WARNING, "warn"), (logging.INFO, "info"))


class Records(logging.Handler):
    """Handler of the root logger that calls `log(level, message, fields)`. Child processes log as they like."""

    def __init__(self, log: Callable[[str, str, Mapping[str, Any]], None]) -> None:
        super().__init__()
        self._log = log
        root = logging.getLogger()
        root.addHandler(self)
        root.setLevel(logging.INFO)
        os.register_at_fork(after_in_child=lambda: root.removeHandler(self))

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        try:
            level = next((level for number, level in _LEVELS if record.levelno >= number), "debug")
            error = {"error": record.exc_info[1]} if record.exc_info and record.exc_info[1] else {}
            self._log(level, record.getMessage(), {"logger": record.name, **error})
        except Exception:  # noqa: BLE001 - logging's own way: report a bad record, never raise from a log call
            self.handleError(record)
