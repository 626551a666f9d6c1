"""Input of handlers, checked and made by the types of the config (PS-7.11)."""

from collections.abc import Mapping
from typing import Any, Final

from polystep_runner.adapters.schemas import Check
from polystep_runner.errors import PolystepError

_OF_REQUEST: Final = {"bodySchema": "body", "queryParams": "queryParams", "pathParams": "pathParams"}
"""Member of the config → member of the request that it checks."""


def checked(checks: Mapping[str, Check], type: str, value: Any) -> Any:
    """Return the input as the types make it; raises `contract_broken` with every issue."""
    if not checks or type == "cron":
        return value
    if type == "event":
        value, issues = checks["input"](value) if "input" in checks else (value, [])
    else:
        issues, value = [], dict(value)
        for name, member in _OF_REQUEST.items():
            if name in checks:
                value[member], found = checks[name](value.get(member))
                # Of what stands beside the body, the path says where.
                issues += [each | {"path": [member, *each["path"]]} if member != "body" else each for each in found]
    if issues:
        where = ".".join(map(str, issues[0]["path"])) or "it"
        raise PolystepError("contract_broken", f"{where}: {issues[0]['message']}", data={"issues": issues})
    return value
