"""Reads a skeleton as a client does."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson


class ShownRow(NamedTuple):
    """Row of a trace, with absolute numbers and with words."""

    depth: int
    kind: str
    status: str
    name: str
    place: str
    text: str
    start_us: int
    length_us: int
    wait_us: int
    key: int


def rows_of(answer: Any) -> list[ShownRow]:
    """Read the rows of an answer, and check that its columns agree."""
    answer = orjson.loads(orjson.dumps(answer))
    columns = answer["columns"]
    assert {len(column) for column in columns.values()} == {answer["rowCount"]}
    waits = dict(answer["waits"])
    texts, rows = [""], list[ShownRow]()
    depths: list[int] = []
    start, last = 0, {"run": 0, "span": 0, "line": 0}
    for at in range(answer["rowCount"]):
        back, kind = columns["parent"][at], answer["kinds"][columns["kind"][at]]
        parent = at - back
        assert back == 0 or parent + columns["size"][parent] >= at + columns["size"][at]
        depths.append(depths[parent] + 1 if back else 0)
        text = columns["text"][at]
        name, place = answer["names"][columns["name"][at]]
        if isinstance(text, str):
            texts.append(text)
        start += columns["start"][at]
        sort = "run" if kind in ("run", "http") else "line" if kind == "log" else "span"
        key = columns["key"][at]
        if kind != "attempt":
            last[sort] = key = key + last[sort]
        rows.append(
            ShownRow(
                depths[at],
                kind,
                answer["statuses"][columns["status"][at]],
                name,
                place,
                text if isinstance(text, str) else texts[text],
                start,
                columns["length"][at],
                waits.get(at, 0),
                key,
            )
        )
    return rows
