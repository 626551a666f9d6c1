"""Figures are what their names say."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from tests.bench.load import percentile
from tests.bench.table import Row, row_of, show, to_json
from tests.bench.usage import Usage
from tests.bench.waiting import CannotMeasure, reach

USAGE = Usage(2.0, {"host": 0.5, "node": 0.0}, {"host": 80.0})


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.05, 1), (0.5, 10), (0.95, 19), (0.99, 20), (1.0, 20)])
def test_percentiles_are_nearest_rank(share: float, value: float) -> None:
    assert percentile([float(number) for number in range(20, 0, -1)], share) == value


def test_a_row_has_costs_per_unit() -> None:
    row = row_of("http", "ts", 1000, USAGE, p50_ms=1.5)
    assert (row.per_s, row.cpu_us, row.rss_mib, row.p50_ms) == (500.0, {"host": 500.0}, {"host": 80.0}, 1.5)


def test_json_leaves_out_what_has_no_meaning() -> None:
    said = json.loads(
        to_json([Row("http", "ts", per_s=1.0, is_met=False)], {"cores": "2"}, ["A remark."], {"soak": "x"})
    )
    assert said == {
        "machine": {"cores": "2"},
        "rows": [{"measure": "http", "case": "ts", "per_s": 1.0, "is_met": False}],
        "remarks": ["A remark."],
        "failures": {"soak": "x"},
    }


def test_the_table_names_a_measure_once() -> None:
    text = io.StringIO()
    show([Row("http", "ts", per_s=1234.4), Row("http", "py", note="[kept] as it is")], Console(file=text, width=160))
    assert text.getvalue().count("http") == 1
    assert "1,234" in text.getvalue() and "[kept] as it is" in text.getvalue()


async def test_work_that_stands_still_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.bench.waiting.STALL_S", 0.0)

    async def seven() -> int:
        return 7

    await reach(7, "events", seven)
    with pytest.raises(CannotMeasure, match="7 of 8 events came"):
        await reach(8, "events", seven, every_s=0.001)
