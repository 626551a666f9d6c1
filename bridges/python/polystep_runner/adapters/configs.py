"""Description of configs for the host, with Motia 0.17's names of members (PS-6.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from polystep_runner.adapters.schemas import Check, check_of, describe_type
from polystep_runner.errors import safe_text

CHECKED: Final = frozenset({"bodySchema", "queryParams", "pathParams", "input"})
_SCHEMAS: Final = CHECKED | {"output", "schema", "contextSchema"}


class Config:
    """Config, read once. `carry(value, where)` makes a value of it plain, or refuses it by its path."""

    def __init__(self, given: Any, carry: Callable[[Any, str], Any]) -> None:
        if not isinstance(given, Mapping):
            given = {name: value for name, value in vars(given).items() if not name.startswith("_")}
        middleware = given.get("middleware") or ()
        self.middleware = middleware if isinstance(middleware, list | tuple) else [middleware]
        self.can_access = given.get("canAccess", given.get("can_access"))
        """Asked at every join of a stream; also in the spelling of Python, which must not leave a stream open."""
        self.checks: dict[str, Check] = {}
        """By member of the config: those that are types, which judge values and make some of their own (PS-7.11)."""
        self.warnings: list[str] = []
        self._carry = carry
        members = {str(key): self._member(str(key), value, f"config.{key}") for key, value in given.items()}
        self.members = {key: value for key, value in members.items() if value is not None}

    def _member(self, key: str, value: Any, where: str) -> Any:
        """A member of the config as a plain value; None leaves it out."""
        if key == "responseSchema" and isinstance(value, Mapping):
            return {str(status): self._member("schema", each, f"{where}.{status}") for status, each in value.items()}
        if key in _SCHEMAS and not isinstance(value, bool | list | Mapping | None):
            return self._schema(key, value, where)
        if key in ("queryParams", "pathParams") and isinstance(value, list | tuple):
            return [self._parameter(each, f"{where}.{number}") for number, each in enumerate(value)]
        if key == "middleware" and value is not None:
            return len(self.middleware)
        if key.replace("_", "").lower() == "canaccess" and value is not None:
            return True  # also when it is misspelled: the host refuses it, and left out it would leave the stream open
        return None if callable(value) else self._carry(_without_functions(value), where)

    def _parameter(self, value: Any, where: str) -> Any:
        """An entry of a list of parameters, whose `schema` may be a type."""
        plain = self._carry(_without_functions(value), where)
        if isinstance(value, Mapping) and not isinstance(value.get("schema"), bool | Mapping | None):
            plain["schema"] = self._schema("", value["schema"], f"{where}.schema")
        return plain

    def _schema(self, key: str, value: Any, where: str) -> Any:
        """JSON Schema of the input side of a type; None, with a warning, for what has none."""
        try:
            described = self._carry(describe_type(value), where)
            if key in CHECKED:
                self.checks[key] = check_of(value)
            return described
        except ImportError:
            why = "is a Python type, which takes pydantic: add it to requirements.txt, or use a dict."
        except Exception as error:  # noqa: BLE001 - of pydantic and of user code; one schema must not cost the step
            why = f"was left out, it has no JSON Schema: {safe_text(error)}"
        self.warnings.append(f"{where} {why}")
        return None


def _without_functions(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _without_functions(item) for key, item in value.items() if not callable(item)}
    if isinstance(value, list | tuple):
        return [_without_functions(item) for item in value if not callable(item)]
    return value
