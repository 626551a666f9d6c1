"""What goes into a handler, as Motia's Python steps read it: by item, by attribute, in snake case."""

from typing import Any, Final

_SNAKE_CASE: Final = {"path_params": "pathParams", "query_params": "queryParams", "raw_body": "rawBody"}


class Records(list[Any]):
    """A list whose maps are records."""


def _record(value: Any, lists: int = 8) -> Any:
    """What is read by attribute too, also in lists in lists, so many deep."""
    if type(value) is dict:
        return Record(value)
    return Records(_record(each, lists - 1) for each in value) if type(value) is list and lists > 0 else value


class Record(dict[str, Any]):
    """A map that answers `record["name"]`, `record.get("name")` and `record.name`; maps in it are records too."""

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if type(value) is dict or (type(value) is list and name in self):
            value = self[name] = _record(value)
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
    """The input of a step of this type, such that its members can be read in these ways."""
    if type(value) is not dict:
        return value
    return Request(value) if type_ == "api" else Record(value)
