"""Input of handlers, as Motia's Python steps read it: by item, by attribute, in snake case."""

from typing import Any, Final

_SNAKE_CASE: Final = {"path_params": "pathParams", "query_params": "queryParams", "raw_body": "rawBody"}


def _record(value: Any, lists: int = 8) -> Any:
    """Make records of maps, also in lists in lists, so many deep; a list stays the same plain list."""
    if type(value) is dict:
        return Record(value)
    if type(value) is list and lists > 0:
        value[:] = [_record(each, lists - 1) for each in value]
    return value


class Record(dict[str, Any]):
    """A map that answers `record["name"]`, `record.get("name")` and `record.name`; maps in it are records too."""

    _converted_lists: frozenset[str] = frozenset()
    """Names of lists whose maps are records by now: a list is walked once, however often it is read."""

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if type(value) is dict:
            value = self[name] = Record(value)
        elif type(value) is list and name not in self._converted_lists:
            object.__setattr__(self, "_converted_lists", self._converted_lists | {name})
            _record(value)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or `default` when there is none."""
        return self[name] if name in self else default

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"There is no {name!r}; there is {', '.join(self)}.") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


class Request(Record):
    """An HTTP request: `body`, `headers`, `pathParams`, `queryParams`, `rawBody`, and `files` of an upload.

    `path_params`, `query_params` and `raw_body` are the same as the names above.
    """

    def __missing__(self, name: str) -> Any:
        if name == "files":
            return []
        if name not in _SNAKE_CASE:
            raise KeyError(name)
        return self[_SNAKE_CASE[name]]

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(_SNAKE_CASE.get(name, name), value)


def readable(type_: str, value: object) -> object:
    """Make the input of a step of this type readable in these ways."""
    if type(value) is not dict:
        return value
    return Request(value) if type_ == "api" else Record(value)
