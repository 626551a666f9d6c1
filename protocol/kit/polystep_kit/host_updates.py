"""The checks of a host, continued: changes of a value of the state (PS-8.24)."""

from __future__ import annotations

from typing import Any, Final

from polystep_kit.host_case import REFUSES_AS, HostCase, Op, get, put


def _update(key: str, *ops: Op, **how: Any) -> Op:
    return {"call": "state.update", "with": {"group": "update", "key": key, "ops": list(ops)}, **how}


def _change(type_: str, path: Any = None, **more: Any) -> Op:
    return {"type": type_, **({} if path is None else {"path": path}), **more}


UPDATES: Final = (
    HostCase(
        "update_changes",
        "PS-8.24",
        "the changes of an update are made in their order, and the result is the new value",
        (
            put("update", "all", {"count": 1, "old": True, "log": [1]}),
            _update(
                "all",
                _change("expect", "count", value=1),
                _change("increment", "count", by=2),
                _change("append", ["log"], value=2),
                _change("set", ["log", 0], value={"a": None}),
                _change("remove", "old"),
                _change("merge", value={"b": 1}),
                _change("set", "c.d", value=2),
                **{"is": {"$exactly": {"count": 3, "log": [{"a": None}, 2], "b": 1, "c": {"d": 2}}}},
            ),
            get("update", "all", {"$exactly": {"count": 3, "log": [{"a": None}, 2], "b": 1, "c": {"d": 2}}}),
        ),
        {"gives": {"state.update": {"count": 1}}},
    ),
    HostCase(
        "update_nothing",
        "PS-8.24",
        "changes make what is missing, and remove the key as a whole",
        (
            _update("new", _change("increment"), **{"is": 1}),
            _update("new", _change("remove"), **{"is": None}),
            _update("new", _change("remove"), **{"is": None}),
            _update("new", _change("append", value=1), **{"is": [1]}),
        ),
        {"gives": {"state.update": 1}},
    ),
    HostCase(
        "update_unfit",
        "PS-8.24",
        "a change that does not fit is answered invalid_params, and none is made",
        (
            put("update", "unfit", {"a": "text"}),
            _update("unfit", _change("set", "b", value=1), _change("increment", "a"), error="invalid_params"),
            _update("unfit", _change("append", "a", value=1), error="invalid_params"),
            _update("unfit", _change("set", "a.b", value=1), error="invalid_params"),
            _update("unfit", {"type": "unknown"}, error="invalid_params"),
            _update("unfit", error="invalid_params"),
            get("update", "unfit", {"$exactly": {"a": "text"}}),
        ),
        REFUSES_AS,
    ),
    HostCase(
        "update_conflict",
        "PS-8.24",
        "an expectation that does not hold is answered conflict, and no change is made",
        (
            put("update", "taken", {"by": "one"}),
            _update("taken", _change("set", "by", value="two"), _change("expect", "by", value="one"), error="conflict"),
            _update("taken", _change("expect", value={"by": "one"}), _change("set", "by", value="two"), any=True),
            get("update", "taken", {"$exactly": {"by": "two"}}),
        ),
        REFUSES_AS,
    ),
    HostCase(
        "update_exact",
        "PS-8.24",
        "integers are added exactly, and not beyond those that are carried",
        (
            put("update", "large", 2**53 - 2),
            _update("large", _change("increment"), **{"is": 2**53 - 1}),
            _update("large", _change("increment"), error="invalid_value"),
            get("update", "large", 2**53 - 1),
        ),
        {"gives": {"state.update": 2**53 - 2}},
    ),
)
