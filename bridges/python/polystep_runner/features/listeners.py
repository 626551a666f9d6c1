"""Listeners to the log lines of a run, as Motia's logger has them."""

from collections.abc import Callable

Listener = Callable[[str, str, object], None]
"""Takes level, message and the first argument after it, or `None`."""


class Listeners:
    """Listeners of a logger."""

    _listeners: tuple[Listener, ...] = ()

    def add_listener(self, listener: Listener) -> None:
        """Call `listener(level, message, args)` for each later line of this run; what it raises is not caught."""
        self._listeners = (*self._listeners, listener)

    addListener = add_listener

    def announce(self, level: str, message: object, args: tuple[object, ...]) -> None:
        """Call every listener with a line."""
        for listener in self._listeners:
            listener(level, str(message), args[0] if args else None)
