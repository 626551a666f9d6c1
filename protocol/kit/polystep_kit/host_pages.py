"""The checks of a host, continued: groups that are read in parts (PS-8.12, PS-8.13)."""

from __future__ import annotations

from typing import Final

from polystep_kit.host_case import REFUSES_AS, VALUE_CHARS, HostCase, Op, lives, put


def _group(*keys: str) -> tuple[Op, ...]:
    return tuple(put("pages", key, key.upper()) for key in keys)


def _item(id: str) -> Op:
    with_ = {"stream": "live", "group": "pages", "id": id, "data": {"a": id}}
    return {"call": "streams.set", "with": with_, "any": True}


PAGES: Final = (
    HostCase(
        "page_entries",
        "PS-8.12",
        "state.page gives entries in the order of their keys, at most as many as asked for, and then no cursor",
        (
            *_group("b", "a", "c"),
            {
                "pages": "state.page",
                "with": {"group": "pages", "limit": 2},
                "sizes": [2, 1],
                "are": [{"$exactly": {"key": key, "value": key.upper()}} for key in "abc"],
            },
        ),
        {"gives": {"state.page": {"items": [{"key": "a", "value": "A"}]}}},
    ),
    HostCase(
        "page_keys",
        "PS-8.12",
        'only: "keys" gives the keys alone',
        (*_group("a", "b", "c"), {"pages": "state.page", "with": {"group": "pages", "only": "keys"}, "are": [*"abc"]}),
        {"gives": {"state.page": {"items": ["A", "B", "C"]}}},
    ),
    HostCase(
        "page_values",
        "PS-8.12",
        'only: "values" gives the values alone',
        (
            *_group("a", "b", "c"),
            {"pages": "state.page", "with": {"group": "pages", "only": "values"}, "are": [*"ABC"]},
        ),
        {"gives": {"state.page": {"items": ["a", "b", "c"]}}},
    ),
    HostCase(
        "page_fits",
        "PS-8.12",
        "a group that is larger than a frame comes in pages that fit",
        (
            put("large pages", "one", {"$repeat": ["x", VALUE_CHARS]}),
            put("large pages", "two", {"$repeat": ["y", VALUE_CHARS]}),
            {
                "pages": "state.page",
                "with": {"group": "large pages", "only": "values"},
                "sizes": [1, 1],
                "are": ["x" * VALUE_CHARS, "y" * VALUE_CHARS],
            },
        ),
        {"gives": {"state.page": {"items": []}}},
    ),
    HostCase(
        "page_cursor",
        "PS-8.12",
        "a cursor that is none, and a limit of 0, are answered invalid_params",
        (
            {"call": "state.page", "with": {"group": "pages", "cursor": 1}, "error": "invalid_params"},
            {"call": "state.page", "with": {"group": "pages", "limit": 0}, "error": "invalid_params"},
            lives(),
        ),
        REFUSES_AS,
    ),
    HostCase(
        "page_stream",
        "PS-8.12",
        "streams.page gives items oldest first, or their ids",
        (
            _item("z"),
            _item("y"),
            {
                "pages": "streams.page",
                "with": {"stream": "live", "group": "pages", "limit": 1},
                "sizes": [1, 1],
                "are": [{"a": "z", "id": "z"}, {"a": "y", "id": "y"}],
            },
            {
                "pages": "streams.page",
                "with": {"stream": "live", "group": "pages", "only": "keys"},
                "are": ["z", "y"],
            },
        ),
        {"gives": {"streams.page": {"items": ["z"]}}},
    ),
    HostCase(
        "page_once",
        "PS-8.13",
        "what is there from the first page to the last is given once, whatever changes meanwhile",
        (
            *(put("moving", key, 1) for key in "bdf"),
            {
                "pages": "state.page",
                "with": {"group": "moving", "limit": 1, "only": "keys"},
                "between": [put("moving", "a", 1), put("moving", "d", 2)],
                "are": ["b", "d", "f"],
            },
        ),
        {"gives": {"state.page": {"items": ["b", "d"]}}},
    ),
)
