"""Listeners to the log lines of a run, as Motia's logger has them."""

from collections.abc import Callable

Listener = Callable[[str, str, object], None]
"""Is given level, message and the first argument after it, or `None`."""


class Listeners:
    """What a logger adds for those who listen to it."""

    _listeners: tuple[Listener, ...] = ()

    def add_listener(self, listener: Listener) -> None:
        """Call `listener(level, message, args)` for each later line of this run; what it raises is not caught."""
        self._listeners = (*self._listeners, listener)

    addListener = add_listener

    def tell(self, level: str, message: object, args: tuple[object, ...]) -> None:
        """Tell of a line."""
        for listener in self._listeners:
            listener(level, str(message), args[0] if args else None)
