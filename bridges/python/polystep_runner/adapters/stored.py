"""Values of the state, as Motia's Python steps read them: 0.17 gave them a map inside another one, as its `data`."""

import warnings
from collections.abc import Callable
from typing import Any


class Stored(dict[str, Any]):
    """A map of the state whose missing `["data"]` is the map itself, with a warning that says so.

    `get("data")` asks whether there is such a member, and answers as with every dict.
    """

    def __missing__(self, name: str) -> Any:
        if name != "data":
            raise KeyError(name)
        # Python shows a warning once for each line of user code.
        warnings.warn(
            'state.get() returns the value itself, which has no "data"; "data" is read as the whole value, as in '
            'Motia 0.17. Leave out "data" here.',
            stacklevel=2,
        )
        return self


def stored(end: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """Give the end of a call a map that can be read in these ways."""
    return lambda error, value: end(error, Stored(value) if type(value) is dict else value)
